"""Compiled twins of `textbook/pointwise.py`."""

import math

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import inlined, pointwise
from scratchvae.kernels.textbook.pointwise import CUBIC, SQRT_2_OVER_PI, SQRT_HALF, tanh

__all__ = ["tanh"]  # NumPy's own is vectorized already


@pointwise
def relu(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = 0 if x[i] < 0 else x[i]
    return y


@pointwise
def relu_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] if y[i] > 0 else 0
    return dx


@pointwise
def leaky_relu(x: Array, slope: float) -> Array:
    y = np.empty_like(x)
    a = x.dtype.type(slope)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else a * x[i]
    return y


@pointwise
def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    dx = np.empty_like(dy)
    a = dy.dtype.type(slope)
    for i in range(dy.size):
        dx[i] = dy[i] if x[i] > 0 else a * dy[i]
    return dx


@pointwise
def elu(x: Array, alpha: float) -> Array:
    y = np.empty_like(x)
    a = x.dtype.type(alpha)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else a * math.expm1(x[i])
    return y


@pointwise
def elu_backward(dy: Array, x: Array, y: Array, alpha: float) -> Array:
    dx = np.empty_like(dy)
    a = dy.dtype.type(alpha)
    for i in range(dy.size):
        dx[i] = dy[i] if x[i] > 0 else dy[i] * (y[i] + a)
    return dx


@pointwise
def gelu_erf(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = x[i] * _normal_cdf(x[i])
    return y


@pointwise
def gelu_erf_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    peak = x.dtype.type(0.5 * SQRT_2_OVER_PI)
    half = x.dtype.type(0.5)
    for i in range(dy.size):
        dx[i] = dy[i] * (_normal_cdf(x[i]) + x[i] * peak * math.exp(-half * x[i] * x[i]))
    return dx


@pointwise
def gelu_tanh(x: Array) -> Array:
    y = np.empty_like(x)
    half, scale, cubic = x.dtype.type(0.5), x.dtype.type(SQRT_2_OVER_PI), x.dtype.type(CUBIC)
    for i in range(x.size):
        y[i] = half * x[i] * (1 + math.tanh(scale * (x[i] + cubic * x[i] * x[i] * x[i])))
    return y


@pointwise
def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    half, scale, cubic = x.dtype.type(0.5), x.dtype.type(SQRT_2_OVER_PI), x.dtype.type(CUBIC)
    for i in range(dy.size):
        t = math.tanh(scale * (x[i] + cubic * x[i] * x[i] * x[i]))
        du = scale * (1 + 3 * cubic * x[i] * x[i])
        dx[i] = dy[i] * (half * (1 + t) + half * x[i] * (1 - t * t) * du)
    return dx


@pointwise
def sigmoid(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = logistic(x[i])
    return y


@pointwise
def sigmoid_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] * y[i] * (1 - y[i])
    return dx


@pointwise
def silu(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = x[i] * logistic(x[i])
    return y


@pointwise
def silu_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] * logistic(x[i]) * (1 + x[i] * logistic(-x[i]))
    return dx


@pointwise
def softplus(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = log_one_plus_exp(x[i])
    return y


@pointwise
def softplus_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] * logistic(x[i])
    return dx


@pointwise
def tanh_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] * (1 - y[i] * y[i])
    return dx


@inlined
def logistic(x: float) -> float:
    """1 / (1 + e⁻ˣ) without overflow."""
    e = math.exp(-abs(x))
    return (1 if x >= 0 else e) / (1 + e)


@inlined
def log_one_plus_exp(x: float) -> float:
    """log(1 + eˣ) without overflow."""
    return max(x, type(x)(0)) + math.log1p(math.exp(-abs(x)))


@inlined
def _normal_cdf(x: float) -> float:
    one = type(x)(1)
    return type(x)(0.5) * (one + math.erf(x * type(x)(SQRT_HALF)))
