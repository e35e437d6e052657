"""Compiled twins of `textbook/convolution.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled, inlined


@compiled
def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int) -> Array:
    B, C, H, W = x.shape
    I, J = kernel
    P, Q = (H + 2 * padding - I) // stride + 1, (W + 2 * padding - J) // stride + 1
    cols = np.empty((C, I, J, B, P, Q), x.dtype)
    for c in range(C):
        for i in range(I):
            p0, p1 = _inside(i - padding, H, P, stride)
            for j in range(J):
                q0, q1 = _inside(j - padding, W, Q, stride)
                for b in range(B):
                    out = cols[c, i, j, b]
                    out[:p0] = 0
                    out[p1:] = 0
                    for p in range(p0, p1):
                        row = x[b, c, p * stride + i - padding]
                        out[p, :q0] = 0
                        out[p, q1:] = 0
                        for q in range(q0, q1):
                            out[p, q] = row[q * stride + j - padding]
    return cols


@compiled
def patches_backward(dcols: Array, height: int, width: int, stride: int, padding: int) -> Array:
    C, I, J, B, P, Q = dcols.shape
    dx = np.zeros((B, C, height, width), dcols.dtype)
    for b in range(B):
        for c in range(C):
            for i in range(I):
                p0, p1 = _inside(i - padding, height, P, stride)
                for j in range(J):
                    q0, q1 = _inside(j - padding, width, Q, stride)
                    for p in range(p0, p1):
                        row = dx[b, c, p * stride + i - padding]
                        for q in range(q0, q1):
                            row[q * stride + j - padding] += dcols[c, i, j, b, p, q]
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
                    for k in range(1, size * size):
                        entry = x[b, c, p * stride + k // size, q * stride + k % size]
                        if entry > largest or (entry != entry and largest == largest):
                            largest, where = entry, k
                    y[b, c, p, q], place[b, c, p, q] = largest, where
    return y, place


@compiled
def max_pool_backward(dy: Array, place: Array, height: int, width: int, size: int, stride: int) -> Array:
    B, C, P, Q = dy.shape
    dx = np.zeros((B, C, height, width), dy.dtype)
    for b in range(B):
        for c in range(C):
            for p in range(P):
                for q in range(Q):
                    k = place[b, c, p, q]
                    dx[b, c, p * stride + k // size, q * stride + k % size] += dy[b, c, p, q]
    return dx


@inlined
def _inside(offset: int, size: int, count: int, stride: int) -> tuple[int, int]:
    """The windows first <= w < last for which 0 <= w·stride + offset < size."""
    first = min(max(-(offset // stride), 0), count)
    last = min(max((size - 1 - offset) // stride + 1, first), count)
    return first, last
