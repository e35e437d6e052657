"""Activations and their derivatives, entry by entry. Every `f_backward` returns dx = dy · f′(x).

Where f has a kink, its docstring states the derivative there. f and f′ of NaN are NaN.
"""

import numpy as np

from scratchvae.arrays import Array

SQRT_HALF = float(np.sqrt(0.5))
SQRT_2_OVER_PI = float(np.sqrt(2.0 / np.pi))
CUBIC = 0.044715  # Hendrycks & Gimpel 2016, section 2
FAR = 50.0  # from here on a GELU is straight in every digit, and powers of larger numbers might overflow


def relu(x: Array) -> Array:
    """y = max(x, 0)."""
    return np.maximum(x, 0)


def relu_backward(dy: Array, y: Array) -> Array:
    """f′ = 1 where y > 0, else 0: at the kink 0."""
    return np.where(y > 0, dy, np.where(np.isnan(y), y, dy.dtype.type(0)))


def leaky_relu(x: Array, slope: float) -> Array:
    """y = x where x > 0, else slope · x."""
    return np.where(x > 0, x, x * x.dtype.type(slope))


def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    """f′ = 1 where x > 0, else slope: at the kink slope."""
    return np.where(x > 0, dy, np.where(np.isnan(x), x, dy * dy.dtype.type(slope)))


def elu(x: Array, alpha: float) -> Array:
    """y = x where x > 0, else α (eˣ − 1)."""
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


def elu_backward(dy: Array, x: Array, y: Array, alpha: float) -> Array:
    """f′ = 1 where x > 0, else α eˣ = y + α: at the kink α."""
    return np.where(x > 0, dy, dy * (y + dy.dtype.type(alpha)))


def gelu_erf(x: Array) -> Array:
    """y = x Φ(x), Φ the standard normal distribution function."""
    return x * _normal_cdf(x)


def gelu_erf_backward(dy: Array, x: Array) -> Array:
    """f′ = Φ(x) + x φ(x), φ the standard normal density."""
    near = np.clip(x, -FAR, FAR)
    density = np.exp(-0.5 * near * near) * x.dtype.type(0.5 * SQRT_2_OVER_PI)
    return dy * (_normal_cdf(x) + near * density)


def gelu_tanh(x: Array) -> Array:
    """y = x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³)."""
    return 0.5 * x * (1 + np.tanh(_gelu_argument(np.clip(x, -FAR, FAR))))


def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    """f′ = (1 + tanh u) / 2 + x (1 − tanh² u) u′ / 2 with u′ = √(2/π) (1 + 3 · 0.044715 x²)."""
    near = np.clip(x, -FAR, FAR)
    t = np.tanh(_gelu_argument(near))
    du = x.dtype.type(SQRT_2_OVER_PI) * (1 + x.dtype.type(3 * CUBIC) * near * near)
    return dy * (0.5 * (1 + t) + 0.5 * near * (1 - t * t) * du)


def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e⁻ˣ), from e^−|x| so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """f′ = y (1 − y)."""
    return dy * y * (1 - y)


def silu(x: Array) -> Array:
    """y = x σ(x)."""
    return x * sigmoid(x)


def silu_backward(dy: Array, x: Array) -> Array:
    """f′ = σ(x) (1 + x (1 − σ(x)))."""
    s = sigmoid(x)
    return dy * s * (1 + x * sigmoid(-x))


def softplus(x: Array) -> Array:
    """y = log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softplus_backward(dy: Array, x: Array) -> Array:
    """f′ = σ(x)."""
    return dy * sigmoid(x)


def tanh(x: Array) -> Array:
    """y = tanh x."""
    return np.tanh(x)


def tanh_backward(dy: Array, y: Array) -> Array:
    """f′ = 1 − y²."""
    return dy * (1 - y * y)


def _normal_cdf(x: Array) -> Array:
    from scipy.special import erf  # imported here: it takes a third of a second

    return 0.5 * (1 + erf(x * x.dtype.type(SQRT_HALF)))


def _gelu_argument(x: Array) -> Array:
    return x.dtype.type(SQRT_2_OVER_PI) * (x + x.dtype.type(CUBIC) * x * x * x)
