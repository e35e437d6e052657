"""The columns of a table give its pictures classes of rows, a picture of each column, and a file's suffix."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.runs.folder import Run

if TYPE_CHECKING:  # matplotlib takes half a second to import
    from matplotlib.figure import Figure

PANELS = 36  # the largest number of columns that are drawn


def classes_of(data: Dataset, most: int) -> tuple[Array | None, Sequence[str], str]:
    """Return what codes are coloured by, the names of these classes, and the end of a title.

    Codes are coloured by labels or by a table's first column with up to `most` levels. A column of categories
    is preferred to an ordered or binary one. Rows whose cell is missing are a class of their own.
    """
    if data.labels is not None or data.schema is None:
        return data.labels, data.label_names, ""
    for kinds in (("categorical",), ("ordered", "binary")):
        for k, column in enumerate(data.schema.columns):
            if column.kind in kinds and len(column.levels) <= most:
                cells = data.batch(slice(None), np.float64).x_or_nan[:, k]
                missing = np.isnan(cells)
                names = (*column.levels, "missing") if missing.any() else column.levels
                return (
                    np.where(missing, len(column.levels), cells).astype(np.intp),
                    names,
                    f", by {column.name}",
                )
    return None, (), ""


def columns_of(run: Run, rows: int, y: Array | None) -> "Figure":
    """Draw a panel for each of the first columns of the run's table: so many rows, and as many samples.

    `y` is what a model that is told something is told of the samples, one for each.
    """
    from scratchvae import plots

    assert run.schema is not None
    model: Any = run.model  # only a model that is told y takes y
    real = run.data.subset(slice(0, rows)).batch(slice(None), np.float64).x_or_nan
    n, told = (rows, {}) if y is None else (len(y), {"y": y})
    sampled = np.asarray(model.sample(n, run.config.seed, mean=False, **told), np.float64)
    kept = run.schema.columns[:PANELS]
    return plots.histograms(
        [(column.name, real[:, k], sampled[:, k], column.levels) for k, column in enumerate(kept)]
    )


def natural_ending(run: Run) -> str:
    """Return the suffix of a file that can hold the run's examples, where they are no pictures."""
    if run.schema is not None:
        return ".csv"
    if run.data.rate is not None:
        return ".wav"
    return ".txt" if run.data.kind == "counts" and run.data.entry_names else ".npy"
