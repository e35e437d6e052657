"""Entries brought to mean 0 and variance 1, over a batch or an example, and weights of a learned length."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Overflowed, Pullback, require_shapes


@differentiable
def batch_norm(
    x: Array, gamma: Array, beta: Array, *, epsilon: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """y = γ x̂ + β with x̂ = (x − mean) / √(var + ε), by the mean and the variance of each channel.

    x (B, C) or (B, C, ...), gamma, beta (C,)  ->  y like x, mean (C,), var (C,). Mean and variance are taken
    over the batch and all pixels, and the variance is the biased one. A gradient may be None for a part that
    is not used. Ioffe & Szegedy 2015, algorithm 1.
    """
    n = require_shapes("batch_norm", x=(x, "B C ..."), gamma=(gamma, "C"), beta=(beta, "C"))
    axes = (0, *range(2, x.ndim))
    N = x.size // max(1, n["C"])
    if N < 2:
        raise InputError(
            f"batch_norm: x should hold at least two values per channel to take a variance of, found {N}"
        )
    over_channels = (1, n["C"]) + (1,) * (x.ndim - 2)
    mean = x.mean(axis=axes)
    centred = x - mean.reshape(over_channels)
    # the rounding of the mean, which matters where the mean is large beside the deviations
    rounding = centred.mean(axis=axes)
    mean, centred = mean + rounding, centred - rounding.reshape(over_channels)
    var = _variance("batch_norm", centred, axes).reshape(n["C"])
    scale = (1 / np.sqrt(var + x.dtype.type(epsilon))).reshape(over_channels)
    x_hat = centred * scale
    y = gamma.reshape(over_channels) * x_hat + beta.reshape(over_channels)

    def pullback(
        dy: Array, dmean: Array | None = None, dvar: Array | None = None
    ) -> tuple[Array, Array, Array]:
        dgamma = (dy * x_hat).sum(axis=axes)  # dγ = Σ dy x̂
        dbeta = dy.sum(axis=axes)  # dβ = Σ dy
        inner = dy - (dbeta.reshape(over_channels) + x_hat * dgamma.reshape(over_channels)) / N
        dx = gamma.reshape(over_channels) * scale * inner  # dx = γ/√(var+ε) (dy − Σdy/N − x̂ Σ(dy x̂)/N)
        if dmean is not None:
            dx = dx + dmean.reshape(over_channels) / N  # ∂mean/∂x = 1/N
        if dvar is not None:
            dx = dx + dvar.reshape(over_channels) * centred * (2 / N)  # ∂var/∂x = 2 (x − mean)/N
        return dx, dgamma, dbeta

    return (y, mean, var), pullback


@differentiable
def batch_norm_frozen(
    x: Array, gamma: Array, beta: Array, *, mean: Array, var: Array, epsilon: float = 1e-5
) -> tuple[Array, Pullback]:
    """y = γ (x − mean) / √(var + ε) + β with given mean and var (C,): batch normalization at evaluation."""
    n = require_shapes(
        "batch_norm_frozen",
        x=(x, "B C ..."),
        gamma=(gamma, "C"),
        beta=(beta, "C"),
        mean=(mean, "C"),
        var=(var, "C"),
    )
    mean, var = mean.astype(x.dtype, copy=False), var.astype(x.dtype, copy=False)
    _require_variance("batch_norm_frozen", var)
    axes = (0, *range(2, x.ndim))
    over_channels = (1, n["C"]) + (1,) * (x.ndim - 2)
    scale = (1 / np.sqrt(var + x.dtype.type(epsilon))).reshape(over_channels)
    x_hat = (x - mean.reshape(over_channels)) * scale
    y = gamma.reshape(over_channels) * x_hat + beta.reshape(over_channels)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dx = dy * gamma.reshape(over_channels) * scale  # dx = dy γ / √(var+ε)
        dgamma = (dy * x_hat).sum(axis=axes)  # dγ = Σ dy x̂
        dbeta = dy.sum(axis=axes)  # dβ = Σ dy
        return dx, dgamma, dbeta

    return y, pullback


@differentiable
def layer_norm(x: Array, gamma: Array, beta: Array, *, epsilon: float = 1e-5) -> tuple[Array, Pullback]:
    """y = γ x̂ + β with x̂ = (x − mean) / √(var + ε), by the mean and the variance of each example.

    x (..., *F), gamma, beta of shape F  ->  y like x. Mean and variance are taken over the last axes, those
    of gamma, and the variance is the biased one. Ba, Kiros & Hinton 2016.
    """
    if beta.shape != gamma.shape or gamma.ndim < 1 or x.shape[x.ndim - gamma.ndim :] != gamma.shape:
        found = f"found {gamma.shape} and {beta.shape}"
        raise InputError(
            f"layer_norm: gamma and beta should be shaped like the last axes of x {x.shape}, {found}"
        )
    if not gamma.size:
        raise InputError(
            f"layer_norm: the last axes of x should hold at least one entry, found shape {x.shape}"
        )
    axes = tuple(range(x.ndim - gamma.ndim, x.ndim))
    examples = tuple(range(x.ndim - gamma.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    centred = centred - centred.mean(axis=axes, keepdims=True)  # the mean was rounded
    scale = 1 / np.sqrt(_variance("layer_norm", centred, axes) + x.dtype.type(epsilon))
    x_hat = centred * scale
    y = gamma * x_hat + beta

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dx_hat = dy * gamma  # dx̂ = dy γ
        mean_dx_hat = dx_hat.mean(axis=axes, keepdims=True)
        mean_along = (dx_hat * x_hat).mean(axis=axes, keepdims=True)
        # dx = (dx̂ − ⟨dx̂⟩ − x̂ ⟨dx̂ x̂⟩) / √(var+ε)
        dx = scale * (dx_hat - mean_dx_hat - x_hat * mean_along)
        dgamma = (dy * x_hat).sum(axis=examples)  # dγ = Σ dy x̂ over the examples
        dbeta = dy.sum(axis=examples)  # dβ = Σ dy over the examples
        return dx, dgamma, dbeta

    return y, pullback


@differentiable
def weight_norm(v: Array, g: Array, *, axis: int = 0) -> tuple[Array, Pullback]:
    """W = g v / ‖v‖, where each slice along `axis` has its own length.

    v of any shape, g (v.shape[axis],)  ->  W like v. InputError where a slice of v is 0, which has no
    direction. Salimans & Kingma 2016, equations 2 and 3.
    """
    if g.shape != (v.shape[axis],):
        raise InputError(
            f"weight_norm: g should have shape ({v.shape[axis]},), one length a slice of v, found {g.shape}"
        )
    others = tuple(i for i in range(v.ndim) if i != axis % v.ndim)
    along_axis = [1] * v.ndim
    along_axis[axis] = -1
    largest = np.abs(v).max(axis=others, initial=0).reshape(along_axis)
    if not largest.all():
        raise InputError("weight_norm: every slice of v should have a direction, found one of length zero")
    scaled = v / largest  # its squares neither overflow nor vanish
    scaled_norm = np.sqrt((scaled * scaled).sum(axis=others)).reshape(along_axis)
    direction = scaled / scaled_norm
    length = g.reshape(along_axis)
    W = length * direction

    def pullback(dW: Array) -> tuple[Array, Array]:
        dg = (dW * direction).sum(axis=others)  # dg = ⟨dW, v/‖v‖⟩
        # dv = g/‖v‖ (dW − dg v/‖v‖)
        dv = length / scaled_norm / largest * (dW - dg.reshape(along_axis) * direction)
        return dv, dg

    return W, pullback


def _variance(where: str, centred: Array, axes: tuple[int, ...]) -> Array:
    """⟨centred²⟩ over the axes, which are kept."""
    with np.errstate(over="ignore"):
        var = np.square(centred).mean(axis=axes, keepdims=True)
    _require_variance(where, var)
    return var


def _require_variance(where: str, var: Array) -> None:
    """Raise Overflowed where a variance is infinite, because 1/√∞ would make β of every entry."""
    if np.isposinf(var).any():
        limit = np.sqrt(np.finfo(var.dtype).max)
        raise Overflowed(
            f"{where}: the variance should be finite, found infinity: x is beyond {limit:.1g} in {var.dtype}"
        )
