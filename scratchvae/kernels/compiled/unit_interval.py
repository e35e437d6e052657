"""Compiled twins of `textbook/unit_interval.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import pointwise
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES

COEFFICIENTS = tuple(zip(SERIES[::-1], [k * c for k, c in enumerate(SERIES, start=1)][::-1], strict=True))


@pointwise
def continuous_bernoulli(logits: Array, x: Array) -> tuple[Array, Array]:
    log_p, slope = np.empty_like(logits), np.empty_like(logits)
    zero, half, one, two = logits.dtype.type(0), logits.dtype.type(0.5), logits.dtype.type(1), logits.dtype.type(2)
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
        log_p[i] = near * middle - S if away < log_2 else (exponential.log(far) - exponential.log1p(-e)) - far * end
        slope[i] = middle - two * near * half_slope if away < log_2 else (from_end if l > zero else -from_end)
    return log_p, slope
