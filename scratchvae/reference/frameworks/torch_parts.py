"""The named parts of a PyTorch module as layers of this library.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scratchvae import layers
from scratchvae.arrays import InputError
from scratchvae.layers import Layer
from scratchvae.reference.frameworks.parts import (
    activation,
    known_activations,
)
from scratchvae.reference.frameworks.torch_twins import layer_from_torch, paired

# a child's dotted name, an activation's, "flatten", or the shape that an example is given
Part = str | tuple[int, ...] | Any


# a child's name ("" of what is none), its layer, their Parameters beside each other
Leaf = tuple[str, Layer, dict[str, Any]]


def leaves_of(module: Any, part: Part) -> list[Leaf]:
    """A part as layers, an nn.Sequential as those it holds."""
    import torch

    children = dict(module.named_modules(remove_duplicate=False))
    if isinstance(part, str) and part in children:
        child = children[part]
        if isinstance(child, torch.nn.Sequential):
            return [
                leaf for name, _ in child.named_children() for leaf in leaves_of(module, f"{part}.{name}")
            ]
        layer = layer_from_torch(child, name=part)
        return [(part, layer, paired(layer, child, f"{part}."))]
    if isinstance(part, torch.nn.Module):
        return [("", layer_from_torch(part), {})]
    if isinstance(part, tuple | list) and all(isinstance(size, int) for size in part):
        return [("", layers.Reshape(*part), {})]
    if part == "flatten":
        return [("", layers.Flatten(), {})]
    found = activation(part)
    if found is None:
        known = ", ".join(name for name in children if name)
        raise InputError(
            f"check_torch: the module has no child {part!r}; it has {known}; activations are "
            f"{known_activations()}"
        )
    return [("", found, {})]


def chain_of(module: Any, parts: Sequence[Part]) -> tuple[layers.Sequential, dict[str, Any]]:
    """The layers that the parts name, and their Parameters beside the module's by name."""
    leaves = [leaf for part in parts for leaf in leaves_of(module, part)]
    pairs: dict[str, Any] = {}
    for _, _, found in leaves:
        pairs |= found
    return layers.Sequential(*(layer for _, layer, _ in leaves)), pairs
