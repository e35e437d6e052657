"""Which axis of an array is what: every layout that files use, brought to (N, C, H, W) or (N, D)."""

import numpy as np

from scratchvae.arrays import Array, InputError

CHANNELS = (1, 3, 4)  # grey, red-green-blue, the same with opacity


def channels_first(array: Array, where: str) -> Array:
    """A view of the array as (N, C, H, W), or (N, D) for plain vectors, by this rule:

    (N, D) stays; (N, H, W) becomes (N, 1, H, W); four axes are (N, C, H, W) already, unless the last has
    length 1, 3 or 4 and the second has not: then they are (N, H, W, C). Any other number of axes is an
    InputError.

    >>> channels_first(np.zeros((5, 8, 9, 3)), "example").shape
    (5, 3, 8, 9)
    """
    if array.ndim not in (2, 3, 4):
        raise InputError(
            f"{where}: images should be (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C), found shape {array.shape}"
        )
    if array.ndim == 3:
        return array[:, np.newaxis]
    if array.ndim == 4 and array.shape[3] in CHANNELS and array.shape[1] not in CHANNELS:
        return np.moveaxis(array, 3, 1)
    return array
