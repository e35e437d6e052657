"""A table says how well a run's model fills hidden cells in, beside the mean of each column."""

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.evaluation import HiddenEntries
from scratchvae.likelihoods import column_moments
from scratchvae.runs.folder import Run

NUMBERS, LEVELS = "error, in deviations", "share that is wrong"  # how numbers and how levels are measured
PIXELS = "error, in the numbers that the model sees"


def errors_table(run: Run, found: HiddenEntries) -> list[dict[str, Any]]:
    """Return a row for all columns of numbers, one for all columns of levels, and one for each column.

    Only a table has rows for single columns, and each row names its measure. For numbers the measure is the
    root mean squared error. In a table it is in each column's standard deviations, so that columns can be put
    together, and a column that does not vary is left out. For levels it is the share of cells that were
    filled in with another level. The column means, or the commonest levels, are those of the examples that
    the run was trained on.
    """
    stand_in, scale = _columns(run.data)
    schema = run.data.schema
    levels = (
        np.array([bool(column.levels) for column in schema.columns]) if schema else np.zeros(len(scale), bool)
    )
    scale = scale if schema else np.ones(len(scale))
    simple = np.broadcast_to(stand_in, found.x.shape)
    unit = np.where(scale > 0, scale, 1)
    each = [np.where(levels, found.wrong(x), found.squared(x) / unit**2) for x in (found.filled, simple)]
    rows = []
    if (numbers := ~levels & (scale > 0) & (found.count > 0)).any():
        rows.append(_row("all numbers", NUMBERS if schema else PIXELS, found.count, each, numbers))
    if (of_levels := levels & (found.count > 0)).any():
        rows.append(_row("all levels", LEVELS, found.count, each, of_levels))
    for k, column in enumerate(schema.columns if schema else ()):
        alone = np.arange(len(scale)) == k
        if found.count[k] and (levels[k] or scale[k] > 0):
            rows.append(_row(column.name, LEVELS if levels[k] else NUMBERS, found.count, each, alone))
    return rows


def _row(name: str, measure: str, count: Array, each: list[Array], chosen: Array) -> dict[str, Any]:
    means = [float((each_one[chosen] * count[chosen]).sum() / count[chosen].sum()) for each_one in each]
    ours, simple = means if measure == LEVELS else np.sqrt(means).tolist()
    row = {"column": name, "hidden": int(count[chosen].sum()), "imputed": ours, "mean or commonest": simple}
    return row | {"measure": measure}


def _columns(data: Dataset) -> tuple[Array, Array]:
    """Return the stand-in for each column, its mean or its commonest level, and its deviation, each (D,)."""
    mean, deviation = column_moments(data)
    if data.schema is not None:
        rows = data.batch(slice(None), np.float64).x_or_nan
        for k, column in enumerate(data.schema.columns):
            known = rows[~np.isnan(rows[:, k]), k]
            if column.levels and len(known):
                mean[k] = np.bincount(known.astype(np.intp)).argmax()
    return mean, deviation
