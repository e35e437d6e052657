"""Special functions again in mpmath, and what the certificate tries them on: each side of each branch, and offsets.

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
from scratchvae.reference.certificate.oracles import categorical_log, log_sum_exp, mathematics, softplus

POINTS = np.array([1e-30, 1e-5, 0.34, 0.35, 1.41, 1.42, 5.6, 8.6, 17.0, 37.0, 87.5, 104.5, 710.0, 746.5, 1e30])
BRANCHES = np.stack([POINTS, -POINTS])
OFFSETS = {
    "ordinary": np.array([[0.3, -1.2, 2.0, 0.1], [1.0, 1.0, 1.0, 1.0]]),
    "10⁴ and more": 1e4 + np.array([[0.0, 1.0, 2.0, -3.0], [0.5, 0.25, -1.0, -0.5]]),
    "10³⁰ each": np.full((2, 4), 1e30),
    "from −10⁴ to 10⁴": np.array([[-1e4, 1e4, 0.0, 5.0], [1e4, 1e4, -1e4, -1e4]]),
}


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


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + softplus(-abs(x))


POINTWISE: dict[str, tuple[Callable[..., Any], Callable[[Array], Array], str]] = {
    "ops.elu": (ops.elu, elu, "eˣ − 1 and 1 cancel in the slope"),
    "ops.gelu_erf": (ops.gelu_erf, gelu_erf, "1 + erf cancels left of 0"),
    "ops.gelu_tanh": (ops.gelu_tanh, gelu_tanh, "1 + tanh cancels left of 0"),
    "ops.sigmoid": (ops.sigmoid, sigmoid, "1 − y cancels in the slope where y is near 1"),
    "ops.silu": (ops.silu, lambda x: x * sigmoid(x), "1 + x σ(−x) cancels where the slope is 0"),
    "ops.softplus": (ops.softplus, _softplus, ""),
    "ops.tanh": (ops.tanh, lambda x: mathematics().tanh(x), "1 − y² cancels in the slope"),
}
NORMALIZING: dict[str, tuple[Callable[..., Any], Callable[[Array], Array], str]] = {
    "ops.log_softmax": (ops.log_softmax, categorical_log, "gradients of several entries cancel"),
    "ops.log_sum_exp": (ops.log_sum_exp, lambda x: log_sum_exp(x, -1), ""),
    "ops.softmax": (ops.softmax, lambda x: mathematics().exp(categorical_log(x)), "gradients of several entries cancel"),
}


def all_trials() -> list[Trial]:
    """Each function at its branches, and those that normalize with an offset common to all entries."""
    trials = [
        Trial(f"{name}: each branch", op, oracle, {"x": BRANCHES}, floor=1.0 if why else 0.0, why=why, digits=60 if why else 400)
        for name, (op, oracle, why) in POINTWISE.items()
    ]
    return trials + [
        Trial(f"{name}: {kind}", op, oracle, {"x": x}, floor=1.0 if why else 0.0, why=why, digits=120)
        for name, (op, oracle, why) in NORMALIZING.items()
        for kind, x in OFFSETS.items()
    ]
