"""How several draws of z for each example are laid out in somebody's arrays: first, or after the examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.proportions import same


@dataclass(frozen=True)
class Draws:
    """K draws of each of B examples. `first`: draws are the first axis, or the slower one of the rows."""

    B: int
    K: int = 1
    first: bool = False

    def by_example(self, array: Array) -> Array:
        """(B, K, …) of what comes with all its draws; of one draw the array as it is."""
        if self.K == 1:
            return array
        if self.first:
            return np.swapaxes(array.reshape(self.K, self.B, -1), 0, 1)
        return array.reshape(self.B, self.K, -1)

    def totals(self, array: Array) -> Array | None:
        """(B, K): the sum of what belongs to each draw; None of an array of another size."""
        if not array.size or array.size % (self.B * self.K):
            return None
        found: Array = self.by_example(array).reshape(self.B, self.K, -1).sum(axis=2)
        return found

    def once(self, array: Array) -> Array:
        """(B, …) of what comes with all its draws, each of which has the same."""
        return self.by_example(array)[:, 0]

    def repeated(self, array: Array) -> Array:
        """What an example has, once for each of its draws, in the layout of the draws."""
        rows = array.reshape(self.B, -1)
        return np.tile(rows, (self.K, 1)) if self.first else np.repeat(rows, self.K, axis=0)


def draws_of(array: Array, mean: Array, joined: Array) -> Draws | None:
    """The layout of an array of draws: `joined` is the mean as each draw took it.

    None where the rows of `joined` do not show how the draws are laid out.
    """
    B, K = len(mean), array.size // mean.size
    if array.size % mean.size:
        return None
    if K == 1:
        return Draws(B)
    rows = np.broadcast_to(joined, array.shape) if joined.size != array.size else joined
    for found in (Draws(B, K, True), Draws(B, K, False)):
        if np.array_equal(rows.reshape(B * K, -1), found.repeated(mean)):
            return found
    return None


def draws_before(mean: Array, examples: int) -> Draws | None:
    """The layout where examples were repeated before the encoder; None if they were not."""
    B, K = examples, len(mean.reshape(-1, mean.shape[-1])) // max(examples, 1)
    if mean.ndim < 2 or B < 2 or K < 2 or mean.size != B * K * mean.shape[-1] or not np.ptp(mean):
        return None
    for found in (Draws(B, K, True), Draws(B, K, False)):
        alike = mean.shape[: 2 if mean.ndim > 2 else 1] in ((K, B), (B, K), (B * K,))
        if alike and same(found.repeated(found.once(mean)), mean):
            return found
    return None
