"""Masks of a step: arrays of 0 and 1 that say which entries are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node

MADE_BY = {
    "cast",
    "view",
    "expand",
    "repeat",
    "invert",
    "bitwise_not",
    "logical_not",
    "not",
    "gt",
    "ge",
    "lt",
    "le",
    "ne",
    "eq",
    "isnan",
    "isfinite",
    "isinf",
    "where",
    "and",
    "or",
    "bitwise_and",
    "bitwise_or",
    "logical_and",
    "logical_or",
    "mul",
    "sub",
}  # as a mask may be


def masks(used: Iterable[Node], gradient: Array | None, x: Array) -> Iterator[Array]:
    """Arrays of 0 and 1, other than x itself, that hide the entries which get no gradient, in x's shape.

    A mask may be spread over axes that its entries share, in any shape that an array of x's size has.
    """
    if gradient is None or gradient.all() or not gradient.any():
        return
    used = list(used)
    hidden = gradient.reshape(x.shape) == 0
    shapes = list(dict.fromkeys(node.shape for node in used if node.size == hidden.size))
    for node in used:
        if node.learned or not (node.kind in {"data", "constant"} or node.op in MADE_BY):
            continue
        shape = next((shape for shape in shapes if _spreads_to(node.shape, shape)), None)
        if shape is None:
            continue
        mask = np.broadcast_to(node.value(), shape).reshape(x.shape).astype(np.float64)
        if np.isin(mask, (0, 1)).all() and hidden[mask == 0].all() and not np.array_equal(mask, x):
            yield mask


def _spreads_to(shape: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    return len(shape) == len(wide) and all(a in (1, b) for a, b in zip(shape, wide, strict=True))
