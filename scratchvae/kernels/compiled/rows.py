"""Compiled twins of `textbook/rows.py`. Short rows are taken several at a time, as one long row: loops like those.

A sum is shared out by columns, LONG at a time, so that it is added up in one order whatever the threads: narrow ones stay whole.
"""

import numpy as np
from numba import prange

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled, giving_up, scalar

LONG = 64  # entries


@giving_up("y")
def add_to_rows(y: Array, b: Array) -> Array:
    R, C = y.shape
    if b.shape != (C,):
        raise ValueError("add_to_rows: b should have one entry for each column of y")
    n = _rows_in_one(C)
    rows, repeated = y[: R // n * n].reshape(R // n, n * C), np.empty(n * C, b.dtype)
    for k in range(n * C):
        repeated[k] = b[k % C]
    for r in prange(R // n):
        for k in range(n * C):
            rows[r, k] += repeated[k]
    for r in range(R // n * n, R):
        for c in range(C):
            y[r, c] += b[c]
    return y


@compiled
def sum_of_rows(x: Array) -> Array:
    R, C = x.shape
    n = _rows_in_one(C)
    rows, sums = x[: R // n * n].reshape(R // n, n * C), np.zeros(n * C, x.dtype)
    for block in prange((n * C + LONG - 1) // LONG):
        here = sums[block * LONG : (block + 1) * LONG]
        for r in range(R // n):
            row = rows[r, block * LONG : (block + 1) * LONG]
            for k in range(here.size):
                here[k] += row[k]
    total = np.zeros(C, x.dtype)
    for k in range(n * C):
        total[k % C] += sums[k]
    for r in range(R // n * n, R):
        for c in range(C):
            total[c] += x[r, c]
    return total


@scalar
def _rows_in_one(columns: int) -> int:
    return max(1, LONG // max(1, columns))
