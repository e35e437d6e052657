"""The probability that the logistic law gives to an interval, log(σ(high) − σ(low)), and its gradients."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.pointwise import sigmoid, softplus

LOG_2 = float(np.log(2))
FAR = 1000.0  # a width at which e^(−w) is 0 in float64 too
SERIES = (  # log(sinh(w/2) / (w/2)) in powers of w²: B₂ₖ/(2k (2k)!), k = 1 … 7, with Bernoulli's numbers
    1 / 24, -1 / 2880, 1 / 181440, -1 / 9676800, 1 / 479001600, -691 / 15692092416000, 1 / 1046139494400,
)  # fmt: skip


def logistic_interval(low: Array, high: Array, log_width: Array) -> Array:
    """log σ(high) + log σ(−low) + log(1 − e^(−w)) with w = exp(log_width): three terms ≤ 0.

    None of them cancels another. Up to w = log 2 the last one is log w − w/2 + Σ_k B₂ₖ w²ᵏ/(2k (2k)!), in
    which w may underflow. From there on it is log1p(−e^(−w)).
    """
    with np.errstate(over="ignore"):
        w = np.exp(log_width)
    near = np.minimum(w, w.dtype.type(LOG_2))
    squares, series = near * near, np.zeros_like(near)
    for c in reversed(SERIES):
        series = squares * (w.dtype.type(c) + series)
    narrow = log_width + (series - near / 2)
    wide = np.log1p(-np.exp(-np.maximum(w, w.dtype.type(LOG_2))))
    return np.where(w < LOG_2, narrow, wide) - softplus(-high) - softplus(low)


def logistic_interval_backward(
    dy: Array, low: Array, high: Array, log_width: Array
) -> tuple[Array, Array, Array]:
    """dlow = −dy σ(low),  dhigh = dy σ(−high),  dlog_width = dy w/(e^w − 1), whose limit at w = 0 is dy."""
    with np.errstate(over="ignore"):
        w = np.minimum(np.exp(log_width), log_width.dtype.type(FAR))
    share = w * np.exp(-w) / np.where(w > 0, -np.expm1(-w), 1)  # w/(e^w − 1) = w e^(−w)/(1 − e^(−w))
    return -dy * sigmoid(low), dy * sigmoid(-high), dy * np.where(w == 0, w.dtype.type(1), share)
