"""Dropout as a layer."""

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_share
from scratchvae.layers.interface import EVALUATION, Layer, Mode, apply


class Dropout(Layer):
    """In training each entry becomes 0 with probability p, and x / (1 − p) otherwise; at evaluation y = x.

    The generator of the mode draws which entries become 0.
    """

    def __init__(self, p: float = 0.5) -> None:
        require_share("Dropout", "p", p)
        self.p = p

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        if mode.rng is None:
            return apply(ops.reshape, x, shape=x.shape)
        mask = mode.rng.random(x.shape, dtype="float32") >= self.p
        return apply(ops.dropout, x, mask=mask, rate=self.p)
