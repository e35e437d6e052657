"""The affine map of a fully connected layer.

Rows are summed by a product with ones, which is faster than sum(axis=0).
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def linear(x: Array, W: Array, b: Array, *, needs_dx: bool = True) -> tuple[Array, Pullback]:
    """y = x W + b.     x (B, D), W (D, H), b (H,)  ->  y (B, H).

    With needs_dx=False the pullback does not compute dx, which nobody needs where x is data.
    """
    require_shapes("linear", x=(x, "B D"), W=(W, "D H"), b=(b, "H"))
    y = kernels.add_to_rows(x @ W, b)

    def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
        dx = dy @ W.T if needs_dx else None  # dx_bd = Σ_h dy_bh W_dh
        dW = x.T @ dy  # dW_dh = Σ_b x_bd dy_bh
        db = np.ones(len(dy), dy.dtype) @ dy  # db_h  = Σ_b dy_bh
        return dx, dW, db

    return y, pullback
