"""Windows reduced to one number each, and repeated pixels: these ops resize images without parameters."""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def max_pool2d(x: Array, *, size: int = 2, stride: int | None = None) -> tuple[Array, Pullback]:
    """y = the largest entry of each size × size window, every `stride` pixels (None: size).

    x (B, C, H, W)  ->  y (B, C, P, Q) with P = ⌊(H − size) / stride⌋ + 1, and Q likewise. Among equal entries
    the gradient goes to the first, row by row.
    """
    H, W, stride = _sizes("max_pool2d", x, size, stride)
    y, place = kernels.max_pool(x, size, stride)

    def pullback(dy: Array) -> Array:
        # dx = Σ dy over the windows where x is the largest
        return kernels.max_pool_backward(dy, place, H, W, size, stride)

    return y, pullback


@differentiable
def mean_pool2d(x: Array, *, size: int = 2, stride: int | None = None) -> tuple[Array, Pullback]:
    """y = the mean of each size × size window, every `stride` pixels (None: size).

    x (B, C, H, W)  ->  y (B, C, P, Q) with P = ⌊(H − size) / stride⌋ + 1, and Q likewise.
    """
    H, W, stride = _sizes("mean_pool2d", x, size, stride)
    cols = kernels.patches(x.transpose(0, 2, 3, 1), (size, size), stride, 0)  # (B, P, Q, I, J, C)
    y = cols.mean(axis=(3, 4))  # (B, P, Q, C)

    def pullback(dy: Array) -> Array:
        share = dy.transpose(0, 2, 3, 1)[:, :, :, None, None] / size**2
        dcols = np.broadcast_to(share, cols.shape)  # dcols = dy / size², the same for every place in a window
        dx = kernels.patches_backward(dcols, H, W, stride, 0)  # dx = Σ of dcols over the windows
        return dx.transpose(0, 3, 1, 2)

    return y.transpose(0, 3, 1, 2), pullback


@differentiable
def upsample2d(x: Array, *, factor: int = 2) -> tuple[Array, Pullback]:
    """y[b,c,h,w] = x[b, c, ⌊h/factor⌋, ⌊w/factor⌋]: nearest-neighbour upsampling.

    x (B, C, H, W) -> (B, C, fH, fW).
    """
    n = require_shapes("upsample2d", x=(x, "B C H W"))
    if factor < 1:
        raise InputError(f"upsample2d: factor should be at least 1, found {factor}")
    y = x.repeat(factor, axis=2).repeat(factor, axis=3)

    def pullback(dy: Array) -> Array:
        blocks = dy.reshape(n["B"], n["C"], n["H"], factor, n["W"], factor)
        return blocks.sum(axis=(3, 5))  # dx = Σ of dy over the block that x was copied to

    return y, pullback


def _sizes(where: str, x: Array, size: int, stride: int | None) -> tuple[int, int, int]:
    n = require_shapes(where, x=(x, "B C H W"))
    chosen = size if stride is None else stride
    if not (1 <= size <= min(n["H"], n["W"]) and chosen >= 1):
        limits = (
            f"size should be at least 1 and at most the image's {n['H']} x {n['W']}, and stride at least 1"
        )
        raise InputError(f"{where}: {limits}; found size {size} and stride {chosen}")
    return n["H"], n["W"], chosen
