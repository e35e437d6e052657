"""Compiled twin of `textbook/codes.py`: loops run over the K codes, whose distances are added together.

The nearest of K codes is found by halves. Each code of the first half is compared with one of the second
half, and the nearer one goes on. Such a loop is turned into vector instructions, and one over k that keeps
the least distance so far is not.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled, scalar

TOGETHER = 4  # the entries of a vector whose squares are added in one pass over the codes


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
    distance, place = np.empty(K, x.dtype), np.empty(K, np.int32)
    for n in range(N):
        for g in range(G):
            _distances(x[n, g], across[g if books > 1 else 0], distance)
            nearest[n, g] = _first_least(distance, place)
    return nearest


@scalar
def _distances(x: Array, codes: Array, distance: Array) -> None:
    """Write ‖x − e_k‖² (K,) for codes e (d, K)."""
    d, K = codes.shape
    for k in range(K):
        distance[k] = 0
    for j in range(0, d // TOGETHER * TOGETHER, TOGETHER):
        e0, e1, e2, e3 = codes[j], codes[j + 1], codes[j + 2], codes[j + 3]
        for k in range(K):
            gap0, gap1, gap2, gap3 = x[j] - e0[k], x[j + 1] - e1[k], x[j + 2] - e2[k], x[j + 3] - e3[k]
            distance[k] += gap0 * gap0 + gap1 * gap1 + gap2 * gap2 + gap3 * gap3
    for j in range(d // TOGETHER * TOGETHER, d):
        for k in range(K):
            gap = x[j] - codes[j, k]
            distance[k] += gap * gap


@scalar
def _first_least(distance: Array, place: Array) -> int:
    """The first k of the least distance that is a finite number, or 0. Both arrays (K,) are overwritten."""
    width = distance.size
    for k in range(width):
        place[k] = k
    while width > 1:
        half = (width + 1) // 2
        for k in range(width - half):
            a, b = distance[k], distance[half + k]
            nearer = (b < a) | (a != a) | ((b == a) & (place[half + k] < place[k]))
            distance[k] = b if nearer else a
            place[k] = place[half + k] if nearer else place[k]
        width = half
    return place[0] if width == 1 and distance[0] < np.inf else 0
