"""Rows of numbers leave a run as the table that they stand for: its columns, order, types and levels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratchvae.arrays import Array, InputError
from scratchvae.data import INDEX, Dataset, TableSchema, completed, is_table, read_cells, write_cells
from scratchvae.runs.construction import load_like
from scratchvae.runs.folder import Run

TABLES = (".csv", ".tsv")  # the suffixes of files to which tables are written
IMPUTATION = ".imp"  # the column with the number of an imputation, as R's package mice calls it
ROW = ".id"  # mice's name for the column that says to which row of the data an imputed row belongs


def load_other(run: Run, source: str | None, data_dir: str | None, *, kind: str | None = None) -> Dataset:
    """Load other data for a run's model; None stands for the data that it is judged on.

    A table has to have the columns of the run's own.
    """
    if source is None:
        return run.judged
    return load_like(run.config, source, data_dir=data_dir, kind=kind)


def schema_for(run: Run, path: str | Path) -> TableSchema:
    """Return the schema of the run's table.

    InputError where `path`, a file of cells, is asked for but the run's data are no table.
    """
    if run.schema is None:
        raise InputError(
            f"{path}: only a run whose data are a table, a .csv or .tsv file, can write one; "
            f"the data of {run.folder} are none"
        )
    return run.schema


def write_rows(run: Run, path: str | Path, rows: Array) -> None:
    """Write rows (N, D) as the cells that they stand for."""
    write_cells(Path(path), schema_for(run, path).to_columns(rows))


def write_imputed(run: Run, path: str | Path, filled: Array, source: str | None) -> None:
    """Write imputed rows: (N, D), or several imputations (M, N, D) below each other.

    The number of an imputation is then in a first column. Where the rows come from a file, `source`, only
    missing cells are filled in. Observed cells stay as they are written there, and so do the columns that no
    model has seen, such as the index of a DataFrame. Where each row is written several times, its index
    becomes a column ROW, because it no longer counts the rows.
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
