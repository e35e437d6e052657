"""The weights of some columns in a target, by least squares."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array


def least_squares(columns: Sequence[Array], target: Array, *, rounding: float) -> list[float] | None:
    """The w that minimizes ‖Σ_k w_k columns_k − target‖², or None where a number is not finite.

    `rounding` is how far the entries of the target may be from what was meant. A weight whose column adds no
    more than that to any entry is 0: the solver returns a number such as −8e-9 for it.

    LAPACK's solver need not return where an entry is infinite: it stays in a loop for some matrices, out of
    reach of Ctrl-C, and raises an error for others.
    """
    rows = np.stack([np.ravel(column) for column in columns], axis=1)
    if not (np.isfinite(rows).all() and np.isfinite(target).all()):
        return None
    weights = np.linalg.lstsq(rows, np.ravel(target), rcond=None)[0]
    seen = np.abs(weights) * np.abs(rows).max(axis=0) > rounding
    return [float(weight) for weight in np.where(seen, weights, 0.0)]
