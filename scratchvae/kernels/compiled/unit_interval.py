"""Compiled twins of `textbook/unit_interval.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.compiled.gamma_ratios import digamma_excess, half_deviance, stirling_error
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES

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
        la, lb, t = np.float64(log_a[i]), np.float64(log_b[i]), np.float64(x[i])
        a, b = np.exp(la), np.exp(lb)
        log_x, log_rest, n = np.log(t), np.log1p(-t), a + b
        off = t * b - (1 - t) * a
        rho = _log_of(off / (a * (1 - t)), log_x - log_rest - la + lb)
        peak = (
            0.5 * (np.log(a / n) + np.log(b / (2 * np.pi)))
            + stirling_error(n)
            - stirling_error(a)
            - stirling_error(b)
        )
        log_p[i] = peak - log_x - log_rest - half_deviance(rho, a, b)
        dlog_a[i] = a * (digamma_excess(b, a) + _log_of(off / a, log_x + np.log(n) - la))
        dlog_b[i] = b * (digamma_excess(a, b) + _log_of(-off / b, log_rest + np.log(n) - lb))
    return log_p, dlog_a, dlog_b


@scalar
def _log_of(less_one: float, otherwise: float) -> float:
    return np.log1p(less_one) if abs(less_one) < 0.5 else otherwise
