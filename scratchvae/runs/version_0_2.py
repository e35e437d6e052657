"""How scratchvae 0.2 and 0.1 read data and held some of it out, so that their runs go on with the examples they began with."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.data import Dataset

BY_DTYPE = "by_dtype"  # in the place of a kind: bytes were pixels, whatever they stood for
LAST = {"kind": BY_DTYPE, "held_out_last": True}


def is_of_then(entries: Mapping[str, Any]) -> bool:
    """Whether a whole config is of a version before kinds were declared and the held-out examples drawn by the seed."""
    return "settings" in entries or ("examples" in entries and "held_out_last" not in entries)


def read_as_then(data: Dataset) -> Dataset:
    """The examples as those versions took them: bools and bytes as pixels, and bytes of 0 and 1 in arrays as black and white."""
    images = np.asarray(data.images)
    if data.kind != "values" or images.dtype not in (np.uint8, np.bool_):
        return data
    if images.dtype == np.bool_ or images.max() == 1:
        images = images.astype(np.uint8) * np.uint8(255)
    return replace(data, images=images, kind="pixels")
