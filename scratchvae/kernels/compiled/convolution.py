"""Compiled twins of `textbook/convolution.py`, one channel of one image at a time.

A padded channel is held as its s × s phases, phases[r, t, h, w] = padded[h·s + r, w·s + t]: what place (i, j) of all windows
reads is then a block without gaps, phases[i mod s, j mod s, i div s + p, j div s + q].
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled, scalar


@compiled
def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int) -> Array:
    B, C, H, W = x.shape
    I, J = kernel
    P, Q = (H + 2 * padding - I) // stride + 1, (W + 2 * padding - J) // stride + 1
    cols = np.empty((C, I, J, B, P, Q), x.dtype)
    phases = np.zeros((stride, stride, -(-(H + 2 * padding) // stride), -(-(W + 2 * padding) // stride)), x.dtype)
    for c in range(C):
        for b in range(B):
            for h in range(H):
                for t in range(stride):
                    row = phases[(h + padding) % stride, t, (h + padding) // stride]
                    first, last = _inside(t - padding, W, row.size, stride)
                    for w in range(first, last):
                        row[w] = x[b, c, h, w * stride + t - padding]
            for i in range(I):
                for j in range(J):
                    block, out = phases[i % stride, j % stride, i // stride :, j // stride :], cols[c, i, j, b]
                    for p in range(P):
                        for q in range(Q):
                            out[p, q] = block[p, q]
    return cols


@compiled
def patches_backward(dcols: Array, height: int, width: int, stride: int, padding: int) -> Array:
    C, I, J, B, P, Q = dcols.shape
    rows, columns = max(height + 2 * padding, (P - 1) * stride + I), max(width + 2 * padding, (Q - 1) * stride + J)
    dx = np.empty((B, C, height, width), dcols.dtype)
    phases = np.empty((stride, stride, -(-rows // stride), -(-columns // stride)), dcols.dtype)
    for c in range(C):
        for b in range(B):
            phases[:] = 0
            for i in range(I):
                for j in range(J):
                    block, out = phases[i % stride, j % stride, i // stride :, j // stride :], dcols[c, i, j, b]
                    for p in range(P):
                        for q in range(Q):
                            block[p, q] += out[p, q]
            for h in range(height):
                for t in range(stride):
                    row = phases[(h + padding) % stride, t, (h + padding) // stride]
                    first, last = _inside(t - padding, width, row.size, stride)
                    for w in range(first, last):
                        dx[b, c, h, w * stride + t - padding] = row[w]
    return dx


@compiled
def max_pool(x: Array, size: int, stride: int) -> tuple[Array, Array]:
    B, C, H, W = x.shape
    P, Q = (H - size) // stride + 1, (W - size) // stride + 1
    y = np.empty((B, C, P, Q), x.dtype)
    place = np.empty((B, C, P, Q), np.int64)
    for b in range(B):
        for c in range(C):
            for p in range(P):
                for q in range(Q):
                    largest, where = x[b, c, p * stride, q * stride], 0
                    for i in range(size):
                        for j in range(size):
                            entry = x[b, c, p * stride + i, q * stride + j]
                            if entry > largest or (entry != entry and largest == largest):
                                largest, where = entry, i * size + j
                    y[b, c, p, q], place[b, c, p, q] = largest, where
    return y, place


@compiled
def max_pool_backward(dy: Array, place: Array, height: int, width: int, size: int, stride: int) -> Array:
    if place.shape != dy.shape:
        raise ValueError("max_pool_backward: dy and place should have one shape")
    B, C, P, Q = dy.shape
    dx = np.zeros((B, C, height, width), dy.dtype)
    for b in range(B):
        for c in range(C):
            for p in range(P):
                for q in range(Q):
                    k = place[b, c, p, q]
                    dx[b, c, p * stride + k // size, q * stride + k % size] += dy[b, c, p, q]
    return dx


@scalar
def _inside(offset: int, size: int, count: int, stride: int) -> tuple[int, int]:
    """The places first <= w < last of `count` for which 0 <= w·stride + offset < size."""
    first = min(max(-(offset // stride), 0), count)
    last = min(max((size - 1 - offset) // stride + 1, first), count)
    return first, last
