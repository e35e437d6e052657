"""The three terms of log p(x) = bound + KL(q(z|x) ‖ p(z|x)), each by quadrature over one or two latents: nothing is sampled."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least, require_shapes
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel
from scratchvae.posteriors import Density

WHOLE = 1e-6  # how far from 1 the mass of q or p(z|x) on the grid may be,
WHOLE_BY_HALF = 1e-3  # and that on every second point of each axis: the error falls with a power of four at least of this


@dataclass(frozen=True)
class Evidence:
    """Of N examples, in nats, float64; the densities are those at the G points z of a grid of cells."""

    log_px: Array  # (N,) log ∫ p(x|z) p(z) dz
    bound: Array  # (N,) ∫ q(z|x) (log p(x, z) − log q(z|x)) dz
    kl_to_posterior: Array  # (N,) KL(q(z|x) ‖ p(z|x))
    z: Array  # (G, Z)
    cell: float  # the volume that a point stands for
    log_posterior: Array  # (N, G) log p(z|x)
    log_q: Array  # (N, G) log q(z|x)


def evidence(model: LatentModel, x: Array, *, reach: float = 8.0, points: int | None = None) -> Evidence:
    """All terms for x (N, D) on an even grid along each latent, from −reach to reach.

    `points` of it an axis, by default 2001 for one latent and 201 for two; each is decoded.

    The trapezoid rule: for smooth densities that have vanished at the grid's ends its error falls faster than any power of the
    spacing. InputError where the grid does not hold all of q(z|x), is too coarse for it or for p(z|x), or cuts p(z|x) off: of a
    second mode of p(z|x) that lies wholly beyond `reach` it can't know.
    Kingma & Welling 2014, equation 1; the bound depends on q, and log p(x) does not.
    """
    Z = model.posterior.latent_dim
    if not isinstance(model.posterior, Density):
        raise InputError(f"evidence: the posterior should have a density, found a {type(model.posterior).__name__}")
    if Z > 2:
        raise InputError(f"evidence: quadrature is for one or two latents, found {Z}; log_likelihood estimates log p(x) for more")
    points = (2001 if Z == 1 else 201) if points is None else points
    require_at_least("evidence", "points", points, 3)
    require_shapes("evidence", x=(x, "N D"))
    model.likelihood.require_support(x)
    if not (np.isfinite(reach) and reach > 0):
        raise InputError(f"evidence: reach should be positive, found {reach}")
    dtype = dtype_of(model)
    axis = np.linspace(-reach, reach, points)
    z = np.stack(np.meshgrid(*[axis] * Z, indexing="ij"), axis=-1).reshape(-1, Z)
    cell = float((axis[1] - axis[0]) ** Z)
    x_params, _ = model.decoder(z.astype(dtype))
    log_pz, _ = model.prior.log_prob(z)
    q_params, _ = model.encoder(x.astype(dtype))
    N, G = len(x), len(z)
    log_joint, log_q = np.empty((N, G)), np.empty((N, G))
    for i, one in enumerate(x.astype(dtype)):
        log_px_z, _ = model.likelihood.log_prob(x_params, x=np.broadcast_to(one, (G, x.shape[1])))
        log_joint[i] = log_px_z.astype(np.float64) + log_pz
        log_q[i], _ = model.posterior.log_prob(np.broadcast_to(q_params[i].astype(np.float64), (G, q_params.shape[1])), z)
    largest = log_joint.max(axis=1, keepdims=True)
    log_px = largest[:, 0] + np.log(np.exp(log_joint - largest).sum(axis=1) * cell)
    log_posterior = log_joint - log_px[:, None]
    q = np.exp(log_q) * cell
    _require_on_grid("q(z|x)", q, z, reach, points)
    _require_on_grid("p(z|x)", np.exp(log_posterior) * cell, z, reach, points)
    with np.errstate(invalid="ignore"):
        bound = np.where(q > 0, q * (log_joint - log_q), 0).sum(axis=1)  # 0 · −∞ counts as its limit, 0
        kl = np.where(q > 0, q * (log_q - log_posterior), 0).sum(axis=1)
    return Evidence(log_px, bound, kl, z, cell, log_posterior, log_q)


def _require_on_grid(name: str, mass: Array, z: Array, reach: float, points: int) -> None:
    """That each row of masses (N, G) sums to 1, is small at the grid's ends, and is spread over several points."""
    N, Z = len(mass), z.shape[1]
    at_ends = mass[:, (np.abs(z) >= reach).any(axis=1)].sum(axis=1)
    half = mass.reshape(N, *[points] * Z)[(slice(None), *[slice(None, None, 2)] * Z)]
    every_second = half.reshape(N, -1).sum(axis=1) * 2**Z
    off = np.maximum(np.abs(mass.sum(axis=1) - 1), at_ends)
    off = np.maximum(off, np.abs(every_second - 1) * (WHOLE / WHOLE_BY_HALF))
    i = int(off.argmax())
    if not off[i] <= WHOLE:
        expected = f"a grid to ±{reach:g} with {points} points on an axis should be wide and fine enough for {name}"
        found = f"{mass[i].sum():.6g} of its mass, {at_ends[i]:.2g} at the ends, {every_second[i]:.6g} by every second point"
        raise InputError(f"evidence: {expected}; found for example {i} {found}")
