"""Topics: laws over words, which a document mixes or multiplies."""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_choice, require_count, require_shapes
from scratchvae.layers.interface import EVALUATION, Layer, Mode
from scratchvae.layers.linear import Linear
from scratchvae.layers.parameter import Parameter

KINDS = ("mixture", "product")


class Topics(Layer):
    """z (B, K)  ->  y (B, W), the logits of W words; a document has the shares θ = softmax(z) of K topics.

        mixture    p(w|θ) = Σ_k θ_k β_kw,              β_k = softmax(w_k)    y = log p(w|θ)
        product    p(w|θ) ∝ Π_k exp(w_kw)^θ_k                                y = Σ_k θ_k w_k

    w_k is row k of `weight` (K, W), which Linear's initializer `init` fills. A mixture is latent Dirichlet
    allocation: a word comes from one of the topics, and is never likelier than under the topic where it is
    likeliest. A product may be surer than each of its topics. Both are logits of a likelihoods.Multinomial.
    Where z is Gaussian, θ has a logistic-normal law (priors.LogisticNormal).
    Blei, Ng & Jordan 2003, section 3; Srivastava & Sutton 2017, sections 3 (NVLDA) and 4 (ProdLDA).
    """

    def __init__(
        self,
        topics: int,
        words: int,
        *,
        kind: str = "product",
        init: str = "pytorch",
        rng: np.random.Generator | int | None = None,
    ) -> None:
        require_count("Topics", "topics", topics)
        require_count("Topics", "words", words)
        require_choice("Topics", "kind", kind, KINDS)
        self.kind = kind
        self.weight: Parameter = Linear(topics, words, bias=False, init=init, rng=rng).weight

    def laws(self) -> Array:
        """softmax(w_k) (K, W): how probable each word is in a document of one topic alone."""
        laws, _ = ops.softmax(self.weight.value, axis=1)
        return laws

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        require_shapes("Topics", x=(x, f"B {len(self.weight.value)}"))
        shares, shares_pullback = ops.softmax(x, axis=1)
        log_laws, laws_pullback = ops.log_softmax(self.weight.value, axis=1)
        mixed = self.kind == "mixture"
        y, y_pullback = ops.log_mixture(shares, log_laws) if mixed else _weighted(shares, self.weight.value)

        def pullback(dy: Array) -> Array:
            dshares, dlaws = y_pullback(dy)
            self.weight.receive(laws_pullback(dlaws) if mixed else dlaws)
            dx: Array = shares_pullback(dshares)
            return dx

        return y, pullback


@differentiable
def _weighted(shares: Array, weight: Array) -> tuple[Array, Pullback]:
    """y = θ w, as ops.linear without a bias has it."""

    def pullback(dy: Array) -> tuple[Array, Array]:
        return dy @ weight.T, shares.T @ dy  # dθ = dy wᵀ,  dw = θᵀ dy

    return shares @ weight, pullback
