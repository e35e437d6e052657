"""Examples that stay in their file: an array of which only those rows are read that somebody asks for."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array


class Rows:
    """Chosen rows of an array (N, …) in a file, with the parts of an array's interface that data sets use.

    `source` opens the array, as a memory map. Each access opens it, copies the rows that were asked for, and
    lets go of the rest, so that the memory of a process stays that of a batch however large the file is.
    `chosen` says which rows these are, in which order; None stands for all.
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
        """The entries that NumPy's indexing gives, as an array of their own."""
        first, *others = key if isinstance(key, tuple) else (key,)
        rows = first if self.chosen is None else self.chosen[first]
        return np.array(self.source()[(rows, *others)], self.dtype)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        everything = self[:]
        return everything if dtype is None else everything.astype(dtype, copy=False)

    def choose(self, indices: slice | Array) -> Rows:
        """The rows of these that a slice, whole numbers or a mask choose, none of which is read."""
        mine = np.arange(len(self)) if self.chosen is None else self.chosen
        return Rows(self.source, mine[indices])


def rows_of(array: Any, indices: slice | Array) -> Any:
    """The chosen rows of an array: of one in a file without reading them, of one in memory as NumPy's
    indexing gives them.
    """
    if isinstance(array, Rows):
        return array.choose(indices)
    if isinstance(array, np.memmap) and not isinstance(indices, slice):
        return Rows(_Same(array)).choose(indices)
    return array[indices]


class _Same:
    """A source that is open already."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __call__(self) -> Array:
        return self.array
