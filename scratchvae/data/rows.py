"""Rows: examples that stay in their file until somebody asks for them, and only those rows are read."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array


class Rows:
    """Chosen rows of an array (N, …) in a file, with the part of an array's interface that data sets use.

    `source` opens the array as a memory map. Each access opens it, copies the rows that were asked for, and
    releases the rest, so that a process needs the memory of one batch however large the file is. `chosen`
    says which rows these are, in which order; None stands for all.
    """

    def __init__(self, source: Callable[[], Array], chosen: Array | None = None) -> None:
        whole = source()
        self.source, self.chosen = source, chosen
        self.dtype: np.dtype[Any] = whole.dtype.newbyteorder("=")
        self.shape: tuple[int, ...] = (len(whole) if chosen is None else len(chosen), *whole.shape[1:])

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        """Return the entries that NumPy's indexing gives, in an array of their own."""
        first, *others = key if isinstance(key, tuple) else (key,)
        rows = first if self.chosen is None else self.chosen[first]
        return np.array(self.source()[(rows, *others)], self.dtype)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        everything = self[:]
        return everything if dtype is None else everything.astype(dtype, copy=False)

    def choose(self, indices: slice | Array) -> Rows:
        """Choose rows by a slice, whole numbers or a mask; none of them is read."""
        mine = np.arange(len(self)) if self.chosen is None else self.chosen
        return Rows(self.source, mine[indices])


def rows_of(array: Any, indices: slice | Array) -> Any:
    """Return the chosen rows of an array: those of an array in a file are not read yet.

    An array in memory is indexed as NumPy does.
    """
    if isinstance(array, Rows):
        return array.choose(indices)
    if isinstance(array, np.memmap) and not isinstance(indices, slice):
        return Rows(_Same(array)).choose(indices)
    return array[indices]


class _Same:
    """A source whose array is open already."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __call__(self) -> Array:
        return self.array
