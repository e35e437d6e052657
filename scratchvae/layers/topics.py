"""Topics: laws over words, which a document mixes."""

from __future__ import annotations

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.linear import Linear
from scratchvae.layers.parameter import Parameter


class Topics(Layer):
    """y_bw = log Σ_k θ_bk β_kw, θ = softmax(z), β_k = softmax(weight_k): z (B, K)  ->  the log-probabilities (B, W) of words.

    Each of K `topics` is a law β_k over W `words`, and a document mixes them by its shares θ. As logits of a
    likelihoods.Multinomial, the y are what they say, as their exponentials sum to 1. Where the shares come from
    N(m, diag s²) as z, their law is a logistic normal (priors.LogisticNormal).
    Blei, Ng & Jordan 2003, section 3; Srivastava & Sutton 2017, section 3, where the model is called LDA.
    """

    def __init__(self, topics: int, words: int, *, init: str = "pytorch", rng: np.random.Generator | int | None = None) -> None:
        require_count("Topics", "topics", topics)
        require_count("Topics", "words", words)
        self.weight: Parameter = Linear(topics, words, bias=False, init=init, rng=rng).weight

    def laws(self) -> Array:
        """β (K, W), the probability of each word under each topic."""
        beta, _ = ops.softmax(self.weight.value, axis=1)
        return beta

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        require_shapes("Topics", x=(x, f"B {len(self.weight.value)}"))
        shares, shares_pullback = ops.softmax(x, axis=1)
        log_laws, laws_pullback = ops.log_softmax(self.weight.value, axis=1)
        y, y_pullback = ops.log_mixture(shares, log_laws)

        def pullback(dy: Array) -> Array:
            dshares, dlog_laws = y_pullback(dy)
            self.weight.receive(laws_pullback(dlog_laws))
            dx: Array = shares_pullback(dshares)
            return dx

        return y, pullback
