"""What scratchvae 0.2 and 0.1 did with data, so that their runs go on as they began: how data were read, held
out and shown.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.choices import Choice, parse
from scratchvae.data import Dataset

BY_DTYPE = "by_dtype"  # in the place of a kind: bytes were pixels, whatever they stood for


def is_of_then(entries: Mapping[str, Any]) -> bool:
    """Whether a whole config is of a version before kinds were declared and the held-out examples drawn by
    the seed.
    """
    return "settings" in entries or ("examples" in entries and "held_out_last" not in entries)


def as_then(entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of such a config in the words of today: the last examples held out, and an encoder that is
    shown counts.

    Of counts a Poisson model shows its encoder log(1 + x) today, and showed x as it was.
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
    """The examples as those versions took them: bools and bytes as pixels, and bytes of 0 and 1 in arrays as
    black and white.
    """
    images = np.asarray(data.images)
    if data.kind != "values" or images.dtype not in (np.uint8, np.bool_):
        return data
    if images.dtype == np.bool_ or images.max() == 1:
        images = images.astype(np.uint8) * np.uint8(255)
    return replace(data, images=images, kind="pixels")
