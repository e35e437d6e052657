"""Products with a power of e that may be beyond the dtype's range, while the product is a number."""

import numpy as np

from scratchvae.arrays import Array


def times_exp(x: Array, log_factor: Array) -> Array:
    """x e^f with f = `log_factor`, which is 0 where x is 0. It overflows only if the product does."""
    step = x.dtype.type(80 if x.dtype == np.float32 else 700)
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(3):  # e^(3 step) takes the smallest number above the largest one
            part = np.clip(log_factor, -step, step)
            x, log_factor = x * np.exp(part), log_factor - part
    return x


def weighed(d: Array, slope: Array) -> Array:
    """d · slope, where 0 · ∞ is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(d == 0, d, d * slope)


def excess(log_weight: Array, s: Array, t: Array) -> tuple[Array, Array]:
    """w (t − s) ≥ 0 and w t, with w = e^log_weight and t = e^s − 1, which keeps the digits of its argument.

    For |t| < ½, t − log(1 + t) is y (t − 2 Σ_k y²ᵏ/(2k + 1)), y = t/(2 + t), k = 1, 2, … Elsewhere e^s goes
    to the weight where s is positive.
    """
    near = np.abs(t) < 0.5
    small = np.where(near, t, 0)
    y = small / (2 + small)
    squares, series = y * y, np.zeros_like(y)
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    fallen = np.exp(-np.maximum(s, 0))  # 1 or e^(−s)
    far = np.where(s > 0, -np.expm1(-np.abs(s)), np.expm1(np.minimum(s, 0)))
    log_scale = log_weight + np.where(near, 0, np.maximum(s, 0))
    value = times_exp(np.where(near, y * (small - 2 * series), far - s * fallen), log_scale)
    return value, times_exp(np.where(near, small, far), log_scale)
