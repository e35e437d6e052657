"""Windows over images: `patches`, their sum `patches_backward`, and their largest entries by `max_pool`.

Letters: B images, C channels, H × W pixels, kernel I × J, stride s, padding p; windows P × Q with
P = ⌊(H + 2p − I) / s⌋ + 1 and Q likewise. Window (p, q) starts at row p·s − padding, column q·s − padding.
Patches have the channels last, so that what a window reads of one image row is one piece of memory.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from scratchvae.arrays import Array


def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int) -> Array:
    """The windows of images.     x (B, H, W, C)  ->  cols (B, P, Q, I, J, C).

        cols[b,p,q,i,j,c] = x[b, p·s + i − padding, q·s + j − padding, c]

    x is 0 outside the image.
    """
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    windows = sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride, ::stride]  # (B, P, Q, C, I, J)
    return np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3))


def patches_backward(dcols: Array, height: int, width: int, stride: int, padding: int) -> Array:
    """dx (B, H, W, C), each entry of which is the sum of dcols over all places in windows that read it.

    dcols is (B, P, Q, I, J, C).
    """
    B, P, Q, I, J, C = dcols.shape
    rows, columns = (
        max(height + 2 * padding, (P - 1) * stride + I),
        max(width + 2 * padding, (Q - 1) * stride + J),
    )
    padded = np.zeros((B, rows, columns, C), dcols.dtype)
    for i in range(I):
        for j in range(J):
            padded[:, i : i + P * stride : stride, j : j + Q * stride : stride] += dcols[:, :, :, i, j]
    return np.ascontiguousarray(padded[:, padding : padding + height, padding : padding + width])


def max_pool(x: Array, size: int, stride: int) -> tuple[Array, Array]:
    """The largest entry of each window, and its place i·size + j in the window.

    x (B, C, H, W)  ->  (B, C, P, Q), (B, C, P, Q). Of equal entries the first counts, row by row, and NaN
    counts as the largest.
    """
    windows = sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:4], size * size)
    place = flat.argmax(axis=-1)
    return np.take_along_axis(flat, place[..., None], axis=-1)[..., 0], place


def max_pool_backward(dy: Array, place: Array, height: int, width: int, size: int, stride: int) -> Array:
    """dx receives dy at the place of each window's largest entry. Overlapping windows add up."""
    dx = np.zeros((*dy.shape[:2], height, width), dy.dtype)
    b, c, p, q = np.ogrid[tuple(slice(n) for n in dy.shape)]
    np.add.at(dx, (b, c, p * stride + place // size, q * stride + place % size), dy)
    return dx
