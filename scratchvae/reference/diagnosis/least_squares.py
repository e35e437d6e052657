"""The weights of some columns in a target, by least squares."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array


def least_squares(columns: Sequence[Array], target: Array) -> list[float] | None:
    """The w that minimizes ‖Σ_k w_k columns_k − target‖², or None where a number is not finite.

    LAPACK's solver need not return where an entry is infinite: it stays in a loop for some matrices, out of
    reach of Ctrl-C, and raises an error for others.
    """
    rows = np.stack([np.ravel(column) for column in columns], axis=1)
    if not (np.isfinite(rows).all() and np.isfinite(target).all()):
        return None
    return [float(weight) for weight in np.linalg.lstsq(rows, np.ravel(target), rcond=None)[0]]
