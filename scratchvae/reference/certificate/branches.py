"""Special functions again in mpmath, and what the certificate tries them on: each side of each branch.

The compiled functions hold their argument at the ends of the dtype's range, and change from one formula to another
where a result begins to be all that rounding leaves. `kernels/compiled/exponential.py` has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.reference.certificate.certify import Trial
from scratchvae.reference.certificate.oracles import mathematics

POINTS = np.array([1e-30, 1e-5, 0.34, 0.35, 1.41, 1.42, 5.6, 8.6, 17.0, 37.0, 87.5, 104.5, 710.0, 746.5, 1e30])
BRANCHES = np.stack([POINTS, -POINTS])


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), written so that no exponential is huge."""
    m = mathematics()
    e = m.exp(-abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def elu(x: Array) -> Array:
    """x where x > 0, else eˣ − 1."""
    return np.where(x > 0, x, mathematics().exp(np.minimum(x, 0)) - 1)


def gelu_erf(x: Array) -> Array:
    """x erfc(−x/√2) / 2."""
    m = mathematics()
    return x * m.erfc(-x / m.sqrt(m.mpf(2))) / 2


def gelu_tanh(x: Array) -> Array:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, with the decimal number that is meant."""
    m = mathematics()
    return x * (1 + m.tanh(m.sqrt(2 / m.mpf(m.pi)) * (x + m.mpf("0.044715") * x**3))) / 2


def softplus(x: Array) -> Array:
    """max(x, 0) + log(1 + e^−|x|)."""
    m = mathematics()
    return np.maximum(x, 0) + m.log1p(m.exp(-abs(x)))


POINTWISE: dict[str, tuple[Callable[..., Any], Callable[[Array], Array], str]] = {
    "ops.elu": (ops.elu, elu, "eˣ − 1 and 1 cancel in the slope"),
    "ops.gelu_erf": (ops.gelu_erf, gelu_erf, "1 + erf cancels left of 0"),
    "ops.gelu_tanh": (ops.gelu_tanh, gelu_tanh, "1 + tanh cancels left of 0"),
    "ops.sigmoid": (ops.sigmoid, sigmoid, "1 − y cancels in the slope where y is near 1"),
    "ops.silu": (ops.silu, lambda x: x * sigmoid(x), "1 + x σ(−x) cancels where the slope is 0"),
    "ops.softplus": (ops.softplus, softplus, ""),
    "ops.tanh": (ops.tanh, lambda x: mathematics().tanh(x), "1 − y² cancels in the slope"),
}


def all_trials() -> list[Trial]:
    """Each function at its branches. Where a result is tiny, more digits tell it from the others that it is summed with."""
    return [
        Trial(
            f"{name}: each branch",
            op,
            oracle,
            {"x": BRANCHES},
            floor=1.0 if why else 0.0,
            why=why,
            digits=60 if why else 400,
        )
        for name, (op, oracle, why) in POINTWISE.items()
    ]
