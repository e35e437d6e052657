"""What is known of each example beside x: labels and conditions, checked."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_finite


def checked_labels(where: str, labels: Array, n: int, names: tuple[str, ...]) -> Array:
    """Labels of n examples as integers (n,) that NumPy indexes by; InputError for anything else, and beyond `names`."""
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
    """Conditions of n examples as they are; InputError unless they are finite floating numbers (n, C)."""
    if conditions.ndim != 2 or len(conditions) != n or conditions.dtype.kind != "f":
        expected = f"conditions should be ({n}, C) floating numbers"
        raise InputError(f"{where}: {expected}, found {conditions.dtype} of shape {conditions.shape}")
    require_finite(where, "conditions", conditions)
    return conditions
