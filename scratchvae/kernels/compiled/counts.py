"""Compiled twins of `textbook/counts.py`. Each entry takes only the branches that it needs.

Most counts are small, and need few of them.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.compiled.gamma_ratios import digamma_excess, half_deviance, log1p_less, stirling_error
from scratchvae.kernels.textbook.counts import LARGEST, STRAIGHT
from scratchvae.kernels.textbook.gamma_ratios import NEAR


@pointwise
def negative_binomial(log_mean: Array, log_dispersion: Array, x: Array) -> tuple[Array, Array, Array]:
    log_p, of_mean, of_dispersion = np.empty_like(log_mean), np.empty_like(log_mean), np.empty_like(log_mean)
    for i in range(log_mean.size):
        l, count = np.float64(log_mean[i]), np.float64(x[i])
        mean = _held(np.exp(l))
        r = _held(np.exp(np.float64(log_dispersion[i])))
        r = 1 / LARGEST if r < 1 / LARGEST else r
        apart = l - np.log(r)
        if count > 0:
            value = _log_peak(count, r) - half_deviance(_log_ratio(l, mean, count), count, r)
        else:
            value = -r * (np.log1p(mean / r) if apart < STRAIGHT else apart)
        slope = _distance(l, mean, 0.0 if count == 1 else count, r, apart)
        if count == 1:
            slope += mean / (r + mean) / r
        elif count > 0:
            slope += digamma_excess(count, r)
        log_p[i], of_mean[i], of_dispersion[i] = value, (count - mean) * (r / (r + mean)), r * slope
    return log_p, of_mean, of_dispersion


@scalar
def _held(value: float) -> float:
    return LARGEST if value > LARGEST else value


@scalar
def _log_peak(x: float, r: float) -> float:
    errors = stirling_error(x + r) - stirling_error(r) - stirling_error(x)
    return -0.5 * (np.log(2 * np.pi * x) + np.log1p(x / r)) + errors


@scalar
def _log_ratio(log_mean: float, mean: float, x: float) -> float:
    rho = log_mean - np.log(x)
    return np.log1p((mean - x) / x) if abs(rho) < 1 else rho


@scalar
def _distance(log_mean: float, mean: float, x: float, r: float, apart: float) -> float:
    w = _held((x - mean) / (r + mean))
    if w <= -NEAR:
        top = max(apart, 0.0)
        log_sum = np.log(r) + top + np.log1p(np.exp(-abs(apart)))
        return np.log(r + x) - log_sum - w
    return log1p_less(w)
