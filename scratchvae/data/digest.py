"""A digest of what a data set holds tells whether two sets are the same one."""

import hashlib

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data.dataset import Dataset

AT_ONCE = 1 << 22  # so many values are copied together: a set in an odd memory layout is never copied whole


def digest(data: Dataset) -> str:
    """Return the SHA-256 of the images, the labels, the conditions and the mask of a data set.

    Each contributes its dtype, its shape and its values in C order. Names do not count. A mask that hides
    exactly the entries that are NaN adds nothing, and is not counted.

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
    """Return which entries were observed, or None where NaN among the images says the same."""
    if data.observed is None or (
        data.images.dtype.kind == "f" and (np.isnan(data.images) == ~data.observed).all()
    ):
        return None
    return data.observed
