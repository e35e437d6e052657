"""A batch: examples that a model sees together, and what else is known of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError


@dataclass(frozen=True, eq=False)
class Batch:
    """B examples of D entries, and what else is known of them.

    x         (B, D)   the examples, as rows of one dtype
    y         (B, …)   labels or conditions; None says that nothing is known
    observed  (B, D)   1 where an entry was observed, 0 where it is missing; None says that every entry was
                       observed
    shown     (B, D)   what the encoder sees in place of x, such as a corrupted x; None says that it sees x
    """

    x: Array
    y: Array | None = None
    observed: Array | None = None
    shown: Array | None = None

    def __post_init__(self) -> None:
        for name in ("observed", "shown"):
            part = getattr(self, name)
            if part is not None and np.shape(part) != self.x.shape:
                raise InputError(
                    f"Batch: {name} should have the shape of x, {self.x.shape}, found {np.shape(part)}"
                )
        for name in ("y", "observed", "shown"):
            part = getattr(self, name)
            if part is not None and not isinstance(part, np.ndarray):
                raise InputError(f"Batch: {name} should be an array, found a {type(part).__name__}")
        if self.y is not None and len(self.y) != len(self.x):
            raise InputError(
                f"Batch: y should say something of each of {len(self.x)} examples, found {len(self.y)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def x_or_nan(self) -> Array:
        """Return x (B, D) with NaN in the place of every missing entry."""
        return (
            self.x
            if self.observed is None
            else np.where(self.observed != 0, self.x, self.x.dtype.type(np.nan))
        )

    def repeat(self, times: int) -> Batch:
        """Repeat every example `times` times, the copies side by side."""
        return self._with(lambda part: np.repeat(part, times, axis=0))

    def at(self, places: Array, *, y: Array | None = None) -> Batch:
        """Return the examples at those places, in that order; a `y` that is given replaces theirs."""
        found = self._with(lambda part: part[places])
        return found if y is None else replace(found, y=y)

    def astype(self, dtype: npt.DTypeLike) -> Batch:
        """Return the same batch in another floating dtype; integers, such as labels, stay what they are."""
        return self._with(lambda part: part.astype(dtype) if part.dtype.kind == "f" else part)

    def _with(self, change: Callable[[Array], Array]) -> Batch:
        """Apply a change to each part that is not None."""
        others = (None if part is None else change(part) for part in (self.y, self.observed, self.shown))
        return Batch(change(self.x), *others)
