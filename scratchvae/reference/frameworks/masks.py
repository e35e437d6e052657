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
}  # as a mask may be


def masks(used: Iterable[Node], output: Node, gradient: Array | None, x: Array) -> Iterator[Array]:
    """Arrays of 0 and 1, other than x itself, that hide the entries which get no gradient."""
    if gradient is None or gradient.all() or not gradient.any():
        return
    hidden, shape = gradient.reshape(x.shape) == 0, output.shape
    for node in used:
        if node.learned or not (node.kind in {"data", "constant"} or node.op in MADE_BY):
            continue
        whole = node.size == hidden.size
        if not whole and (
            len(node.shape) != len(shape)
            or any(a not in (1, b) for a, b in zip(node.shape, shape, strict=True))
        ):
            continue
        mask = node.value() if whole else np.broadcast_to(node.value(), shape)
        mask = mask.reshape(x.shape).astype(np.float64)
        if np.isin(mask, (0, 1)).all() and hidden[mask == 0].all() and not np.array_equal(mask, x):
            yield mask
