"""Compiled twins of `textbook/counts.py`: what an entry needs is computed for it alone, and most counts are small."""

import math

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.textbook.counts import LARGEST, NEAR, SERIES, SHIFT, STEEP, STIRLING, STIRLING_FROM, STRAIGHT

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


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
            value = _log_peak(count, r) - _half_deviance(l, mean, count, r)
        else:
            value = -r * (np.log1p(mean / r) if apart < STRAIGHT else apart)
        slope = _distance(l, mean, 0.0 if count == 1 else count, r, apart)
        if count == 1:
            slope += mean / (r + mean) / r
        elif count > 0:
            slope += _digamma_excess(count, r)
        log_p[i], of_mean[i], of_dispersion[i] = value, (count - mean) * (r / (r + mean)), r * slope
    return log_p, of_mean, of_dispersion


@scalar
def _held(value: float) -> float:
    return LARGEST if value > LARGEST else value


@scalar
def _log_peak(x: float, r: float) -> float:
    errors = _stirling_error(x + r) - _stirling_error(r) - _stirling_error(x)
    return -0.5 * (np.log(2 * np.pi * x) + np.log1p(x / r)) + errors


@scalar
def _half_deviance(log_mean: float, mean: float, x: float, r: float) -> float:
    rho = log_mean - np.log(x)
    near = abs(rho) < 1
    if near:
        rho = np.log1p((mean - x) / x)
    share = min(x, r) / (x + r)
    rho = rho if x <= r else -rho
    held = STEEP if rho > STEEP else rho
    v = share * np.expm1(held)
    if near:
        series = 0.0
        for n in range(20, 1, -1):
            series = (1 + rho * series) / n
        return (x + r) * (_log1p_less(v) + share * rho * rho * series)
    more = rho - STEEP if rho > STEEP else 0.0
    return (x + r) * (np.log1p(v) - share * held + (1 - share) * more)


@scalar
def _distance(log_mean: float, mean: float, x: float, r: float, apart: float) -> float:
    w = _held((x - mean) / (r + mean))
    if w <= -NEAR:
        top = max(apart, 0.0)
        log_sum = np.log(r) + top + np.log1p(np.exp(-abs(apart)))
        return np.log(r + x) - log_sum - w
    return _log1p_less(w)


@scalar
def _digamma_excess(x: float, r: float) -> float:
    total = 0.0
    if x <= SHIFT and x == np.floor(x):
        for k in range(int(x)):
            total -= _log1p_less(1 / (r + k))
        return total
    for k in range(SHIFT):
        total += _log1p_less(1 / (x + (r + k))) - _log1p_less(1 / (r + k))
    a, b = 1 / (r + SHIFT), 1 / (x + (r + SHIFT))
    series, power, quotient = 0.0, 1.0, 1.0
    for c in SERIES:
        series += c * quotient
        power *= a
        quotient = power + b * quotient
    return total + x * a * b * series


@scalar
def _log1p_less(v: float) -> float:
    if abs(v) >= NEAR or v != v:
        return np.log1p(v) - v
    y = v / (2 + v)
    squares, series = y * y, 0.0
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    return y * (2 * series - v)


@scalar
def _stirling_error(z: float) -> float:
    if z < STIRLING_FROM:
        return math.lgamma(z + 1) - (z + 0.5) * np.log(z) + z - HALF_LOG_2PI
    squares, series = 1 / (z * z), 0.0
    for c in STIRLING[::-1]:
        series = c + squares * series
    return series / z
