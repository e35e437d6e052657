"""What is looked at together: examples, and what else is known of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array


@dataclass(frozen=True, eq=False)
class Batch:
    """B examples of D entries, and what else is known of them.

    x         (B, D)   the examples, as rows of one dtype
    y         (B, …)   labels or conditions; None: nothing is known
    observed  (B, D)   1 where an entry was observed, 0 where it is missing; None: every entry was observed
    shown     (B, D)   what the encoder sees in place of x, as where x is corrupted; None: the encoder sees x
    """

    x: Array
    y: Array | None = None
    observed: Array | None = None
    shown: Array | None = None

    def __len__(self) -> int:
        return len(self.x)

    def repeat(self, times: int) -> Batch:
        """Every example `times` times, the copies side by side."""
        return Batch(*(None if part is None else np.repeat(part, times, axis=0) for part in self._parts()))

    def astype(self, dtype: npt.DTypeLike) -> Batch:
        """The same in another floating dtype. Integers, such as labels, stay what they are."""
        return Batch(*(part.astype(dtype) if _is_floating(part) else part for part in self._parts()))

    def _parts(self) -> tuple[Array | None, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


def _is_floating(part: Any) -> bool:
    return part is not None and part.dtype.kind == "f"
