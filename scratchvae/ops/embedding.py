"""Rows of a table, looked up by index."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def embedding(table: Array, *, indices: Array) -> tuple[Array, Pullback]:
    """y = table[indices].

    table (N, D), indices any shape of integers in 0..N−1  ->  y (*indices.shape, D).
    """
    n = require_shapes("embedding", table=(table, "N D"))
    if not np.issubdtype(indices.dtype, np.integer):
        raise InputError(f"embedding: indices should be integers, found {indices.dtype}")
    if indices.size and not (indices.min() >= 0 and indices.max() < n["N"]):
        raise InputError(
            f"embedding: indices should lie in 0..{n['N'] - 1}, found {indices.min()}..{indices.max()}"
        )
    y = table[indices]

    def pullback(dy: Array) -> Array:
        # dtable_nd = Σ dy_d over all places that hold index n. Entry (n, d) of the table stands at n D + d in
        # memory, and bincount adds by such places in a tenth of the time of np.add.at.
        entries = indices.astype(np.intp).reshape(-1, 1) * n["D"] + np.arange(n["D"])
        summed = np.bincount(entries.reshape(-1), dy.reshape(-1), table.size)  # in float64
        with np.errstate(over="ignore"):
            return summed.astype(table.dtype).reshape(table.shape)

    return y, pullback
