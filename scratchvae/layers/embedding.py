"""Vectors for integers, as a layer."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.parameter import Parameter


class Embedding(Layer):
    """Row x of a learned table.

    x (B, ...) integers  ->  y (B, ..., embedding_dim). The table starts with draws from N(0, 1).
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator | int | None = None
    ) -> None:
        for name, count in (("num_embeddings", num_embeddings), ("embedding_dim", embedding_dim)):
            require_count("Embedding", name, count)
        table = np.random.default_rng(rng).standard_normal((num_embeddings, embedding_dim))
        self.weight = Parameter(table.astype(np.float32))

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        y, op_pullback = ops.embedding(self.weight.value, indices=x)

        def pullback(dy: Array) -> None:
            self.weight.receive(op_pullback(dy))  # integers have no gradient

        return y, pullback
