"""Compiled twins of `textbook/rows.py`.

Short rows are taken several at a time, as one long row: vectors are long.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import giving_up

LONG = 64  # entries of a row


@giving_up("y")
def add_to_rows(y: Array, b: Array) -> Array:
    R, C = y.shape
    if b.shape != (C,):
        raise ValueError("add_to_rows: b should have one entry for each column of y")
    n = max(1, LONG // max(1, C))
    rows, repeated = y[: R // n * n].reshape(R // n, n * C), np.empty(n * C, b.dtype)
    for k in range(n * C):
        repeated[k] = b[k % C]
    for r in range(R // n):
        for k in range(n * C):
            rows[r, k] += repeated[k]
    for r in range(R // n * n, R):
        for c in range(C):
            y[r, c] += b[c]
    return y
