"""E_q[f(z)], the mean of a function of z under a density q(z), by quadrature and by sampling.

One such mean needs neither. The evidence log p(x) is a number that does not contain z, and so every density q
gives

    E_q[log p(x)] = ∫ q(z) log p(x) dz = log p(x) ∫ q(z) dz = log p(x)

By Bayes' rule the same number is log p(x, z) − log p(z|x), for any z: both terms vary with z, and their
difference does not. Take its mean under q, and subtract and add log q(z). The mean is then the sum of the
bound and of a KL:

    log p(x) = E_q[log p(x, z) − log p(z|x)]
             = E_q[log p(x, z) − log q(z)] + E_q[log q(z) − log p(z|x)] = bound(q) + KL(q ‖ p(z|x))

A single z gives the mean of the first line exactly, since the function is flat. The integrand of the bound
varies with z unless q is p(z|x), and so a mean over draws has a standard error. Kingma & Welling 2019,
section 2.2.
"""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, require_at_least, require_shapes
from scratchvae.evaluation.quadrature import Grid, require_whole


@dataclass(frozen=True)
class Expectation:
    """The mean and the spread of a function f of z under q(z), for N examples: each (N,), in units of f."""

    mean: Array  # E_q[f(z)]
    deviation: Array  # √ E_q[(f(z) − E_q[f(z)])²]: 0 where f is flat
    standard_error: Array  # of the mean: deviation / √K after K draws, 0 by quadrature


def expectation_by_quadrature(f: Array, log_q: Array, *, grid: Grid) -> Expectation:
    """∫ q(z) f(z) dz from the values of f and log q at the points of the grid, both (N, G).

    The sum is not divided by that of q, and so InputError is raised unless q integrates to 1 on the grid.
    Where q is 0, f counts for nothing, even if f is infinite or NaN there, since q log q tends to 0 with q.
    """
    require_shapes("expectation_by_quadrature", f=(f, f"N {len(grid.z)}"), log_q=(log_q, f"N {len(grid.z)}"))
    require_whole("expectation_by_quadrature", "q(z)", log_q, grid)
    q = np.exp(log_q)
    f = np.where(q > 0, f, 0)
    mean = (q * f).sum(axis=1) * grid.cell
    with np.errstate(invalid="ignore"):  # the deviation from an infinite mean is NaN
        variance = (q * (f - mean[:, None]) ** 2).sum(axis=1) * grid.cell
    return Expectation(mean, np.sqrt(variance), np.zeros_like(mean))


def expectation_by_sampling(f: Array) -> Expectation:
    """The mean of f at K draws z ~ q(z) of each example, and its standard error.     f (N, K), K ≥ 2."""
    K = require_shapes("expectation_by_sampling", f=(f, "N K"))["K"]
    require_at_least("expectation_by_sampling", "the number of draws", K, 2)
    deviation = f.std(axis=1, ddof=1)
    return Expectation(f.mean(axis=1), deviation, deviation / np.sqrt(K))
