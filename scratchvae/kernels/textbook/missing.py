"""Choosing between what was observed and what stands in for it."""

import numpy as np

from scratchvae.arrays import Array


def fill_missing(x: Array, observed: Array, value: float) -> Array:
    """y = x where `observed` is not 0, else `value`, so that nothing is left of what stands there."""
    return np.where(observed != 0, x, x.dtype.type(value))
