"""Missing entries, replaced by numbers that may be learned."""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def fill_missing(x: Array, fill: Array, *, observed: Array) -> tuple[Array, Pullback]:
    """y_bd = x_bd where entry d of example b was observed, else fill_d.     x (B, D), fill (D,)  ->  (B, D).

    `observed` (B, D) is 0 where an entry is missing. The number or NaN that x holds there changes nothing.
    """
    require_shapes("fill_missing", x=(x, "B D"), fill=(fill, "D"), observed=(observed, "B D"))
    seen = observed != 0
    y = np.where(seen, x, fill)

    def pullback(dy: Array) -> tuple[Array, Array]:
        dx = kernels.fill_missing(dy, seen, 0.0)  # dx = o dy
        dfill = kernels.fill_missing(dy, ~seen, 0.0).sum(axis=0)  # dfill_d = Σ_b (1 − o_bd) dy_bd
        return dx, dfill

    return y, pullback
