"""The quantities of a PyTorch step whose layers are named, by canonical name.

torch is imported inside these functions only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis import std_read_as
from scratchvae.reference.frameworks.torch_flow import as_array
from scratchvae.reference.frameworks.torch_names import moments


def standardized(name: str, args: Any, kwargs: dict[str, Any], drawn: Any) -> Any:
    """The standard normal numbers in torch.normal(mean, std), which Normal.sample() calls, in float64."""
    import torch

    if name != "normal":
        return drawn
    mean, std = moments(name, args, kwargs)
    if not torch.is_tensor(mean) and not torch.is_tensor(std):
        return drawn
    mean, std = (torch.as_tensor(a).detach().double() for a in (mean, std))
    return drawn if bool((mean == 0).all() and (std == 1).all()) else (drawn.double() - mean) / std


def shared(one: Any, other: Any) -> bool:
    """Whether both are the same memory."""
    return bool(one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr())


def _noise(draws: list[Any], shape: tuple[int, ...]) -> Any:
    """The first draw of as many numbers as the shape, or one that broadcasts to it; else None."""
    import torch

    for draw in draws:
        if draw.numel() == np.prod(shape):
            return draw.reshape(shape)
    for draw in sorted(draws, key=lambda draw: draw.numel() == 1):  # one number last
        fits = draw.ndim <= len(shape) and all(
            a in (1, b) for a, b in zip(draw.shape[::-1], shape[::-1], strict=False)
        )
        if fits:
            return torch.broadcast_to(draw, shape)
    return None


def quantities(seen: dict[str, Any], x: Any, scale: str, output: str) -> tuple[dict[str, Any], bool]:
    """What was seen by canonical name; and whether one head gives mean and spread in turns."""
    found: dict[str, Any] = {"x": x, "loss": seen["loss"]}
    tensors = {"z": seen["z"], output: seen["output"]}
    if "head 1" in seen:
        tensors |= {"mean": seen["head 0"], scale: seen["head 1"]}
    for name, tensor in tensors.items():
        found[name] = tensor
        if tensor.grad is not None or tensor.requires_grad:  # no gradient arrived where one could: it is 0
            found[f"d_{name}"] = tensor.grad if tensor.grad is not None else tensor.detach() * 0
    interleaved = "head 1" not in seen and _split(seen["head 0"], seen, scale, found)
    shape = found["mean"].shape
    if found["z"].numel() != found["mean"].numel():
        raise InputError(
            f"check_torch: the decoder's input should be z of the mean's shape (B, Z) = {tuple(shape)}, "
            "found "
            f"{tuple(found['z'].shape)}: one draw for each example, and nothing joined to it"
        )
    for name in {"z", "d_z"} & set(found):
        found[name] = found[name].reshape(shape)
    noise = _noise(seen["draws"], tuple(shape))
    return (found if noise is None else {**found, "noise": noise}), interleaved


def _split(both: Any, seen: dict[str, Any], scale: str, found: dict[str, Any]) -> bool:
    """Enter mean and spread of the one head: its halves, or in turns if z shows that; whether it is so."""
    if both.ndim != 2 or both.shape[1] % 2:
        raise InputError(
            f"check_torch: one head should give mean and spread in halves (B, 2 Z), found {tuple(both.shape)}"
        )
    Z = both.shape[1] // 2
    ways = ((slice(None, Z), slice(Z, None)), (slice(None, None, 2), slice(1, None, 2)))
    noise = _noise(seen["draws"], (len(both), Z))
    fits = [
        noise is not None
        and seen["z"].numel() == noise.numel()
        and _sampled(both[:, m], both[:, s], scale, noise, seen["z"])
        for m, s in ways
    ]
    interleaved = bool(fits[1] and not fits[0])
    for name, columns in zip(("mean", scale), ways[interleaved], strict=True):
        found[name] = both[:, columns]
        if both.requires_grad:
            found[f"d_{name}"] = (both.grad if both.grad is not None else both.detach() * 0)[:, columns]
    return interleaved


def _sampled(mean: Any, held: Any, scale: str, noise: Any, z: Any) -> bool:
    std = std_read_as(scale, as_array(held).astype(np.float64))
    apart = np.abs(as_array(mean) + std * as_array(noise) - as_array(z).reshape(std.shape))
    return bool(apart.max() <= 1e-2 * (1 + np.abs(as_array(z)).max()))
