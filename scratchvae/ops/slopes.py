"""The slope of a nonlinearity as an op of its own: where a loss depends on f′, its gradient needs f″."""

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_choice
from scratchvae.ops import activations

FAR = 50.0  # a GELU is a straight line from here on, and squares of larger numbers might overflow


@differentiable
def slope(x: Array, *, activation: str, **constants: float) -> tuple[Array, Pullback]:
    """s = f′(x), where f is the op called `activation`, with its constants.     x of any shape.

    At a kink f″ is 0, but for elu, whose f″ is α there.
    """
    require_choice("slope", "activation", activation, CURVATURES)
    y, op_pullback = getattr(activations, activation)(x, **constants)
    s = op_pullback(np.ones_like(y))  # f′(x) is what the op's own pullback makes of 1
    curvature = CURVATURES[activation]

    def pullback(ds: Array) -> Array:
        return ds * curvature(x, **constants)  # dx = ds f″(x)

    return s, pullback


def _no_curvature(x: Array, *, slope: float = 0.0) -> Array:
    return np.zeros_like(x)  # straight on both sides of the kink


def _elu(x: Array, *, alpha: float = 1.0) -> Array:
    return np.where(x > 0, 0, alpha * np.exp(np.minimum(x, 0))).astype(x.dtype, copy=False)  # α eˣ below 0


def _sigmoid(x: Array) -> Array:
    y = kernels.sigmoid(x)
    return y * (1 - y) * (1 - 2 * y)  # σ″ = σ (1 − σ) (1 − 2σ)


def _tanh(x: Array) -> Array:
    y = kernels.tanh(x)
    return -2 * y * (1 - y * y)  # tanh″ = −2 tanh (1 − tanh²)


def _softplus(x: Array) -> Array:
    y = kernels.sigmoid(x)
    return y * (1 - y)  # σ′


def _silu(x: Array) -> Array:
    y = kernels.sigmoid(x)
    return y * (1 - y) * (2 + x * (1 - 2 * y))  # (x σ)″ = 2 σ′ + x σ″


def _gelu_erf(x: Array) -> Array:
    x = np.clip(x, -FAR, FAR)
    density = np.exp(-0.5 * x * x) * x.dtype.type(1 / sqrt(2 * pi))
    return density * (2 - x * x)  # (x Φ)″ = 2 φ + x φ′ with φ′ = −x φ


def _gelu_tanh(x: Array) -> Array:
    x = np.clip(x, -FAR, FAR)
    scale, cubic = x.dtype.type(sqrt(2 / pi)), x.dtype.type(0.044715)
    t = np.tanh(scale * (x + cubic * x * x * x))  # tanh u
    du = scale * (1 + 3 * cubic * x * x)  # u′
    d2u = 6 * scale * cubic * x  # u″
    return (1 - t * t) * (du + 0.5 * x * (d2u - 2 * t * du * du))  # (½ x (1 + t))″ with t′ = (1 − t²) u′


CURVATURES: dict[str, Callable[..., Array]] = {  # f″
    "elu": _elu,
    "gelu_erf": _gelu_erf,
    "gelu_tanh": _gelu_tanh,
    "leaky_relu": _no_curvature,
    "relu": _no_curvature,
    "sigmoid": _sigmoid,
    "silu": _silu,
    "softplus": _softplus,
    "tanh": _tanh,
}
