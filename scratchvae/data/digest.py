"""Whether two data sets are the same one: a digest of what they hold."""

import hashlib

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data.dataset import Dataset

AT_ONCE = 1 << 22  # values, so that a set in an odd memory layout is not copied whole


def digest(data: Dataset) -> str:
    """SHA-256 over dtype, shape and values in C order of the images, the labels, the conditions and the mask.

    Names don't count. A mask that hides exactly what is NaN says nothing new, and isn't counted.

    >>> from scratchvae.data import glyphs
    >>> digest(glyphs(10)) == digest(glyphs(11).subset(slice(0, 10)))
    True
    """
    found = hashlib.sha256()
    for array in (data.images, data.labels, data.conditions, _mask(data)):
        if array is None:
            continue
        found.update(f"{array.dtype.newbyteorder('<').str} {array.shape}".encode())
        rows = max(1, AT_ONCE // max(1, array[0].size))
        for start in range(0, len(array), rows):
            part = array[start : start + rows]
            found.update(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).data)
    return found.hexdigest()


def _mask(data: Dataset) -> Array | None:
    """Which entries were observed, where the images alone don't say so."""
    if data.observed is None or (
        data.images.dtype.kind == "f" and (np.isnan(data.images) == ~data.observed).all()
    ):
        return None
    return data.observed
