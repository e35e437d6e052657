"""A learned number for each entry, which the encoder sees where the entry is missing."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_finite, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.parameter import Parameter


class LearnedFill(Layer):
    """[x | o | rest]  ->  [y | rest] with y_d = x_d where o_d > ½, and `fill`_d elsewhere.

    x is (B, D) with D = `entries`, and o (B, D) is 1 where an entry was observed and 0 where it is missing.
    Columns that follow are passed on unchanged. `fill` (D,) starts at 0. The mask gets no gradient, since it
    is data. InputError where the mask is not finite. Mattei & Frellsen's notebooks learn such a constant, and
    call it ι.
    """

    def __init__(self, entries: int) -> None:
        require_count("LearnedFill", "entries", entries)
        self.fill = Parameter(np.zeros(entries, np.float32))

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        D = len(self.fill.value)
        require_shapes("LearnedFill", x=(x[:, : 2 * D], f"B {2 * D}"))
        (known, mask, rest), split_pullback = ops.split(x, sizes=(D, D, x.shape[1] - 2 * D))
        require_finite("LearnedFill", "the mask", mask)
        filled, fill_pullback = ops.fill_missing(known, self.fill.value, observed=mask > 0.5)
        y, concatenate_pullback = ops.concatenate(filled, rest)

        def pullback(dy: Array) -> Array | None:
            dfilled, drest = concatenate_pullback(dy)
            dknown, dfill = fill_pullback(dfilled)
            self.fill.receive(dfill)
            # dx = [o dy | 0 | drest]
            return split_pullback(dknown, np.zeros_like(dknown), drest) if needs_dx else None

        return y, pullback
