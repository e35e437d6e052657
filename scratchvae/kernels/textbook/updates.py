"""One step of an optimizer for one Parameter: (new value, new slots…). `step` is counted from 1.

The caller gives up its slots (velocity, square, m, v), which the compiled twins overwrite and return.
"""

import numpy as np

from scratchvae.arrays import Array


def sgd_update(
    value: Array, grad: Array, velocity: Array, learning_rate: float, momentum: float
) -> tuple[Array, Array]:
    """v ← μ v + g;  θ ← θ − η v   (Polyak 1964, in the form of Sutskever et al. 2013 with η outside v)."""
    real = value.dtype.type
    velocity = real(momentum) * velocity + grad
    return value - real(learning_rate) * velocity, velocity


def rmsprop_update(
    value: Array, grad: Array, square: Array, learning_rate: float, decay: float, epsilon: float
) -> tuple[Array, Array]:
    """s ← ρ s + (1 − ρ) g²;  θ ← θ − η g / (√s + ε)   (Tieleman & Hinton 2012, lecture 6.5)."""
    real = value.dtype.type
    square = real(decay) * square + real(1 - decay) * grad * grad
    return value - real(learning_rate) * grad / (np.sqrt(square) + real(epsilon)), square


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
    """m ← β₁ m + (1−β₁) g;  v ← β₂ v + (1−β₂) g²;  θ ← θ − η m̂ / (√v̂ + ε) − η λ θ.

    m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ) (Kingma & Ba 2015, algorithm 1). λ is the decoupled weight decay
    of Loshchilov & Hutter 2019, algorithm 2, which common practice multiplies by the learning rate.
    """
    real = value.dtype.type
    m = real(beta1) * m + real(1 - beta1) * grad
    v = real(beta2) * v + real(1 - beta2) * grad * grad
    rate = real(learning_rate / (1 - beta1**step))
    root = np.sqrt(v) * real(1 / np.sqrt(1 - beta2**step))
    return value - rate * m / (root + real(epsilon)) - real(learning_rate * weight_decay) * value, m, v
