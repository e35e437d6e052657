"""Which code of a codebook is nearest to a vector."""

import numpy as np

from scratchvae.arrays import Array


def nearest_codes(x: Array, codebooks: Array) -> Array:
    """argmin_k ‖x_ng − e_k‖², the first of equals.

    x (N, G, d), codebooks (G or 1, K, d)  ->  (N, G) int64. One codebook serves all groups. A distance that
    is NaN is never the smallest. Where all distances are NaN, the code is 0.
    """
    distance = ((x[:, :, None, :] - codebooks) ** 2).sum(axis=3)
    nearest: Array = np.where(np.isnan(distance), np.inf, distance).argmin(axis=2).astype(np.int64)
    return nearest
