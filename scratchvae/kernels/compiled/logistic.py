"""Compiled twins of `textbook/logistic.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import pointwise
from scratchvae.kernels.textbook.logistic import FAR, LOG_2, SERIES


@pointwise
def logistic_interval(low: Array, high: Array, log_width: Array) -> Array:
    y = np.empty_like(low)
    zero, half, log_2 = low.dtype.type(0), low.dtype.type(0.5), low.dtype.type(LOG_2)
    for i in range(low.size):
        w = exponential.exp(log_width[i])
        near, far = min(w, log_2), max(w, log_2)
        squares, series = near * near, zero
        for c in SERIES[::-1]:
            series = squares * (type(near)(c) + series)
        narrow = log_width[i] + (series - half * near)
        wide = exponential.log1p(-exponential.exp_to_one(-far))
        y[i] = (narrow if w < log_2 else wide) - exponential.softplus(-high[i]) - exponential.softplus(low[i])
    return y


@pointwise
def logistic_interval_backward(
    dy: Array, low: Array, high: Array, log_width: Array
) -> tuple[Array, Array, Array]:
    dlow, dhigh, dlog_width = np.empty_like(dy), np.empty_like(dy), np.empty_like(dy)
    zero, one, far = dy.dtype.type(0), dy.dtype.type(1), dy.dtype.type(FAR)
    for i in range(dy.size):
        w = min(exponential.exp(log_width[i]), far)
        share = w * exponential.exp_to_one(-w) / -exponential.expm1(-w)
        dlow[i] = -dy[i] * exponential.sigmoid(low[i])
        dhigh[i] = dy[i] * exponential.sigmoid(-high[i])
        dlog_width[i] = dy[i] * (one if w <= zero else share)
    return dlow, dhigh, dlog_width
