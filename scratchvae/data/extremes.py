"""Extreme entries, such as 1e30 for an unknown number, make arithmetic lose the other entries of a column."""

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data.dataset import Dataset

AT_ONCE = 500  # examples
MODERATE = 1e6  # columns whose entries are all smaller than this have no such entry
HELPS = "if it stands for a missing entry, put NaN there; else correct it, or leave the example out"


def require_told_apart(where: str, data: Dataset, dtype: npt.DTypeLike) -> None:
    """InputError where an entry is so far from its column that `dtype` cannot tell the other entries apart.

    That is a distance of 0.1/ε times the range of the others, where ε belongs to the dtype: about 10⁶ ranges
    in float32.
    """
    D = int(np.prod(data.event_shape))
    lowest, highest = _ends(data, np.arange(D), 1)
    suspicious = np.flatnonzero(np.maximum(-lowest[0], highest[0]) > MODERATE)
    if not len(suspicious):
        return
    (low, second_low), (high, second_high) = _ends(data, suspicious, 2)
    for d, a, b, c, e in zip(suspicious, low, second_low, second_high, high, strict=True):
        # either the largest entry lies apart from the others, or the smallest does
        far, others = (e - c, c - a) if e - c > b - a else (b - a, e - b)
        if np.isfinite(others) and 0 < others < 10 * float(np.finfo(dtype).eps) * far:
            place, value = _furthest(data, int(d), low=e - c <= b - a)
            others_of = f"the other entries of {data.entry(int(d))}"
            found = f"beside which {others_of} differ by less than {np.dtype(dtype)} resolves"
            raise InputError(f"{where}: {place} is {value:g}, {found}: {HELPS}")


def _ends(data: Dataset, columns: Array, count: int) -> tuple[Array, Array]:
    """Return the `count` lowest and the `count` highest observed entries of each column.

    The extreme one comes first. A column without an observed entry gives ∞ and −∞.
    """
    lowest, highest = np.full((count, len(columns)), np.inf), np.full((count, len(columns)), -np.inf)
    for batch in data.batches(AT_ONCE, np.float64):
        x = batch.x[:, columns]
        seen = True if batch.observed is None else batch.observed[:, columns] != 0
        low, high = np.where(seen, x, np.inf), np.where(seen, x, -np.inf)
        if count == 1:
            lowest, highest = np.minimum(lowest, low.min(axis=0)), np.maximum(highest, high.max(axis=0))
        else:
            lowest = np.sort(np.concatenate([lowest, low]), axis=0)[:count]
            highest = np.sort(np.concatenate([highest, high]), axis=0)[::-1][:count]
    return lowest, highest


def _furthest(data: Dataset, d: int, *, low: bool) -> tuple[str, float]:
    """Say where the lowest or the highest observed entry of a column stands, and return the entry."""
    place, value, found, start = "", 0.0, -np.inf, 0
    for batch in data.batches(AT_ONCE, np.float64):
        x = -batch.x[:, d] if low else batch.x[:, d]
        x = x if batch.observed is None else np.where(batch.observed[:, d] != 0, x, -np.inf)
        i = int(np.argmax(x))
        if x[i] > found:
            place, value, found = data.place(start + i, d), float(batch.x[i, d]), float(x[i])
        start += len(batch)
    return place, value
