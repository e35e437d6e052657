"""Compiled twins of `textbook/gamma_ratios.py`, as functions of single numbers."""

import math

import numpy as np

from scratchvae.kernels.compiled.compiler import scalar
from scratchvae.kernels.textbook.gamma_ratios import NEAR, SERIES, SHIFT, STEEP, STIRLING, STIRLING_FROM

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@scalar
def log1p_less(v: float) -> float:
    if abs(v) >= NEAR or v != v:
        return np.log1p(v) - v
    y = v / (2 + v)
    squares, series = y * y, 0.0
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    return y * (2 * series - v)


@scalar
def half_deviance(rho: float, x: float, r: float) -> float:
    share = min(x, r) / (x + r)
    rho = rho if x <= r else -rho
    held = STEEP if rho > STEEP else rho
    v = share * np.expm1(held)
    if abs(rho) < 1:
        series = 0.0
        for n in range(20, 1, -1):
            series = (1 + rho * series) / n
        return (x + r) * (log1p_less(v) + share * rho * rho * series)
    more = rho - STEEP if rho > STEEP else 0.0
    return (x + r) * (np.log1p(v) - share * held + (1 - share) * more)


@scalar
def digamma_excess(x: float, r: float) -> float:
    total = 0.0
    if x <= SHIFT and x == np.floor(x):
        for k in range(int(x)):
            total -= log1p_less(1 / (r + k))
        return total
    for k in range(SHIFT):
        total += log1p_less(1 / (x + (r + k))) - log1p_less(1 / (r + k))
    a, b = 1 / (r + SHIFT), 1 / (x + (r + SHIFT))
    series, power, quotient = 0.0, 1.0, 1.0
    for c in SERIES:
        series += c * quotient
        power *= a
        quotient = power + b * quotient
    return total + x * a * b * series


@scalar
def stirling_error(z: float) -> float:
    if z < STIRLING_FROM:
        return math.lgamma(z + 1) - (z + 0.5) * np.log(z) + z - HALF_LOG_2PI
    squares, series = 1 / (z * z), 0.0
    for c in STIRLING[::-1]:
        series = c + squares * series
    return series / z
