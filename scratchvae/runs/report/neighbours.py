"""Neighbours are the training examples nearest to some vectors."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset

AT_ONCE = 1000  # training examples


def nearest(x: Array, data: Dataset) -> tuple[Array, Array]:
    """Return, for each x (N, D), the index in `data` of the nearest example (N,), and its distance (N,).

    The distance is √(Σ_d (x_d − y_d)²). Missing entries of y are left out of the sum, which is then
    multiplied by D over the number of the other entries, as if the missing ones were like these.
    """
    best, place = np.full(len(x), np.inf), np.zeros(len(x), np.intp)
    x = x.astype(np.float64)
    for start in range(0, len(data), AT_ONCE):
        batch = data.batch(slice(start, start + AT_ONCE), np.float64)
        known = np.ones(batch.x.shape) if batch.observed is None else batch.observed.astype(np.float64)
        squares = x**2 @ known.T - 2 * x @ (known * batch.x).T + (known * batch.x**2).sum(axis=1)
        count = known.sum(axis=1)
        # an example without any known entry is nearest to nothing
        squares = np.where(count > 0, squares * (x.shape[1] / np.maximum(count, 1)), np.inf)
        found = squares.argmin(axis=1)
        nearer = squares[np.arange(len(x)), found] < best
        best = np.where(nearer, squares[np.arange(len(x)), found], best)
        place = np.where(nearer, start + found, place)
    return place, np.sqrt(np.maximum(best, 0))
