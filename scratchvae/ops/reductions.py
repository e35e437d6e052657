"""Sums over an axis, plain and of exponentials."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback


@differentiable
def sum(x: Array, *, axis: int | tuple[int, ...] | None = None) -> tuple[Array, Pullback]:
    """y = Σ x over `axis` (None: over all)."""
    y = np.asarray(x.sum(axis=axis))

    def pullback(dy: Array) -> Array:
        spread = dy if axis is None else np.expand_dims(dy, axis)
        return np.broadcast_to(spread, x.shape).copy()  # dx_i = dy for every i summed over

    return y, pullback


@differentiable
def log_sum_exp(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """y = log Σ exp(x) over `axis`, shifted by the largest entry so that nothing overflows.

    Where all entries of the axis are −∞, y is −∞ and the gradient is 0. Where one of them is +∞, y is +∞.
    """
    largest = x.max(axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore", over="ignore"):
        e = np.exp(x - shift)
        total = e.sum(axis=axis, keepdims=True)
        y = np.squeeze(np.log(total) + shift, axis=axis)

    def pullback(dy: Array) -> Array:
        weights = np.divide(e, total, out=np.zeros_like(e), where=total > 0)
        return np.expand_dims(dy, axis) * weights  # dx_i = dy exp(x_i − y)

    return y, pullback


@differentiable
def log_softmax(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """y_i = log (exp(x_i) / Σ_j exp(x_j)) = (x_i − largest) − log Σ_j exp(x_j − largest) along `axis`.

    The largest entry is subtracted first, and so an offset that all entries have in common costs no digits.
    """
    above = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    e = np.exp(above)
    total = e.sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):  # an axis without entries has none to take the logarithm from
        y = above - np.log(total)

    def pullback(dy: Array) -> Array:
        return dy - e / total * dy.sum(axis=axis, keepdims=True)  # dx_i = dy_i − softmax(x)_i Σ_j dy_j

    return y, pullback


@differentiable
def softmax(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """y_i = exp(x_i) / Σ_j exp(x_j) along `axis`."""
    e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    y = e / e.sum(axis=axis, keepdims=True)

    def pullback(dy: Array) -> Array:
        return y * (dy - (dy * y).sum(axis=axis, keepdims=True))  # dx_i = y_i (dy_i − Σ_j dy_j y_j)

    return y, pullback
