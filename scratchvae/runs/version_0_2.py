"""Runs of scratchvae 0.2 and 0.1 continue as they began: their data are read and held out as then."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.choices import Choice, parse
from scratchvae.data import Dataset

BY_DTYPE = "by_dtype"  # it stands in the place of a kind: version 0.2 took all bytes for pixels


def is_of_then(entries: Mapping[str, Any]) -> bool:
    """Whether a whole config is of version 0.2 or before.

    Those versions declared no kinds, and the seed did not draw the held-out examples.
    """
    return "settings" in entries or ("examples" in entries and "held_out_last" not in entries)


def as_then(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the entries of such a config: the last examples are held out, and encoders see counts.

    Today the encoder of a Poisson model sees log(1 + x) of counts x, while it then saw x itself.
    """
    today = {**entries, "kind": BY_DTYPE, "held_out_last": True}
    recipe = (
        parse(entries.get("recipe", "mlp"), "recipe")
        if isinstance(entries.get("recipe", "mlp"), str)
        else None
    )
    if recipe is not None and recipe.keywords.get("likelihood") in ("poisson", Choice("poisson")):
        shown = Choice("poisson", {"log_inputs": False})
        today["recipe"] = str(Choice(recipe.name, {**recipe.keywords, "likelihood": shown}, recipe.positions))
    return today


def read_as_then(data: Dataset) -> Dataset:
    """Return the examples as those versions took them.

    Bools and bytes were pixels, and bytes of 0 and 1 in arrays were black and white.
    """
    images = np.asarray(data.images)
    if data.kind != "values" or images.dtype not in (np.uint8, np.bool_):
        return data
    if images.dtype == np.bool_ or images.max() == 1:
        images = images.astype(np.uint8) * np.uint8(255)
    return replace(data, images=images, kind="pixels")
