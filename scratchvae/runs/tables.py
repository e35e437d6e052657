"""Rows of numbers leave a run as the table that they stand for: its columns, their order, their types and
levels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchvae.arrays import Array, InputError
from scratchvae.data import INDEX, Dataset, TableSchema, completed, is_table, read_cells, write_cells
from scratchvae.runs.construction import load_like
from scratchvae.runs.folder import Run

TABLES = (".csv", ".tsv")  # how the names of the files end that tables are written to
IMPUTATION = ".imp"  # the name of the column with the number of an imputation, as R's package mice calls it
ROW = ".id"  # and what it calls the column that says which row of the data an imputed row is of


def load_other(run: Run, source: str | None, data_dir: str | None, *, kind: str | None = None) -> Dataset:
    """Other data for a run's model, a table with the columns of the run's own; where None are named, those it
    is judged on.
    """
    if source is None:
        return run.judged
    return load_like(run.config, source, data_dir=data_dir, kind=kind)


def schema_for(run: Run, path: str | Path) -> TableSchema:
    """The schema of the run's table.

    InputError where `path`, a file of cells, is asked for of a run whose data are none.
    """
    if run.schema is None:
        raise InputError(
            f"{path}: a table is written of runs whose data are one, a .csv or .tsv file; {run.folder} has others"
        )
    return run.schema


def write_rows(run: Run, path: str | Path, rows: Array) -> None:
    """Write rows (N, D) as the cells that they stand for."""
    write_cells(Path(path), schema_for(run, path).to_columns(rows))


def write_imputed(run: Run, path: str | Path, filled: Array, source: str | None) -> None:
    """Write imputed rows, (N, D), or (M, N, D) below each other with the number of the imputation in a first
    column.

    Where they come from a file, `source`, what was observed stays as it is written there, and so do the
    columns that no model has seen, the index of a DataFrame among them: only missing cells are filled in.
    Where rows are there several times their index is a column ROW, as it no longer counts the rows.
    """
    schema = schema_for(run, path)
    cells = read_cells(Path(source), index=True) if source is not None and is_table(Path(source)) else None
    several = filled.ndim == 3
    tables = []
    for k, rows in enumerate(filled if several else filled[None]):
        columns: Mapping[str, Sequence[Any]] = schema.to_columns(rows)
        columns = columns if cells is None else completed(cells, columns)
        if several:
            columns = {ROW if name == INDEX else name: column for name, column in columns.items()}
            columns = {IMPUTATION: [k + 1] * len(rows), **columns}
        tables.append(dict(columns))
    write_cells(Path(path), {name: [cell for table in tables for cell in table[name]] for name in tables[0]})
