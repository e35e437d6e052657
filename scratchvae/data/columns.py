"""A column of a table has a kind and levels, and turns cells into numbers and numbers into cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.data.cells import LARGEST_WHOLE, digits_lost, is_missing, number, row, text_of
from scratchvae.data.decimals import rounded

# a cell is one of the column's levels, and its number is the level's
WITH_LEVELS = ("binary", "categorical", "ordered")


KINDS = ("real", "positive", "count", *WITH_LEVELS)  # each has a law of its own: likelihoods.of_schema


VALUES = ("real", "whole", "bool", "text")  # what a cell is in the table: 1.5, 2, True, or letters


@dataclass(frozen=True)
class Column:
    """A column: its name, its kind (KINDS), what its cells are (VALUES), and the texts of its levels.

    Only the kinds of WITH_LEVELS have levels, which are listed from the lowest. `decimals` is the largest
    number of digits behind the point with which the cells were written. Numbers that take the cells' place
    are rounded to it; None leaves them as they are.
    """

    name: str
    kind: str
    values: str = "real"
    levels: tuple[str, ...] = ()
    decimals: int | None = None

    def __post_init__(self) -> None:
        where = f"column {self.name!r}"
        require_choice(where, "kind", self.kind, KINDS)
        require_choice(where, "values", self.values, VALUES)
        count, most = len(self.levels), {"binary": 2}.get(self.kind, math.inf)
        if count != len(set(self.levels)) or not (
            1 <= count <= most if self.kind in WITH_LEVELS else count == 0
        ):
            expected = {"binary": "one or two levels", "categorical": "levels", "ordered": "levels"}.get(
                self.kind, "no levels"
            )
            found = ", ".join(map(repr, self.levels[:5])) + ("…" if count > 5 else "")
            raise InputError(
                f"{where}: a {self.kind} column should have {expected}, each once; found {found or 'none'}"
            )

    def encode(self, cells: Sequence[Any], where: str) -> Array:
        """Turn the cells of the column into numbers (N,) in float64.

        A number stays as it is, a level becomes its index 0, 1, …, and a missing cell becomes NaN.
        InputError, which names the row, for a cell that is not what the column's kind asks for.
        """
        number_of = {level: float(i) for i, level in enumerate(self.levels)}
        numbers = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            if is_missing(cell, self.levels):
                continue
            if number_of:
                found = number_of.get(text_of(cell, self.values), _nearest_level(cell, self))
                fits, expected = found is not None, f"one of its levels, {listed(self.levels)}"
            else:
                found = number(cell)
                fits, expected = found is not None and self._holds(found), NUMBERS[self.kind]
                if digits_lost(cell):
                    takes = f'--columns "{self.name}=categorical" keeps each as a level'
                    helps = f"{takes}, and shorter numbers are told apart"
                    expected = f"numbers of no more digits than float64 has ({helps})"
                    fits = False
            if not fits:
                raise InputError(
                    f"{where}: the {self.kind} column {self.name!r} should hold {expected}; "
                    f"found {cell!r:.60} {row(i)}"
                )
            numbers[i] = found
        return numbers

    def decode(self, numbers: Array) -> Array:
        """Turn numbers (N,) into the cells that they stand for: floats, whole numbers, bools or texts.

        A number between those that the column can hold becomes the nearest of them. NaN stands for a missing
        cell. It stays NaN in a column of numbers, which is then one of floats, and becomes None in any other.
        Texts come as an array of objects.
        """
        missing = np.isnan(numbers)
        if self.kind in WITH_LEVELS:
            level = np.clip(np.rint(np.where(missing, 0, numbers)), 0, len(self.levels) - 1).astype(np.intp)
            kinds: dict[str, Callable[[str], Any]] = {
                "whole": int,
                "real": float,
                "bool": "True".__eq__,
                "text": str,
            }
            cells = np.array(
                [kinds[self.values](level) for level in self.levels],
                object if self.values == "text" else None,
            )[level]
            if missing.any():
                cells = cells.astype(np.float64 if self.values in ("whole", "real") else object)
                cells[missing] = np.nan if self.values in ("whole", "real") else None
            return cells
        held = np.maximum(numbers, 0) if self.kind in ("count", "positive") else numbers
        held = np.rint(held) if self.kind == "count" or self.values == "whole" else held
        if self.values == "whole" and not missing.any():
            return np.clip(held.astype(np.float64), -LARGEST_WHOLE, LARGEST_WHOLE).astype(np.int64)
        return (
            rounded(held, self.decimals, positive=self.kind == "positive") if self.kind != "count" else held
        )

    def _holds(self, found: float) -> bool:
        if self.kind == "count":
            return found >= 0 and found.is_integer()
        return found > 0 if self.kind == "positive" else True


NUMBERS = {"real": "finite numbers", "positive": "finite numbers above 0", "count": "counts 0, 1, 2, …"}


def _nearest_level(cell: Any, column: Column) -> float | None:
    """Return the index of the level that a NumPy float of few digits means, or None.

    In a column of float32 the cell 0.1 is the level "0.1", although its float64 value is another one.
    """
    if column.values != "real" or not isinstance(cell, np.floating):
        return None
    return next((float(i) for i, level in enumerate(column.levels) if type(cell)(level) == cell), None)


def listed(texts: tuple[str, ...], most: int = 8) -> str:
    """Join texts by commas; beyond `most` of them, only the number of the others is told."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")
