"""How true the reference is: values and gradients beside mpmath's 60 digits and more, on ordinary and on extreme inputs.

The error of an entry is |ours − true| over the larger of |true| and a floor. Where parts cancel, no arithmetic of so many digits
can do better than a few roundoffs of the parts: such rows state a floor, in units of the gradient handed to the pullback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.certificate import oracles

LIMITS = {"float64": 1e-13, "float32": 4e-6}


@dataclass(frozen=True)
class Trial:
    """One function on one kind of input, beside its oracle. `floor`, if not 0, is there for the reason `why`."""

    name: str
    op: Callable[..., Any]
    oracle: Callable[..., Array]
    arrays: Mapping[str, Array]
    constants: Mapping[str, Any] = field(default_factory=dict)
    floor: float = 0.0
    why: str = ""
    digits: int = 60  # of mpmath's: more where slopes are tiny beside values


@dataclass(frozen=True)
class Certified:
    """The worst errors of a trial in one dtype, relative and in units of the last place."""

    trial: Trial
    dtype: str
    value: float
    gradient: float
    value_ulps: float
    gradient_ulps: float

    @property
    def ok(self) -> bool:
        """Whether both are within LIMITS."""
        return max(self.value, self.gradient) <= LIMITS[self.dtype]


def certify(trial: Trial, dtype: str) -> Certified:
    """Compare values, and gradients for a seed of ones and twos, entry by entry."""
    with oracles.mathematics().digits(trial.digits):
        return _certified(trial, dtype)


def _certified(trial: Trial, dtype: str) -> Certified:
    inputs = {name: array.astype(dtype) for name, array in trial.arrays.items()}
    constants = {name: _as(value, dtype) for name, value in trial.constants.items()}
    value, pullback = trial.op(*inputs.values(), **constants)
    parts = [np.asarray(part) for part in _tuple_of(value)]
    seeds = [np.asarray(1 + np.arange(part.size).reshape(part.shape) % 2, part.dtype) for part in parts]
    gradients = _tuple_of(pullback(*seeds))
    m = oracles.mathematics()
    points = [oracles.exact(array) for array in inputs.values()]
    held = {name: oracles.exact(c) if isinstance(c, np.ndarray) and c.dtype.kind == "f" else c for name, c in constants.items()}
    true = [np.asarray(part, object) for part in _tuple_of(trial.oracle(*points, **held))]
    weights = [oracles.exact(seed) for seed in seeds]
    found = list(zip(parts, true, strict=True))
    for i, (point, gradient) in enumerate(zip(points, gradients, strict=True)):
        slope = np.empty(point.shape, object)
        for index in np.ndindex(*point.shape):

            def along(t: Any, i: int = i, index: tuple[int, ...] = index, point: Array = point) -> Any:
                moved = point.copy()
                moved[index] = t
                there = _tuple_of(trial.oracle(*points[:i], moved, *points[i + 1 :], **held))
                return sum(np.sum(weight * part) for weight, part in zip(weights, there, strict=True))

            slope[index] = m.diff(along, point[index])
        found.append((gradient, slope))
    errors = [_errors(ours, exactly, trial.floor, dtype) for ours, exactly in found]
    (value_error, value_ulps), (gradient_error, gradient_ulps) = (
        np.max(some, axis=0) for some in (errors[: len(parts)], errors[len(parts) :])
    )
    return Certified(trial, dtype, value_error, gradient_error, value_ulps, gradient_ulps)


def _errors(ours: Array, true: Array, floor: float, dtype: str) -> tuple[float, float]:
    worst = ulps = 0.0
    tiny = float(np.finfo(dtype).tiny)
    for mine, exactly in zip(np.ravel(ours), np.ravel(true), strict=True):
        size = max(abs(exactly), floor, tiny)
        off = abs(oracles.exact(mine).item() - exactly)
        worst = max(worst, float(off / size))
        ulps = max(ulps, float(off / float(np.spacing(np.dtype(dtype).type(float(size))))))
    return worst, ulps


def _tuple_of(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _as(value: Any, dtype: str) -> Any:
    return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
