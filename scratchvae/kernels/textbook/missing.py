"""Observed entries, with a number in the place of each missing one."""

import numpy as np

from scratchvae.arrays import Array


def fill_missing(x: Array, observed: Array, value: float) -> Array:
    """y = x where `observed` is not 0, else `value`, whatever number or NaN x holds there."""
    return np.where(observed != 0, x, x.dtype.type(value))
