"""One call of `diagnose_term`: the right results and those of a fault, reduced as yours are, and compared."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.terms.term import Arrays, Fault, Results, Term

DIRECTIONS = 4  # along which a fault's gradients are compared
SINGLE = float(np.finfo(np.float32).eps)
PRECISE = 1e-10  # a finer roundoff is not asked for: formulas that cancel are right too
MARGIN = 32.0  # times the rounding of float32 that is measured, since sums are taken in other orders
H = 1e-20  # of the complex steps


class Step:
    """The arrays of one call, with the right results and those of a fault, reduced as yours are."""

    def __init__(
        self, term: Term, given: Arrays, settings: Mapping[str, Any], reduction: str, eps: float
    ) -> None:
        self.term, self.given, self.settings, self.eps = term, given, settings, eps
        self.summed = reduction == "sum"
        self.results = [name for name in given if name in term.gives or name not in term.takes]

    def right(self, dtype: Any) -> Results:
        """The right results by name, gradients as "d_…" among them."""
        arrays = {name: array.astype(dtype) for name, array in self.given.items()}
        found, pullback = self.term.right(arrays, self.settings)
        slopes: dict[str, Array] = {}
        if any(name not in self.term.gives for name in self.results):
            slopes = pullback(np.full(found["value"].shape, self._share(found), dtype))
        found = {name: self._as_given(name, array) for name, array in found.items()}
        return found | {f"d_{name}": slope for name, slope in slopes.items()}

    def tolerances(self) -> dict[str, float]:
        """How far rounding may move each result: as far as float32 moves the right one, at your scale."""
        wide = self.right(np.float64)
        with np.errstate(all="ignore"):
            narrow = self.right(np.float32)
        found = {}
        for name in self.results:
            moved = np.abs(wide[name] - narrow[name]).max() if np.size(wide[name]) else 0.0
            size = max(float(np.abs(wide[name]).max()), float(np.abs(self.given[name]).max()))
            rounding = float(np.nan_to_num(moved, posinf=0.0)) + SINGLE * size
            found[name] = MARGIN * rounding * max(self.eps, PRECISE) / SINGLE
        return found

    def fits(self, fault: Fault, tolerances: Mapping[str, float], apart: Sequence[str]) -> bool:
        """Whether the fault gives every result of yours; `apart` are those that are not right."""
        with np.errstate(all="ignore"):
            found = fault.results(self.given, self.settings)
        if found is None:
            return False
        rng = np.random.default_rng(0)
        for name in self.results:
            if name in fault.silent_on:
                fits = name in apart
            elif name in found:
                share = 1.0 if name in self.term.gives else self._share(found)
                fits = close(self.given[name], share * self._as_given(name, found[name]), tolerances[name])
            else:
                fits = self._slope_fits(fault, name, tolerances[name], rng)
            if not fits:
                return False
        return True

    def _slope_fits(self, fault: Fault, name: str, tolerance: float, rng: np.random.Generator) -> bool:
        """Whether the fault's gradient agrees with yours along a few random directions."""
        by = name.removeprefix("d_")
        for _ in range(DIRECTIONS):
            v = rng.standard_normal(self.given[by].shape)
            stepped = {**self.given, by: self.given[by] + 1j * H * v}
            with np.errstate(all="ignore"):
                found = fault.results(stepped, self.settings)
            assert found is not None  # it had results without the step
            value = found["value"]
            reduced = value.sum() if self.summed else value.mean()
            along = float((self.given[name] * v).sum())
            if not close(along, reduced.imag / H, 4 * tolerance * float(np.sqrt(v.size))):
                return False
        return True

    def _share(self, found: Results) -> float:
        """The slope of your one number by the value of an example."""
        return 1.0 if self.summed else 1 / max(np.size(found["value"]), 1)

    def _as_given(self, name: str, array: Array) -> Array:
        """A result for each example, reduced where yours is one number."""
        if name in self.given and not self.given[name].ndim and np.ndim(array):
            return np.asarray(array.sum() if self.summed else array.mean())
        return np.asarray(array)


def close(mine: Any, other: Any, tolerance: float) -> bool:
    """Whether two results have one shape, and no entry is further apart than the tolerance."""
    return np.shape(mine) == np.shape(other) and bool(np.all(np.abs(mine - other) <= tolerance))
