"""This file checks what is known of each example beside x: its label and its conditions."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_finite


def checked_labels(where: str, labels: Array, n: int, names: tuple[str, ...]) -> Array:
    """Return the labels of n examples as integers (n,) by which NumPy can index.

    InputError for labels that are no integers, and for labels that have no entry in `names`, where names are
    given.
    """
    if labels.shape != (n,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{where}: labels should be {n} integers, found {labels.dtype} of shape {labels.shape}"
        )
    if labels.dtype.kind == "u" and labels.max() > np.iinfo(np.intp).max:
        helps = "np.unique(labels, return_inverse=True)[1] numbers them from 0 on"
        found = f"found {labels.max()} of example {labels.argmax()}"
        raise InputError(f"{where}: labels should be {np.iinfo(np.intp).max} at most; {found}: {helps}")
    if names and not (labels.min() >= 0 and labels.max() < len(names)):
        raise InputError(
            f"{where}: labels should lie in 0..{len(names) - 1}, one for each label name, "
            f"found {labels.min()}..{labels.max()}"
        )
    return labels.astype(np.intp, copy=False)


def checked_conditions(where: str, conditions: Array, n: int) -> Array:
    """Return the conditions (n, C) of n examples unchanged.

    InputError unless they are finite floating numbers of that shape.
    """
    if conditions.ndim != 2 or len(conditions) != n or conditions.dtype.kind != "f":
        expected = f"conditions should be ({n}, C) floating numbers"
        raise InputError(f"{where}: {expected}, found {conditions.dtype} of shape {conditions.shape}")
    require_finite(where, "conditions", conditions)
    return conditions
