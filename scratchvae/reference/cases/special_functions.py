"""The special functions of `ops` in mpmath, and the inputs of the certificate on each side of each branch.

The compiled functions clip their argument to the range of the dtype. They change from one formula to another
where the result begins to be nothing but rounding. `kernels/compiled/exponential.py` has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.reference.cases.inputs import CLASSES
from scratchvae.reference.cases.mathematics import log_softmax, log_sum_exp, mathematics, softplus
from scratchvae.reference.cases.part import Inputs

POINTS = np.array(
    [1e-30, 1e-5, 0.34, 0.35, 1.41, 1.42, 5.6, 8.6, 17.0, 37.0, 87.5, 104.5, 710.0, 746.5, 1e30]
)
BRANCHES = np.stack([POINTS, -POINTS])


def sigmoid(x: Array) -> Array:
    """1 / (1 + e⁻ˣ), written so that no exponential is huge."""
    e = mathematics().exp(-abs(x))
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


def silu(x: Array) -> Array:
    """x / (1 + e⁻ˣ)."""
    return x * sigmoid(x)


def tanh(x: Array) -> Array:
    """tanh x."""
    return mathematics().tanh(x)


def clamp(x: Array, *, low: float, high: float) -> Array:
    """min(max(x, low), high)."""
    return np.minimum(np.maximum(x, low), high)


def softplus_clamp(x: Array, *, low: float, high: float) -> Array:
    """low + log(1 + e^(u − low)), u = high − log(1 + e^(high − x))."""
    return low + softplus(high - softplus(high - x) - low)


def tanh_clamp(x: Array, *, low: float, high: float) -> Array:
    """c + r tanh((x − c)/r), c the middle of the bounds and r half the distance between them."""
    m = mathematics()
    c, r = (m.mpf(high) + low) / 2, (m.mpf(high) - low) / 2
    return c + r * m.tanh((x - c) / r)


def softmax(x: Array) -> Array:
    """eˣ / Σ eˣ over the last axis."""
    return mathematics().exp(log_softmax(x))


def _branches(why: str = "") -> list[Inputs]:
    """Return inputs with tiny results, which need more digits to be told from what they are summed with."""
    return [
        Inputs("each branch", {"x": BRANCHES}, floor=1.0 if why else 0.0, why=why, digits=60 if why else 400)
    ]


def _bounded(why: str = "") -> list[Inputs]:
    """Return inputs below, between and above the bounds, and far beyond them."""
    bounds = {"low": -10.0, "high": 4.0}
    return [Inputs("each side of the bounds", {"x": BRANCHES}, bounds, floor=1.0 if why else 0.0, why=why)]


def _offsets(why: str = "") -> list[Inputs]:
    floor = 1.0 if why else 0.0
    return [Inputs(kind, {"x": x}, floor=floor, why=why, digits=120) for kind, x in CLASSES.items()]


def direction(x: Array) -> Array:
    """x/|x| over the last axis."""
    return x / mathematics().sqrt((x * x).sum(axis=-1, keepdims=True))


LENGTHS = {"x": np.array([[0.3, -1.2, 2.0], [1e-30, 2e-30, -1e-30], [3e30, -4e30, 1e20], [1e-20, 1.0, 0.0]])}
CANCEL = "gradients of several entries cancel"
ORACLES: Mapping[Callable[..., Any], tuple[Callable[..., Array], list[Inputs]]] = {
    ops.clamp: (clamp, _bounded()),
    ops.softplus_clamp: (softplus_clamp, _bounded("a bound and the rest cancel where y is near 0")),
    ops.tanh_clamp: (tanh_clamp, _bounded("the middle and the rest cancel where y is near 0")),
    ops.direction: (
        direction,
        [Inputs("lengths from 10⁻³⁰ to 10³⁰", LENGTHS, floor=1.0, why="dy and what is along y cancel")],
    ),
    ops.elu: (elu, _branches("eˣ − 1 and 1 cancel in the slope")),
    ops.gelu_erf: (gelu_erf, _branches("1 + erf cancels left of 0")),
    ops.gelu_tanh: (gelu_tanh, _branches("1 + tanh cancels left of 0")),
    ops.sigmoid: (sigmoid, _branches("1 − y cancels in the slope where y is near 1")),
    ops.silu: (silu, _branches("1 + x σ(−x) cancels where the slope is 0")),
    ops.softplus: (softplus, _branches()),
    ops.tanh: (tanh, _branches("1 − y² cancels in the slope")),
    ops.log_softmax: (log_softmax, _offsets(CANCEL)),
    ops.log_sum_exp: (lambda x: log_sum_exp(x, -1), _offsets()),
    ops.softmax: (softmax, _offsets(CANCEL)),
}
