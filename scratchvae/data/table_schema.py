"""The schema of a table says what its columns are, and turns cells into rows of numbers and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.columns import KINDS, Column, listed
from scratchvae.data.decimals import MOST_DECIMALS
from scratchvae.schema import Listing, Record, Text, Whole, check

_COLUMN = Record(
    {"name": Text(), "kind": Text(), "values": Text(), "levels": Listing(Text())},
    {"decimals": Whole(high=MOST_DECIMALS)},
)
ENTRIES = Record({"columns": Listing(_COLUMN)})


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table in the order in which rows of numbers have them, and the names of ignored ones.

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
        """Turn the cells of a table, given by column, into rows of numbers (N, D) in float64.

        A missing cell becomes NaN. The columns may come in any order, and the ignored ones may be among them.
        InputError for a column that is missing or unknown, and for a cell that its column cannot hold.
        """
        lacking = [name for name in self.names if name not in cells]
        surplus = [name for name in cells if name not in self.names and name not in self.ignored]
        if lacking or surplus:
            found = (
                f"no {lacking[0]!r} among {listed(tuple(cells))}" if lacking else f"{surplus[0]!r} besides"
            )
            raise InputError(
                f"{where}: the table should have the columns {listed(self.names)}; found {found}"
            )
        return np.stack([column.encode(cells[column.name], where) for column in self.columns], axis=1)

    def differs_from(self, other: TableSchema) -> str:
        """Say in words which column is the first that differs from the other schema's."""
        for i, (ours, theirs) in enumerate(zip(self.columns, other.columns, strict=False)):
            if ours != theirs:
                found = f"found {_with_levels(theirs)}, {theirs.kind},"
                return f"column {i} should be {_with_levels(ours)}, {ours.kind}; {found}"
        return f"there should be {len(self)} columns, found {len(other)}"

    def to_columns(self, rows: Any, *, like: Any = None) -> Any:
        """Turn rows of numbers (N, D) into the table that they stand for: one array for each column.

        Names, order, types and levels are those of the table that the schema describes. With `like`, a
        DataFrame, the result is a DataFrame of the same class, with its dtypes and, if there are as many
        rows, its index. Otherwise it is a dict. A column whose dtype cannot hold its numbers gets a wider
        one: uint8 cannot hold 300, and no bool holds a missing entry.
        """
        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise InputError(
                f"to_columns: rows should have shape (N, {len(self)}), one entry for each column; "
                f"found {rows.shape}"
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
        """Return the schema as plain lists and texts, which JSON can hold."""
        columns = [asdict(column) | {"levels": list(column.levels)} for column in self.columns]
        for column in columns:
            if column["decimals"] is None:  # as in the schemas of older versions
                del column["decimals"]
        return {"columns": columns, "ignored": list(self.ignored)}

    @classmethod
    def from_entries(cls, entries: Any, where: str) -> TableSchema:
        """Return the schema that `to_entries` described; InputError, naming `where`, for anything else."""
        kinds = Record(ENTRIES.entries, {"ignored": Listing(Text())})
        found = check(entries, kinds, where, "schema")
        columns = tuple(
            Column(**{**column, "levels": tuple(column["levels"])}) for column in found["columns"]
        )
        names = [column.name for column in columns]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"{where}: schema should have columns of different names, "
                f"found {listed(tuple(names)) or 'none'}"
            )
        return cls(columns, tuple(found.get("ignored", ())))

    def __str__(self) -> str:
        """Write a line for each kind that occurs, with the names of its columns."""
        lines = []
        for kind in KINDS:
            named = [_with_levels(column) for column in self.columns if column.kind == kind]
            if named:
                lines.append(f"  {kind:12}{listed(tuple(named), 12)}")
        if self.ignored:
            lines.append(f"  {'left out':12}{listed(self.ignored, 12)}")
        return "\n".join(lines)


def _fits(dtype: Any, cells: Array, *, gaps_fit: bool) -> bool:
    """Whether a DataFrame's column of that dtype can hold these cells.

    `gaps_fit` says that NaN becomes a gap in dtypes such as pandas' Int64.
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


def _with_levels(column: Column) -> str:
    return f"{column.name} ({listed(column.levels, 4)})" if column.levels else column.name
