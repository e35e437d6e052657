"""Integrals over one or two latents, by the trapezoid rule on an even grid: ∫ f(z) dz ≈ cell · Σ_g f(z_g).

For a smooth f that has vanished at the ends of the grid, the error of this rule falls faster than any power
of the spacing (Trefethen & Weideman 2014, "The Exponentially Convergent Trapezoidal Rule").

Letters: B or N examples, G points of the grid, Z latents, P parameters of q.
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.posteriors import Density

WHOLE = 1e-6  # the mass of a density on the grid may differ from 1 by this
WHOLE_BY_HALF = 1e-3  # and by this with every second point, since all points leave its square, or less


@dataclass(frozen=True)
class Grid:
    """An even grid with `points` points from −reach to reach along each latent."""

    z: Array  # (G, Z), G = points^Z
    cell: float  # the length (one latent) or area (two) that each point stands for
    reach: float
    points: int


def even_grid(latent_dim: int, *, reach: float = 8.0, points: int | None = None) -> Grid:
    """A grid for one latent, by default of 2001 points, or for two, by default of 201 points an axis."""
    require_count("even_grid", "latent_dim", latent_dim, 0)
    if latent_dim not in (1, 2):
        remedy = "log_likelihood estimates log p(x) for more"
        raise InputError(f"even_grid: quadrature is for one or two latents, found {latent_dim}; {remedy}")
    points = (2001 if latent_dim == 1 else 201) if points is None else points
    require_count("even_grid", "points", points, 3)
    if not (np.isfinite(reach) and reach > 0):
        raise InputError(f"even_grid: reach should be positive, found {reach}")
    axis = np.linspace(-reach, reach, points)
    z = np.stack(np.meshgrid(*[axis] * latent_dim, indexing="ij"), axis=-1).reshape(-1, latent_dim)
    return Grid(z, float((axis[1] - axis[0]) ** latent_dim), reach, points)


def log_q_on_grid(q_params: Array, *, posterior: Density, grid: Grid) -> tuple[Array, Pullback]:
    """log q(z_g|x_b) of every example at every point.     q_params (B, P)  ->  (B, G) in nats."""
    require_shapes("log_q_on_grid", q_params=(q_params, f"B {posterior.n_params}"))
    if not len(q_params):
        raise InputError("log_q_on_grid: there should be at least one example, found none")
    G = len(grid.z)
    q_params = q_params.astype(np.float64)
    rows = [posterior.log_prob(np.broadcast_to(row, (G, len(row))), grid.z) for row in q_params]

    def pullback(dlog_q: Array) -> Array:
        dq_params = [
            row_pullback(d)[0].sum(axis=0) for (_, row_pullback), d in zip(rows, dlog_q, strict=True)
        ]
        return np.stack(dq_params)  # dq_params_b = Σ_g dlog_q_bg ∂log q(z_g|x_b)/∂q_params_b

    return np.stack([log_q for log_q, _ in rows]), pullback


def require_whole(where: str, name: str, log_density: Array, grid: Grid) -> None:
    """Raise InputError unless each row of log-densities (N, G) integrates to 1 on the grid.

    The integral by every second point must be 1 too, though less exactly, which it is not where the grid is
    too coarse for the density. Next to no mass may lie at the ends of the grid, as it does where the grid
    cuts the density off. A second mode that lies wholly beyond the grid goes unnoticed.
    """
    N, Z = len(log_density), grid.z.shape[1]
    if not N:
        raise InputError(f"{where}: there should be at least one example, found none")
    mass = np.exp(log_density) * grid.cell
    at_ends = mass[:, (np.abs(grid.z) >= grid.reach).any(axis=1)].sum(axis=1)
    every_second = mass.reshape(N, *[grid.points] * Z)[(slice(None), *[slice(None, None, 2)] * Z)]
    by_half = every_second.reshape(N, -1).sum(axis=1) * 2**Z
    off = np.maximum(np.abs(mass.sum(axis=1) - 1), at_ends)
    off = np.maximum(off, np.abs(by_half - 1) * (WHOLE / WHOLE_BY_HALF))
    i = int(off.argmax())
    if not off[i] <= WHOLE:
        axis = f"a grid to ±{grid.reach:g} with {grid.points} points on an axis"
        expected = f"{axis} should be wide and fine enough for {name}"
        parts = f"{mass[i].sum():.6g} of its mass, {at_ends[i]:.2g} at the ends"
        found = f"found for example {i} {parts}, {by_half[i]:.6g} by every second point"
        raise InputError(f"{where}: {expected}; {found}")
