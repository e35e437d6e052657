"""Compiled twins of `textbook/unit_interval.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.compiled.gamma_ratios import (
    HALF_LOG_2PI,
    digamma_excess,
    half_deviance,
    stirling_error,
)
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES
from scratchvae.kernels.textbook.unit_interval import FAR, TOP

COEFFICIENTS = tuple(zip(SERIES[::-1], [k * c for k, c in enumerate(SERIES, start=1)][::-1], strict=True))


@pointwise
def continuous_bernoulli(logits: Array, x: Array) -> tuple[Array, Array]:
    log_p, slope = np.empty_like(logits), np.empty_like(logits)
    zero, half, one, two = (
        logits.dtype.type(0),
        logits.dtype.type(0.5),
        logits.dtype.type(1),
        logits.dtype.type(2),
    )
    log_2 = logits.dtype.type(LOG_2)
    for i in range(logits.size):
        l, middle = logits[i], x[i] - half
        away = abs(l)
        near = min(max(l, -log_2), log_2)
        squares, S, half_slope = near * near, zero, zero
        for c, kc in COEFFICIENTS:
            S = squares * (type(near)(c) + S)
            half_slope = type(near)(kc) + squares * half_slope
        far = max(away, log_2)
        e = exponential.exp_to_one(-far)
        end = one - x[i] if l > zero else x[i]
        from_end = (one / far - e / (one - e)) - end
        log_p[i] = (
            near * middle - S if away < log_2 else (exponential.log(far) - exponential.log1p(-e)) - far * end
        )
        slope[i] = middle - two * near * half_slope if away < log_2 else (from_end if l > zero else -from_end)
    return log_p, slope


@pointwise
def beta(log_a: Array, log_b: Array, x: Array) -> tuple[Array, Array, Array]:
    log_p, dlog_a, dlog_b = np.empty_like(log_a), np.empty_like(log_a), np.empty_like(log_a)
    for i in range(log_a.size):
        l_a, l_b, t = np.float64(log_a[i]), np.float64(log_b[i]), np.float64(x[i])
        a, b, apart = np.exp(min(l_a, TOP)), np.exp(min(l_b, TOP)), l_b - l_a
        log_x, log_rest = np.log(t), np.log1p(-t)
        rest = np.log1p(np.exp(-abs(apart)))
        to_a, to_b = max(apart, 0.0) + rest, max(-apart, 0.0) + rest
        larger = max(l_a, l_b)
        more = larger - min(max(larger, -TOP), TOP)
        held_a, held_b = np.exp(l_a - more), np.exp(l_b - more)
        off = t * held_b - (1 - t) * held_a
        rho = _log_of(off / (held_a * (1 - t)), log_x - log_rest + apart)
        if max(abs(rho), abs(apart)) > FAR:
            deviance = -held_a * (to_a + log_x) - held_b * (to_b + log_rest)
        else:
            deviance = half_deviance(rho, held_a, held_b)
        errors = _error(l_a + to_a, a + b) - _error(l_a, a) - _error(l_b, b)
        log_p[i] = 0.5 * (l_b - to_a) - HALF_LOG_2PI + errors - log_x - log_rest - deviance
        dlog_a[i] = _slope(a, b, l_b, to_a, to_b, off / held_a, log_x)
        dlog_b[i] = _slope(b, a, l_a, to_b, to_a, -off / held_b, log_rest)
    return log_p, dlog_a, dlog_b


@scalar
def _error(log_z: float, z: float) -> float:
    return -0.5 * log_z - HALF_LOG_2PI if log_z < -TOP else stirling_error(z)


@scalar
def _slope(
    a: float, b: float, log_b: float, to_a: float, to_b: float, less_one: float, log_x: float
) -> float:
    if a < 1:
        rise = digamma_excess(b, a + 1) + np.log1p(b / (a + 1)) + max(log_b - TOP, 0.0)
        return np.exp(-to_b) + a * (rise + log_x)
    return a * (digamma_excess(b, a) + _log_of(less_one, log_x + to_a))


@scalar
def _log_of(less_one: float, otherwise: float) -> float:
    return np.log1p(less_one) if abs(less_one) < 0.5 else otherwise
