"""The three terms of log p(x) = bound + KL(q(z|x) ‖ p(z|x)), by quadrature over one or two latents."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_shapes
from scratchvae.data import Batch
from scratchvae.evaluation.expectation import expectation_by_quadrature
from scratchvae.evaluation.quadrature import Grid, even_grid, log_q_on_grid, require_whole
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel
from scratchvae.posteriors import Density


@dataclass(frozen=True)
class Evidence:
    """The three terms for N examples, and the log-densities at the G points of the grid behind them.

    All are in nats and float64.
    """

    log_px: Array  # (N,) log p(x) = log ∫ p(x, z) dz
    bound: Array  # (N,) ∫ q(z|x) (log p(x, z) − log q(z|x)) dz
    kl_to_posterior: Array  # (N,) ∫ q(z|x) (log q(z|x) − log p(z|x)) dz
    log_joint: Array  # (N, G) log p(x, z) = log p(x|z) + log p(z)
    log_posterior: Array  # (N, G) log p(z|x), which is defined here as log p(x, z) − log p(x)
    log_q: Array  # (N, G) log q(z|x)
    grid: Grid


def evidence(
    model: LatentModel, x: Array, y: Array | None = None, *, reach: float = 8.0, points: int | None = None
) -> Evidence:
    """Integrate over the latents of each example x (N, D), on an even grid from −reach to reach on each axis.

    An axis has `points` points, by default 2001 with one latent and 201 with two. Each point is decoded once.
    If the model is told y (N, …), each point is decoded once for each different y, and the terms are those of
    log p(x|y).

    The bound depends on q(z|x), and log p(x) does not: q enters no part of its computation. p(z|x) is defined
    by the log p(x) that is found here, and so the three terms add up on any grid. Their sum is therefore no
    evidence that the grid is good.

    A grid is good if q(z|x) and p(z|x) vanish at its ends and integrate to 1, by all of its points and also
    by every second one. Any other grid raises an InputError. A second mode of p(z|x) that lies wholly beyond
    `reach` goes unnoticed. Kingma & Welling 2014, equation 1.
    """
    require_shapes("evidence", x=(x, "N D"))
    if not isinstance(model.posterior, Density):
        raise InputError(
            f"evidence: the posterior should have a density, found a {type(model.posterior).__name__}"
        )
    model.likelihood.require_support(x)
    grid = even_grid(model.posterior.latent_dim, reach=reach, points=points)
    dtype = dtype_of(model)
    batch = Batch(x.astype(dtype), y)
    q_params, _ = model.encoder(model.seen(batch))
    rows = [log_q_on_grid(row[None], posterior=model.posterior, grid=grid)[0] for row in q_params]
    log_joint, log_q = (
        _log_joint_on_grid(model, batch, grid),
        np.concatenate(rows or [np.empty((0, len(grid.z)))]),
    )
    largest = log_joint.max(axis=1, keepdims=True)  # subtracted, so that the largest exponential is 1
    log_px = largest[:, 0] + np.log(np.exp(log_joint - largest).sum(axis=1) * grid.cell)
    log_posterior = log_joint - log_px[:, None]
    require_whole("evidence", "q(z|x)", log_q, grid)
    require_whole("evidence", "p(z|x)", log_posterior, grid)
    with np.errstate(invalid="ignore"):  # −∞ less −∞, where q is 0
        bound = expectation_by_quadrature(log_joint - log_q, log_q, grid=grid).mean
        kl = expectation_by_quadrature(log_q - log_posterior, log_q, grid=grid).mean
    return Evidence(log_px, bound, kl, log_joint, log_posterior, log_q, grid)


def _log_joint_on_grid(model: LatentModel, batch: Batch, grid: Grid) -> Array:
    """log p(x, z), or log p(x, z|y), of each example at each point (B, G).

    The grid is decoded once for each y.
    """
    N, G = len(batch), len(grid.z)
    log_joint = np.empty((N, G))
    alike = (
        np.zeros(N, int)
        if batch.y is None
        else np.unique(batch.y, axis=0, return_inverse=True)[1].reshape(-1)
    )
    for k in np.unique(alike):
        some = np.flatnonzero(alike == k)
        first = Batch(batch.x[some[:1]], None if batch.y is None else batch.y[some[:1]])
        x_params, _ = model.decoded(grid.z.astype(batch.x.dtype), first, draws=G)
        log_pz, _ = model.prior_given(first).log_prob(grid.z)
        for i in some:
            log_px_z, _ = model.likelihood.log_prob(
                x_params, x=np.broadcast_to(batch.x[i], (G, batch.x.shape[1]))
            )
            log_joint[i] = log_px_z.astype(np.float64) + log_pz
    return log_joint
