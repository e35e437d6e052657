"""What people hand to a model's verbs, as a Dataset of the model's events."""

from dataclasses import replace
from math import prod

import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset
from scratchvae.models.conditions import Classes, Condition


def as_dataset(
    where: str,
    x: Array | Dataset,
    event_shape: tuple[int, ...],
    y: npt.ArrayLike | None = None,
    condition: Condition | None = None,
) -> Dataset:
    """Examples (N, D) or (N, *event_shape), as `features.numbers` returns them, or a Dataset of such, as a
    Dataset.

    A model whose `condition` is None has no use for y, and this function does not look at it. Any other model
    gets its y from `y`, or where that is None from the Dataset. NaN and the mask of a masked array say which
    entries are missing. InputError for events of another shape, where
    y is missing, and where y is not what the condition asks for.
    """
    if isinstance(x, Dataset):
        if x.event_shape != event_shape:
            expected = f"events should have shape {event_shape}, which the model is for"
            raise InputError(f"{where}: {expected}; found {x.event_shape} in {x.name}")
        data = x
    else:
        if x.ndim < 2 or prod(x.shape[1:]) != prod(event_shape):
            expected = f"(N, {prod(event_shape)}) or (N, {', '.join(map(str, event_shape))})"
            features = prod(x.shape[1:]) if x.ndim > 1 else "no"
            words = f"X has {features} features, but {where} is expecting {prod(event_shape)} features as input"
            raise InputError(f"{where}: x should have shape {expected}, found {x.shape}: {words}")
        data = Dataset("x", x.reshape(len(x), *event_shape))
    if condition is None:
        return data
    given = data.y if y is None else y
    if given is None:
        raise InputError(f"{where}: y should be {condition.words}; found none")
    known = condition.read(where, given, len(data))
    if isinstance(condition, Classes):
        return data if y is None else replace(data, labels=known, label_names=(), conditions=None)
    return replace(data, conditions=known)
