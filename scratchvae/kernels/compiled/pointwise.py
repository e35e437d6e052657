"""Compiled twins of `textbook/pointwise.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.textbook.pointwise import CUBIC, FAR, SQRT_2_OVER_PI, SQRT_HALF


@pointwise
def relu(x: Array) -> Array:
    y = np.empty_like(x)
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] < zero else x[i]
    return y


@pointwise
def relu_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    zero = dy.dtype.type(0)
    for i in range(dy.size):
        dx[i] = dy[i] if y[i] > zero else (zero if y[i] <= zero else y[i])
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
        dx[i] = dy[i] if x[i] > 0 else (a * dy[i] if x[i] <= 0 else x[i])
    return dx


@pointwise
def elu(x: Array, alpha: float) -> Array:
    y = np.empty_like(x)
    a = x.dtype.type(alpha)
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else a * exponential.expm1(x[i])
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
    half, far = x.dtype.type(0.5), x.dtype.type(FAR)
    for i in range(dy.size):
        near = min(max(x[i], -far), far)
        dx[i] = dy[i] * (_normal_cdf(x[i]) + near * peak * exponential.exp(-half * near * near))
    return dx


@pointwise
def gelu_tanh(x: Array) -> Array:
    y = np.empty_like(x)
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    for i in range(x.size):
        y[i] = half * x[i] * (one + exponential.tanh(_gelu_argument(x[i])))
    return y


@pointwise
def gelu_tanh_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    scale, three_cubic = x.dtype.type(SQRT_2_OVER_PI), x.dtype.type(3 * CUBIC)
    far = x.dtype.type(FAR)
    for i in range(dy.size):
        near = min(max(x[i], -far), far)
        t = exponential.tanh(_gelu_argument(x[i]))
        du = scale * (one + three_cubic * near * near)
        dx[i] = dy[i] * (half * (one + t) + half * near * (one - t * t) * du)
    return dx


@pointwise
def sigmoid(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = exponential.sigmoid(x[i])
    return y


@pointwise
def sigmoid_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * y[i] * (one - y[i])
    return dx


@pointwise
def silu(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = x[i] * exponential.sigmoid(x[i])
    return y


@pointwise
def silu_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * exponential.sigmoid(x[i]) * (one + x[i] * exponential.sigmoid(-x[i]))
    return dx


@pointwise
def softplus(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = exponential.softplus(x[i])
    return y


@pointwise
def softplus_backward(dy: Array, x: Array) -> Array:
    dx = np.empty_like(dy)
    for i in range(dy.size):
        dx[i] = dy[i] * exponential.sigmoid(x[i])
    return dx


@pointwise
def tanh(x: Array) -> Array:
    y = np.empty_like(x)
    for i in range(x.size):
        y[i] = exponential.tanh(x[i])
    return y


@pointwise
def tanh_backward(dy: Array, y: Array) -> Array:
    dx = np.empty_like(dy)
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dx[i] = dy[i] * (one - y[i] * y[i])
    return dx


@scalar
def _normal_cdf(x: float) -> float:
    half, one = type(x)(0.5), type(x)(1)
    return half * (one + exponential.erf(x * type(x)(SQRT_HALF)))


@scalar
def _gelu_argument(x: float) -> float:
    return type(x)(SQRT_2_OVER_PI) * (x + type(x)(CUBIC) * x * x * x)
