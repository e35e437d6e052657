"""Layers that see an example in another shape: as one row, as an image, as groups."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply


class Flatten(Layer):
    """(B, ...)  ->  (B, D)."""

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.reshape, x, shape=(len(x), -1))


class Reshape(Layer):
    """(B, ...)  ->  (B, *event_shape)."""

    def __init__(self, *event_shape: int) -> None:
        self.event_shape = event_shape

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        return apply(ops.reshape, x, shape=(len(x), *self.event_shape))


class GroupSoftmax(Layer):
    """softmax over each of `groups` parts of one size.     x (B, D)  ->  (B, D).

    Where x are already logarithms of shares, this is e^x. It is the first layer of a decoder whose codes are
    such logarithms (posteriors.Concrete).
    """

    def __init__(self, groups: int) -> None:
        require_count("GroupSoftmax", "groups", groups)
        self.groups = groups

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        if x.ndim != 2 or x.shape[1] % self.groups:
            raise InputError(
                f"GroupSoftmax: x should be (B, D), D a multiple of {self.groups} groups; found {x.shape}"
            )
        apart, apart_pullback = ops.reshape(x, shape=(len(x), self.groups, x.shape[1] // self.groups))
        shares, shares_pullback = ops.softmax(apart, axis=2)
        y, y_pullback = ops.reshape(shares, shape=x.shape)

        def pullback(dy: Array) -> Array:
            dx: Array = apart_pullback(shares_pullback(y_pullback(dy)))
            return dx

        return y, pullback


class GroupSum(Layer):
    """y_g = Σ_t x_gt, where each of `groups` groups holds `parts` vectors of one size side by side.

    It begins a decoder whose codes are chosen in several steps (posteriors.VectorQuantized with a depth).
    x (B, groups · parts · d)  ->  (B, groups · d).
    """

    def __init__(self, groups: int, parts: int) -> None:
        for name, count in (("groups", groups), ("parts", parts)):
            require_count("GroupSum", name, count)
        self.groups, self.parts = groups, parts

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        if x.ndim != 2 or x.shape[1] % (self.groups * self.parts):
            expected = f"x should be (B, D), D a multiple of {self.groups} groups of {self.parts} parts"
            raise InputError(f"GroupSum: {expected}; found {x.shape}")
        size = x.shape[1] // (self.groups * self.parts)
        apart, apart_pullback = ops.reshape(x, shape=(len(x), self.groups, self.parts, size))
        sums, sums_pullback = ops.sum(apart, axis=2)
        y, y_pullback = ops.reshape(sums, shape=(len(x), self.groups * size))

        def pullback(dy: Array) -> Array:
            dx: Array = apart_pullback(sums_pullback(y_pullback(dy)))  # dx_gt = dy_g
            return dx

        return y, pullback


class FirstColumns(Layer):
    """The first `count` entries of each example.     x (B, D)  ->  (B, count).

    With latents in layers they are all that a decoder gets.
    """

    def __init__(self, count: int) -> None:
        require_count("FirstColumns", "count", count)
        self.count = count

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        require_shapes("FirstColumns", x=(x, "B D"))
        if x.shape[1] < self.count:
            raise InputError(f"FirstColumns: x should have at least {self.count} entries, found {x.shape[1]}")
        (first, rest), split_pullback = ops.split(x, sizes=(self.count, x.shape[1] - self.count))

        def pullback(dfirst: Array) -> Array:
            dx: Array = split_pullback(dfirst, np.zeros_like(rest))  # dx = [dfirst | 0]
            return dx

        return first, pullback
