"""Layers that change the shape of an example and compute nothing."""

from scratchvae import ops
from scratchvae.arrays import Array, Pullback
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
