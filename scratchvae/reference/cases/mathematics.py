"""mpmath's functions of arrays, for oracles that are written from the papers and not from the code.

`mpmath` is imported only when it is used: `pip install mpmath` installs it.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError


@cache
def mathematics() -> SimpleNamespace:
    """Return exp, log and so on of arrays of mpmath numbers; InputError without mpmath."""
    try:
        import mpmath
    except ImportError:
        raise InputError(
            "--certify compares with mpmath, which is not installed: pip install mpmath"
        ) from None
    names = ("erfc", "exp", "log", "log1p", "loggamma", "sqrt", "tanh")
    functions: dict[str, Any] = {name: np.frompyfunc(getattr(mpmath, name), 1, 1) for name in names}
    return SimpleNamespace(
        digits=mpmath.workdps,
        mpf=np.frompyfunc(mpmath.mpf, 1, 1),
        pi=mpmath.pi,
        diff=mpmath.diff,
        **functions,
    )


def exact(array: Array) -> Array:
    """Return the same numbers as mpmath's."""
    return np.asarray(mathematics().mpf(np.asarray(array, np.float64)), object)


def log_sum_exp(a: Array, axis: int) -> Array:
    """Compute log Σ exp a."""
    m = mathematics()
    top = a.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + m.log(m.exp(a - top).sum(axis=axis))


def log_softmax(a: Array) -> Array:
    """Compute log (eᵃ / Σ eᵃ) over the last axis."""
    return a - np.expand_dims(log_sum_exp(a, -1), -1)


def softplus(a: Array) -> Array:
    """Compute log (1 + eᵃ), as max(a, 0) + log(1 + e^−|a|)."""
    m = mathematics()
    return np.maximum(a, 0) + m.log1p(m.exp(-abs(a)))


def inverse_and_log_det(S: Array) -> tuple[Array, Array]:
    """Compute S⁻¹ (B, D, D) and log |S| (B,) by mpmath's matrices."""
    import mpmath

    matrices = [mpmath.matrix(one.tolist()) for one in S]
    inverses = np.array([np.array((one**-1).tolist(), object) for one in matrices], object)
    return inverses, np.array([mpmath.log(mpmath.det(one)) for one in matrices], object)


def quadratic(d: Array, A: Array) -> Array:
    """Compute dᵀ A d, with d (B, D) and A (B, D, D), as (B,)."""
    return (d[:, :, None] * A * d[:, None, :]).sum(axis=(1, 2))
