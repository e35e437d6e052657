"""What the columns of a table are, and the way between a table's cells and rows of numbers, in both
directions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.data.cells import LARGEST_WHOLE, digits_lost, is_missing, number, row, text_of
from scratchvae.data.decimals import MOST_DECIMALS, rounded
from scratchvae.schema import Listing, Record, Text, Whole, check

# a cell is one of the column's levels, and its number is the level's
WITH_LEVELS = ("binary", "categorical", "ordered")
KINDS = ("real", "positive", "count", *WITH_LEVELS)  # each has a law of its own: likelihoods.of_schema
VALUES = ("real", "whole", "bool", "text")  # what a cell is in the table: 1.5, 2, True, or letters
_COLUMN = Record(
    {"name": Text(), "kind": Text(), "values": Text(), "levels": Listing(Text())},
    {"decimals": Whole(high=MOST_DECIMALS)},
)
ENTRIES = Record({"columns": Listing(_COLUMN)})


@dataclass(frozen=True)
class Column:
    """A column: its name, its kind (KINDS), what its cells are (VALUES), and the texts of its levels, the
    lowest first.

    Only the kinds of WITH_LEVELS have levels. `decimals` is how many digits behind the point the cells were
    written with at most, to which numbers are rounded that take their place; None leaves them as they are.
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
        """The column as numbers (N,) in float64: values as they are, the number 0, 1, … of a level, NaN for a
        missing cell.

        InputError, which names the row, for a cell that is not what the column's kind asks for.
        """
        number_of = {level: float(i) for i, level in enumerate(self.levels)}
        numbers = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            if is_missing(cell, self.levels):
                continue
            if number_of:
                found = number_of.get(text_of(cell, self.values), _nearest_level(cell, self))
                fits, expected = found is not None, f"one of its levels, {_listed(self.levels)}"
            else:
                found = number(cell)
                fits, expected = found is not None and self._holds(found), NUMBERS[self.kind]
                if digits_lost(cell):
                    helps = f'--columns "{self.name}=categorical" keeps each as a level, and shorter numbers are told apart'
                    expected = f"numbers of no more digits than float64 has ({helps})"
                    fits = False
            if not fits:
                raise InputError(
                    f"{where}: the {self.kind} column {self.name!r} should hold {expected}; found {cell!r:.60} {row(i)}"
                )
            numbers[i] = found
        return numbers

    def decode(self, numbers: Array) -> Array:
        """The cells (N,) that these numbers stand for: floats, whole numbers, bools, or an object array of
        texts.

        Numbers between those that the column can hold become the nearest of them. NaN, a missing cell, stays
        NaN in a column of numbers, which then is one of floats, and becomes None in any other.
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


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table in order, as rows of numbers have them, and the names of those that were left
    out.

    >>> schema = TableSchema((Column("height", "real"), Column("sex", "binary", "text", ("f", "m"))))
    >>> schema.to_columns(np.array([[1.75, 1.0]]))
    {'height': array([1.75]), 'sex': array(['m'], dtype=object)}
    """

    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def encode(self, cells: Mapping[str, Sequence[Any]], where: str) -> Array:
        """The cells of a table by the names of its columns, as rows of numbers (N, D) in float64, NaN where
        one is missing.

        The columns may come in any order, and those that were left out may be there. InputError for a column
        that is missing or unknown, and for a cell that its column can't hold.
        """
        lacking = [name for name in self.names if name not in cells]
        surplus = [name for name in cells if name not in self.names and name not in self.ignored]
        if lacking or surplus:
            found = (
                f"no {lacking[0]!r} among {_listed(tuple(cells))}" if lacking else f"{surplus[0]!r} besides"
            )
            raise InputError(
                f"{where}: the table should have the columns {_listed(self.names)}; found {found}"
            )
        return np.stack([column.encode(cells[column.name], where) for column in self.columns], axis=1)

    def differs_from(self, other: TableSchema) -> str:
        """In words, the first column that is another one there."""
        for i, (ours, theirs) in enumerate(zip(self.columns, other.columns, strict=False)):
            if ours != theirs:
                return f"column {i} should be {_with_levels(ours)}, {ours.kind}; found {_with_levels(theirs)}, {theirs.kind},"
        return f"there should be {len(self)} columns, found {len(other)}"

    def to_columns(self, rows: Any, *, like: Any = None) -> Any:
        """Rows of numbers (N, D) as the table that they stand for: a dict of one array for each column, by
        its name.

        Names, order, types and levels are those of the table that the schema is of. With `like`, a DataFrame,
        the result is a DataFrame of the same class, with its dtypes and, if there are as many rows, its
        index. A column whose dtype cannot hold its numbers, as uint8 cannot hold 300 and no bool a missing
        entry, has a wider one.
        """
        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise InputError(
                f"to_columns: rows should have shape (N, {len(self)}), one entry for each column; found {rows.shape}"
            )
        cells = {column.name: column.decode(rows[:, i]) for i, column in enumerate(self.columns)}
        if like is None:
            return cells
        same = len(like) == len(rows) and hasattr(like, "index") and not callable(like.index)
        frame = type(like)(cells, index=like.index) if same else type(like)(cells)
        by_schema = not hasattr(frame, "astype")  # polars, whose frames are cast by their schema
        dtypes = {
            name: like.schema[name] if by_schema else like[name].dtype
            for name in self.names
            if name in like.columns
        }
        kept = {
            name: dtype for name, dtype in dtypes.items() if _fits(dtype, cells[name], gaps_fit=not by_schema)
        }
        return frame.cast(kept) if by_schema else frame.astype(kept)

    def to_entries(self) -> dict[str, Any]:
        """As plain lists and texts, which JSON can hold."""
        columns = [asdict(column) | {"levels": list(column.levels)} for column in self.columns]
        for column in columns:
            if column["decimals"] is None:  # as in the schemas of older versions
                del column["decimals"]
        return {"columns": columns, "ignored": list(self.ignored)}

    @classmethod
    def from_entries(cls, entries: Any, where: str) -> TableSchema:
        """The schema that `to_entries` described; InputError, naming `where`, for anything else."""
        kinds = Record(ENTRIES.entries, {"ignored": Listing(Text())})
        found = check(entries, kinds, where, "schema")
        columns = tuple(
            Column(**{**column, "levels": tuple(column["levels"])}) for column in found["columns"]
        )
        names = [column.name for column in columns]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"{where}: schema should have columns of different names, found {_listed(tuple(names)) or 'none'}"
            )
        return cls(columns, tuple(found.get("ignored", ())))

    def __str__(self) -> str:
        """A line for each kind that there is, with the names of its columns."""
        lines = []
        for kind in KINDS:
            named = [_with_levels(column) for column in self.columns if column.kind == kind]
            if named:
                lines.append(f"  {kind:12}{_listed(tuple(named), 12)}")
        if self.ignored:
            lines.append(f"  {'left out':12}{_listed(self.ignored, 12)}")
        return "\n".join(lines)


def _fits(dtype: Any, cells: Array, *, gaps_fit: bool) -> bool:
    """Whether a DataFrame's column of that dtype can hold these cells; `gaps_fit`:

    NaN becomes a gap in pandas' own dtypes.
    """
    try:
        plain = np.dtype(str(dtype).lower())  # Int64 of pandas and of polars holds what int64 does
    except TypeError:
        return True  # categories, texts, objects
    gaps = cells != cells if cells.dtype.kind == "f" else np.array([cell is None for cell in cells])
    known = cells[~gaps]
    if plain.kind in "biu" and gaps.any() and not (gaps_fit and str(dtype)[:1].isupper()):
        return False
    if plain.kind == "b":
        return bool(np.isin(known, (0, 1)).all())
    if plain.kind in "iu" and known.dtype.kind in "biuf":
        limits = np.iinfo(plain)
        return bool(((known >= limits.min) & (known <= limits.max) & (known == np.rint(known))).all())
    if plain.kind == "f" and known.dtype.kind in "biuf":
        return bool((np.abs(known.astype(np.float64)) <= np.finfo(plain).max).all())
    return True


def _nearest_level(cell: Any, column: Column) -> float | None:
    """The number of the level that a NumPy float of fewer digits than float64 is: 0.1 of a column in float32,
    or None.
    """
    if column.values != "real" or not isinstance(cell, np.floating):
        return None
    return next((float(i) for i, level in enumerate(column.levels) if type(cell)(level) == cell), None)


def _with_levels(column: Column) -> str:
    return f"{column.name} ({_listed(column.levels, 4)})" if column.levels else column.name


def _listed(texts: tuple[str, ...], most: int = 8) -> str:
    """Texts with commas between them, the last left out where there are many."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")
