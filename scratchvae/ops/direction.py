"""The direction of a vector: the point of the unit sphere that it leads to."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def direction(x: Array) -> tuple[Array, Pullback]:
    """y = x/|x| for each row.     x (B, D)  ->  y (B, D), of norm 1.

    Rows are divided by their largest entry first, so that no square overflows. A row of zeros has no
    direction. Its y is the first axis, and its gradient is 0.
    """
    require_shapes("direction", x=(x, "B D"))
    largest = np.abs(x).max(axis=1, keepdims=True, initial=0)
    none = largest == 0
    scaled = np.where(none, np.eye(1, x.shape[1], dtype=x.dtype), x / np.where(none, 1, largest))
    norm = np.sqrt((scaled * scaled).sum(axis=1, keepdims=True))
    y = scaled / norm
    with np.errstate(divide="ignore", over="ignore"):
        # 1/|x|
        per_norm = np.where(none, 0, np.minimum(1 / norm / largest, np.finfo(x.dtype).max)).astype(x.dtype)

    def pullback(dy: Array) -> Array:
        along = (dy * y).sum(axis=1, keepdims=True)
        return (dy - y * along) * per_norm  # dx = (dy − y yᵀdy)/|x|

    return y, pullback
