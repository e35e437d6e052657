"""Compiled twins of `textbook/convolution.py`, which take one image at a time, padded with a frame.

With the frame no place in a window is a special case, and what a window reads of one row is one run of J·C
entries.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled


@compiled
def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int) -> Array:
    B, H, W, C = x.shape
    I, J = kernel
    P, Q = (H + 2 * padding - I) // stride + 1, (W + 2 * padding - J) // stride + 1
    cols = np.empty((B, P, Q, I, J * C), x.dtype)
    for b in range(B):
        frame = np.zeros((H + 2 * padding, (W + 2 * padding) * C), x.dtype)
        for h in range(H):
            inside, row = frame[h + padding, padding * C :], x[b, h].reshape(-1)
            for k in range(row.size):
                inside[k] = row[k]
        for p in range(P):
            for i in range(I):
                for q in range(Q):
                    read, run = frame[p * stride + i, q * stride * C :], cols[b, p, q, i]
                    for k in range(run.size):
                        run[k] = read[k]
    return cols.reshape(B, P, Q, I, J, C)


@compiled
def patches_backward(dcols: Array, height: int, width: int, stride: int, padding: int) -> Array:
    B, P, Q, I, J, C = dcols.shape
    rows, columns = (
        max(height + 2 * padding, (P - 1) * stride + I),
        max(width + 2 * padding, (Q - 1) * stride + J),
    )
    dx = np.empty((B, height, width * C), dcols.dtype)
    runs = dcols.reshape(B, P, Q, I, J * C)
    for b in range(B):
        frame = np.zeros((rows, columns * C), dcols.dtype)
        for p in range(P):
            for i in range(I):
                for q in range(Q):
                    read, run = frame[p * stride + i, q * stride * C :], runs[b, p, q, i]
                    for k in range(run.size):
                        read[k] += run[k]
        for h in range(height):
            inside, row = frame[h + padding, padding * C :], dx[b, h]
            for k in range(row.size):
                row[k] = inside[k]
    return dx.reshape(B, height, width, C)


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
