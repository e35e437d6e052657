"""Tables as examples: files of cells and DataFrames, with columns of numbers, counts, categories and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.column_kinds import described
from scratchvae.data.dataset import Dataset
from scratchvae.data.declared_columns import IGNORED, declared, of_each
from scratchvae.data.door import is_frame
from scratchvae.data.table_files import read_cells
from scratchvae.data.table_schema import TableSchema
from scratchvae.files import path_from

Columns = str | Mapping[str, str] | TableSchema  # how a caller says what the columns of a table are


def as_table(source: str | PathLike[str] | Any, columns: Columns | None = None) -> Dataset:
    """Read a table as examples (N, D), a number for each cell, with the schema of its columns.

    `source` is the path of a file of cells (.csv, .tsv, either of them compressed by gzip), or a DataFrame of
    pandas, polars or another library whose frames have `columns` and `dtypes`. `columns` declares what
    columns are, in the grammar of `declared_columns`; what it does not declare is inferred by the table of
    `column_kinds`. A TableSchema in its place describes every column, and the table must have these columns.
    A cell that is empty, NA, NaN, None or null is a missing entry.
    """
    if is_frame(source):
        name, cells, levels = "DataFrame", _cells_of_frame(source), _levels_of_frame(source)
    else:
        path = path_from("as_table", source, or_else="a DataFrame")
        name, cells, levels = path.name, read_cells(path), {}
    where = name if is_frame(source) else str(source)
    if not cells or not len(next(iter(cells.values()))):
        raise InputError(
            f"{where}: a table should have a row and a column at least; found {len(cells)} columns and no row"
        )
    schema = columns if isinstance(columns, TableSchema) else _inferred(cells, levels, columns, where)
    return Dataset(name, schema.encode(cells, where), entry_names=schema.names, schema=schema)


def _inferred(
    cells: Mapping[str, Sequence[Any]],
    levels: Mapping[str, tuple[Sequence[Any], bool]],
    columns: str | Mapping[str, str] | None,
    where: str,
) -> TableSchema:
    names = tuple(cells)
    entries = of_each(declared(columns or ""), names)
    ignored = tuple(name for name, entry in entries.items() if entry.kind == IGNORED)
    kept = []
    for name in names:
        if name not in ignored:
            own, ordered = levels.get(name, (None, False))
            column = described(name, cells[name], entries.get(name), where, own, ordered=ordered)
            kept.append(column)
    if not kept:
        raise InputError(
            f"{where}: a table should have a column that is not left out, found none of {len(names)}"
        )
    return TableSchema(tuple(kept), ignored)


def _cells_of_frame(frame: Any) -> dict[str, list[Any]]:
    names = [str(name) for name in frame.columns]
    nameless = [i for i, name in enumerate(frame.columns) if name is None or name != name]
    if nameless:
        found = f"found {frame.columns[nameless[0]]} for column {nameless[0] + 1}"
        raise InputError(
            f"DataFrame: each column should have a name; {found}: df.columns = […] gives every column one"
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"DataFrame: each column should have a name of its own, found {twice!r} twice")
    return {str(name): _objects(np.asarray(frame[name].to_numpy())) for name in frame.columns}


def _objects(values: Array) -> list[Any]:
    """Return the cells as Python's objects, or as NumPy's where Python's objects would lose something.

    Durations of nanoseconds and floats of fewer digits stay NumPy's.
    """
    return (
        list(values)
        if values.dtype.kind in "mM" or values.dtype in (np.float16, np.float32)
        else values.tolist()
    )


def _levels_of_frame(frame: Any) -> dict[str, tuple[Sequence[Any], bool]]:
    """Return the levels of each column whose own type lists them, and whether that type orders them.

    Such a type is pandas' CategoricalDtype.
    """
    kinds = {str(name): frame[name].dtype for name in frame.columns}
    return {
        name: (list(kind.categories), bool(getattr(kind, "ordered", True)))
        for name, kind in kinds.items()
        if getattr(kind, "categories", None) is not None
    }
