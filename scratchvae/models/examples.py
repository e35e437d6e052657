"""What people hand to a model's verbs, as a Dataset of the model's events."""

from math import prod

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import InputError
from scratchvae.data import Dataset


def as_dataset(where: str, x: npt.ArrayLike | Dataset, event_shape: tuple[int, ...]) -> Dataset:
    """Examples (N, D) or (N, *event_shape), or a Dataset of such, as a Dataset; InputError for events of another shape.

    NaN and the mask of a masked array say which entries are missing.
    """
    if isinstance(x, Dataset):
        if x.event_shape != event_shape:
            expected = f"events should have shape {event_shape}, which the model is for"
            raise InputError(f"{where}: {expected}; found {x.event_shape} in {x.name}")
        return x
    x = x if isinstance(x, np.ma.MaskedArray) else np.asarray(x)  # whose mask says what is missing
    if x.ndim < 2 or prod(x.shape[1:]) != prod(event_shape):
        expected = f"(N, {prod(event_shape)}) or (N, {', '.join(map(str, event_shape))})"
        raise InputError(f"{where}: x should have shape {expected}, found {x.shape}")
    return Dataset("x", x.reshape(len(x), *event_shape))
