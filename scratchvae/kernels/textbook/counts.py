"""Laws of counts whose parts agree in more digits than a float has: log-probabilities and slopes by entry.

Everything is computed in float64, in either dtype.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import (
    NEAR,
    digamma_excess,
    half_deviance,
    log1p_less,
    stirling_error,
)

# It takes the place of a dispersion of ∞, with which the law is Poisson's in every digit, and 1/LARGEST that of 0.
LARGEST = 1e300
STRAIGHT = 40.0  # from here on log(1 + eᵃ) is a in every digit


def negative_binomial(log_mean: Array, log_dispersion: Array, x: Array) -> tuple[Array, Array, Array]:
    """log p(x) and its slopes by log μ and log r, for x ≥ 0, the mean μ and the dispersion r.

        ∂log p/∂log μ = r (x − μ)/(r + μ)
        ∂log p/∂log r = r (digamma_excess − (w − log(1 + w))),    w = (x − μ)/(r + μ)

    For x > 0, log p is `_log_peak` less `half_deviance`, and for x = 0 it is −r log(1 + μ/r). Both parts of
    the second slope are positive, and they agree at x = 1 as μ falls to 0. At x = 1 it is therefore computed
    in another form, with the w of x = 0:

        ∂log p/∂log r = r (μ/(r (r + μ)) − (w − log(1 + w)))
    """
    l, counts = log_mean.astype(np.float64), x.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        mean = np.minimum(np.exp(l), LARGEST)
        r = np.clip(np.exp(log_dispersion.astype(np.float64)), 1 / LARGEST, LARGEST)
        some, apart = counts > 0, l - np.log(r)
        ratio = np.minimum(mean, r * np.exp(STRAIGHT)) / r
        log_p = -r * np.where(apart < STRAIGHT, np.log1p(ratio), apart)  # −r log(1 + μ/r)
        log_p[some] = _log_peak(counts[some], r[some]) - half_deviance(
            _log_ratio(l[some], mean[some], counts[some]), counts[some], r[some]
        )
        of_mean = (counts - mean) * (r / (r + mean))
        of_dispersion = _distance(l, mean, counts, r)
        of_dispersion[some] += digamma_excess(counts[some], r[some])
        of_one = _distance(l, mean, np.zeros_like(r), r) + mean / (r + mean) / r
        of_dispersion = np.where(counts == 1, of_one, of_dispersion)
        of_dispersion *= r
    dtype = log_mean.dtype
    with np.errstate(over="ignore"):
        return log_p.astype(dtype), of_mean.astype(dtype), of_dispersion.astype(dtype)


def _log_peak(x: Array, r: Array) -> Array:
    """log p(x; μ = x), the highest probability of x > 0, as −½ log(2πx (1 + x/r)) + δ(x+r) − δ(r) − δ(x).

    Loader 2000, "Fast and accurate computation of binomial probabilities"; δ is the error of Stirling's
    formula.
    """
    return -0.5 * (np.log(2 * np.pi * x) + np.log1p(x / r)) + (
        stirling_error(x + r) - stirling_error(r) - stirling_error(x)
    )


def _log_ratio(log_mean: Array, mean: Array, x: Array) -> Array:
    """log μ/x for x > 0. Within ±1 it is computed without log x, whose roundoff would count there."""
    rho = log_mean - np.log(x)
    near = np.abs(rho) < 1
    return np.where(near, np.log1p((np.where(near, mean, x) - x) / x), rho)


def _distance(log_mean: Array, mean: Array, x: Array, r: Array) -> Array:
    """log(1+w) − w ≤ 0 with w = (x − μ)/(r + μ).

    Where 1 + w is near 0, its logarithm is log(r+x) − log(r+μ).
    """
    w = np.minimum((x - mean) / (r + mean), LARGEST)
    far_below = np.log(r + x) - np.logaddexp(log_mean, np.log(r)) - w
    return np.where(w <= -NEAR, far_below, log1p_less(np.maximum(w, -NEAR)))
