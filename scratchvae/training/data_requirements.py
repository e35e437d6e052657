"""The examples of a training have the model's shape, lie in its support, and observe each entry somewhere.

What a model is told of them is of the kind that it is told.
"""

from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.likelihoods import require_supported
from scratchvae.objectives import Model


def require_examples(model: Model, data: Dataset, held_out: Dataset | None, *, full_batch: int) -> None:
    """Raise InputError unless the model can be trained on `data` and judged on `held_out`.

    `full_batch` is how many examples each batch must have, or 0 where the last one may have fewer.
    """
    if len(data) < full_batch:
        found = f"found {len(data)} in batches of {full_batch}"
        raise InputError(f"Training: with drop_last there should be examples for one batch at least; {found}")
    for part in (data,) if held_out is None else (data, held_out):
        if part.event_shape != model.event_shape:
            expected = f"events should have shape {model.event_shape}, which the model is for"
            raise InputError(f"Training: {expected}; found {part.event_shape} in {part.name}")
        require_supported("Training", model.likelihood, part)
        _require_told(model, part)
    _require_each_entry_observed(data)


def _require_told(model: Any, data: Dataset) -> None:
    """Raise InputError where the model is told a y and some example's is none of those that it knows."""
    condition = getattr(model, "condition", None)
    if condition is not None and data.y is not None:
        hidden = getattr(model, "classifier", None) is not None
        condition.read(f"Training: of {data.name}", data.y, len(data), hidden=hidden)


def _require_each_entry_observed(data: Dataset) -> None:
    """Raise InputError where an entry is missing in all examples, since nothing could be learned of it."""
    known = True if data.observed is None else data.observed.reshape(len(data), -1).any(axis=0)
    if not np.all(known):
        entry, count = int(np.argmin(known)), int(np.count_nonzero(~np.asarray(known)))
        found = f"{data.entry(entry)} is missing in all of them, and {count} such entries: leave them out"
        raise InputError(f"Training: every entry should be observed in some example of {data.name}; {found}")
