"""A learned number for each entry, which the encoder sees where the entry is missing."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.parameter import Parameter


class LearnedFill(Layer):
    """[x | o | rest]  ->  [y | rest] with y_d = x_d where o_d > ½, and `fill`_d elsewhere.

    x is (B, D) with D = `entries`; o (B, D) is 1 where an entry was observed and 0 where it is missing. Columns
    that follow are passed on as they are. `fill` (D,) starts at 0. The mask gets no gradient, since it is data.
    Mattei & Frellsen's notebooks learn such a constant, and call it ι.
    """

    def __init__(self, entries: int) -> None:
        self.fill = Parameter(np.zeros(entries, np.float32))

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        D = len(self.fill.value)
        require_shapes("LearnedFill", x=(x[:, : 2 * D], f"B {2 * D}"))
        known, observed, rest = x[:, :D], x[:, D : 2 * D] > 0.5, x[:, 2 * D :]
        y, op_pullback = ops.fill_missing(known, self.fill.value, observed=observed)

        def pullback(dy: Array) -> Array | None:
            dknown, dfill = op_pullback(dy[:, :D])
            self.fill.receive(dfill)
            # dx = [o dy | 0 | drest]
            return np.concatenate([dknown, np.zeros_like(dknown), dy[:, D:]], axis=1) if needs_dx else None

        return np.concatenate([y, rest], axis=1), pullback
