"""The layout of an array says what its axes are; every layout of a file becomes (N, C, H, W) or (N, D)."""

import numpy as np

from scratchvae.arrays import Array, InputError

CHANNELS = (1, 3, 4)  # grey, red-green-blue, the same with opacity


def channels_first(array: Array, where: str) -> Array:
    """Return a view of the array as (N, C, H, W), or as (N, D) for plain vectors.

    (N, D) stays as it is, and (N, H, W) becomes (N, 1, H, W). Four axes are read as (N, C, H, W), unless the
    last has length 1, 3 or 4 and the second has not: then they are read as (N, H, W, C). Any other number of
    axes is an InputError.

    >>> channels_first(np.zeros((5, 8, 9, 3)), "example").shape
    (5, 3, 8, 9)
    """
    if array.ndim not in (2, 3, 4):
        raise InputError(
            f"{where}: images should be (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C), "
            f"found shape {array.shape}"
        )
    if array.ndim == 3:
        return array[:, np.newaxis]
    if array.ndim == 4 and array.shape[3] in CHANNELS and array.shape[1] not in CHANNELS:
        return np.moveaxis(array, 3, 1)
    return array


def require_examples(where: str, shape: tuple[int, ...]) -> None:
    """InputError unless `shape` has an axis of examples and each example has at least one entry."""
    if len(shape) < 2:
        helps = "x.reshape(-1, 1) makes a column of it, and x.reshape(1, -1) one example"
        found = f"one axis, of shape {shape}: {helps}" if shape else "a single number"
        raise InputError(f"{where}: x should hold examples, as (N, D) or (N, C, H, W); found {found}")
    if 0 in shape:
        lacking = "no example: 0 sample(s)" if shape[0] == 0 else "0 feature(s)"
        raise InputError(
            f"{where}: x should hold examples; found {lacking} (shape={shape}) "
            "while a minimum of 1 is required."
        )
