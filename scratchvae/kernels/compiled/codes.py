"""Compiled twin of `textbook/codes.py`: one loop adds to the K distances of a vector together."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled


@compiled
def nearest_codes(x: Array, codebooks: Array) -> Array:
    N, G, d = x.shape
    books, K = codebooks.shape[0], codebooks.shape[1]
    if codebooks.shape[2] != d or (books != G and books != 1):
        raise ValueError(
            "nearest_codes: codebooks should be one, or one for each group, of vectors as long as those of x"
        )
    across = np.empty(
        (books, d, K), codebooks.dtype
    )  # transposed, so that the loop over k runs through memory
    for s in range(books):
        for k in range(K):
            for j in range(d):
                across[s, j, k] = codebooks[s, k, j]
    nearest = np.empty((N, G), np.int64)
    distance = np.empty(K, x.dtype)
    for n in range(N):
        for g in range(G):
            s = g if books > 1 else 0
            for k in range(K):
                distance[k] = 0
            for j in range(d):
                here = x[n, g, j]
                for k in range(K):
                    gap = here - across[s, j, k]
                    distance[k] += gap * gap
            best = 0
            least = np.inf
            for k in range(K):
                if distance[k] < least:
                    best = k
                    least = distance[k]
            nearest[n, g] = best
    return nearest
