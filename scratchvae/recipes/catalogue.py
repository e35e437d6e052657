"""Every recipe by its name: what `scratchvae train --recipe` offers, and what a run's config.json names."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from scratchvae.arrays import InputError, require_choice
from scratchvae.models import LatentVariableModel
from scratchvae.recipes.convolutional import convolutional
from scratchvae.recipes.mlp import mlp

CATALOGUE: dict[str, Callable[..., LatentVariableModel]] = {"convolutional": convolutional, "mlp": mlp}


def build(recipe: str, event_shape: tuple[int, ...], settings: Mapping[str, Any]) -> LatentVariableModel:
    """The model of that recipe for events of that shape; InputError for a recipe or a setting that there isn't."""
    require_choice("recipe", "name", recipe, CATALOGUE)
    builder = CATALOGUE[recipe]
    known = [name for name in signature(builder).parameters if name != "event_shape"]
    for name in settings:
        if name not in known:
            raise InputError(f"recipe {recipe}: settings are {', '.join(known)}; found {name!r}")
    try:
        return builder(event_shape, **settings)
    except TypeError as error:
        raise InputError(f"recipe {recipe}: its settings should be of its types, found {dict(settings)} ({error})") from error
