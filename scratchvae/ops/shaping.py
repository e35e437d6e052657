"""Ops that move entries and compute nothing: their pullbacks move the gradients back."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback


@differentiable
def reshape(x: Array, *, shape: tuple[int, ...]) -> tuple[Array, Pullback]:
    """The same entries in row-major order under another shape; one size may be −1."""
    try:
        y = x.reshape(shape)
    except ValueError:
        raise InputError(f"reshape: x should fit the shape {shape}, found {x.shape}") from None

    def pullback(dy: Array) -> Array:
        return dy.reshape(x.shape)  # entry by entry

    return y, pullback


@differentiable
def split(x: Array, *, sizes: Sequence[int], axis: int = 1) -> tuple[tuple[Array, ...], Pullback]:
    """x cut along `axis` into parts of the given sizes, which sum to the length of that axis.

    `concatenate` is its inverse.
    """
    if sum(sizes) != x.shape[axis]:
        raise InputError(
            f"split: sizes should sum to {x.shape[axis]}, the length of axis {axis} of x, found {tuple(sizes)}"
        )
    parts = _cut(x, sizes, axis)

    def pullback(*dparts: Array) -> Array:
        return np.concatenate(dparts, axis=axis)  # dx = [dpart₁ | dpart₂ | …]

    return parts, pullback


@differentiable
def concatenate(*parts: Array, axis: int = 1) -> tuple[Array, Pullback]:
    """The parts side by side along `axis`. They must agree in all other axes."""
    try:
        y = np.concatenate(parts, axis=axis)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise InputError(
            f"concatenate: the parts should agree in every axis but {axis}, found shapes {shapes}"
        ) from None
    sizes = [part.shape[axis] for part in parts]

    def pullback(dy: Array) -> Array | tuple[Array, ...]:
        dparts = _cut(dy, sizes, axis)  # dpart_k = dy at the place of part k
        return dparts if len(dparts) > 1 else dparts[0]

    return y, pullback


def _cut(x: Array, sizes: Sequence[int], axis: int) -> tuple[Array, ...]:
    """Views of x, parts of the given sizes along `axis`."""
    along = x.swapaxes(0, axis)
    return tuple(
        along[end - size : end].swapaxes(0, axis) for size, end in zip(sizes, accumulate(sizes), strict=True)
    )
