"""Compiled twins of `textbook/updates.py`: one pass over a Parameter's entries overwrites its slots."""

import math

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import updating


@updating
def sgd_update(
    value: Array, grad: Array, velocity: Array, learning_rate: float, momentum: float
) -> tuple[Array, Array]:
    new_value = np.empty_like(value)
    rate, mu = value.dtype.type(learning_rate), value.dtype.type(momentum)
    for i in range(value.size):
        velocity[i] = mu * velocity[i] + grad[i]
        new_value[i] = value[i] - rate * velocity[i]
    return new_value, velocity


@updating
def rmsprop_update(
    value: Array, grad: Array, square: Array, learning_rate: float, decay: float, epsilon: float
) -> tuple[Array, Array]:
    new_value = np.empty_like(value)
    rate, rho, rest = value.dtype.type(learning_rate), value.dtype.type(decay), value.dtype.type(1 - decay)
    eps = value.dtype.type(epsilon)
    for i in range(value.size):
        square[i] = rho * square[i] + rest * grad[i] * grad[i]
        new_value[i] = value[i] - rate * grad[i] / (math.sqrt(square[i]) + eps)
    return new_value, square


@updating
def adam_update(
    value: Array,
    grad: Array,
    m: Array,
    v: Array,
    step: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    new_value = np.empty_like(value)
    keep_m, take_m = value.dtype.type(beta1), value.dtype.type(1 - beta1)
    keep_v, take_v = value.dtype.type(beta2), value.dtype.type(1 - beta2)
    rate = value.dtype.type(learning_rate / (1 - beta1**step))
    unbias_v = value.dtype.type(1 / math.sqrt(1 - beta2**step))
    eps, decay = value.dtype.type(epsilon), value.dtype.type(learning_rate * weight_decay)
    for i in range(value.size):
        m[i] = keep_m * m[i] + take_m * grad[i]
        v[i] = keep_v * v[i] + take_v * grad[i] * grad[i]
        new_value[i] = value[i] - rate * m[i] / (math.sqrt(v[i]) * unbias_v + eps) - decay * value[i]
    return new_value, m, v
