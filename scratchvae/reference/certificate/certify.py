"""Certify values and gradients beside mpmath's 60 digits and more, on ordinary and on extreme inputs.

The error of an entry is |ours − true| divided by the larger of |true| and a floor. Where parts cancel, no
arithmetic of so many digits can do better than a few roundoffs of the parts. Such trials state a floor, in
units of the gradient that the pullback is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases import Trial
from scratchvae.reference.cases.mathematics import exact, mathematics

LIMITS = {"float64": 1e-13, "float32": 4e-6}


@dataclass(frozen=True)
class Truth:
    """The true numbers of a trial: each part of the value, and the gradient of each argument, in mpmath."""

    values: list[Array]
    gradients: list[Array]


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
        """Whether both errors are within LIMITS."""
        return max(self.value, self.gradient) <= LIMITS[self.dtype]


def certify(trial: Trial, dtype: str, true: Truth | None = None) -> Certified:
    """Compare values and gradients with the `truth`, entry by entry.

    The truth is computed unless it is given.
    """
    with mathematics().digits(trial.digits):
        true = truth(trial, dtype) if true is None else true
        inputs, constants = _inputs(trial, dtype)
        value, pullback = trial.op(*inputs.values(), **constants)
        parts = [np.asarray(part) for part in _tuple_of(value)]
        gradients = _tuple_of(pullback(*(_seed(part.shape).astype(part.dtype) for part in parts)))
        pairs = (zip(parts, true.values, strict=True), zip(gradients, true.gradients, strict=True))
        errors = [[_errors(ours, exactly, trial.floor, dtype) for ours, exactly in some] for some in pairs]
        (value_error, value_ulps), (gradient_error, gradient_ulps) = (np.max(some, axis=0) for some in errors)
    return Certified(trial, dtype, value_error, gradient_error, value_ulps, gradient_ulps)


def truth(trial: Trial, dtype: str) -> Truth:
    """Compute what the oracle says of the trial's inputs, rounded to `dtype`.

    The gradients are mpmath's derivatives of its values.
    """
    with mathematics().digits(trial.digits):
        inputs, constants = _inputs(trial, dtype)
        points = [exact(array) for array in inputs.values()]
        held = {
            name: exact(c) if isinstance(c, np.ndarray) and c.dtype.kind == "f" else c
            for name, c in constants.items()
        }
        values = [np.asarray(part, object) for part in _tuple_of(trial.oracle(*points, **held))]
        seeds = [exact(_seed(part.shape)) for part in values]
        gradients = []
        for i, point in enumerate(points):
            slope = np.empty(point.shape, object)
            for index in np.ndindex(*point.shape):

                def along(t: Any, i: int = i, index: tuple[int, ...] = index, point: Array = point) -> Any:
                    moved = point.copy()
                    moved[index] = t
                    there = _tuple_of(trial.oracle(*points[:i], moved, *points[i + 1 :], **held))
                    return sum(np.sum(seed * part) for seed, part in zip(seeds, there, strict=True))

                slope[index] = mathematics().diff(along, point[index])
            gradients.append(slope)
    return Truth(values, gradients)


def _inputs(trial: Trial, dtype: str) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and the constants of a trial, in `dtype`."""
    arrays = {name: array.astype(dtype) for name, array in trial.arrays.items()}
    return arrays, {name: _as(value, dtype) for name, value in trial.constants.items()}


def _seed(shape: tuple[int, ...]) -> Array:
    """Return the gradient that a pullback is given: ones and twos in turn."""
    return 1.0 + np.arange(int(np.prod(shape))).reshape(shape) % 2


def _errors(ours: Array, true: Array, floor: float, dtype: str) -> tuple[float, float]:
    worst = ulps = 0.0
    tiny = float(np.finfo(dtype).tiny)
    for mine, exactly in zip(np.ravel(ours), np.ravel(true), strict=True):
        size = max(abs(exactly), floor, tiny)
        off = abs(exact(mine).item() - exactly)
        worst = max(worst, float(off / size))
        ulps = max(ulps, float(off / float(np.spacing(np.dtype(dtype).type(float(size))))))
    return worst, ulps


def _tuple_of(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _as(value: Any, dtype: str) -> Any:
    return value.astype(dtype) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
