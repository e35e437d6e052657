"""Bags of words or characters: p(x|z) = Multinomial(n, softmax(logits)), x_params = logits."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.distributions import multinomial
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries, require_counts
from scratchvae.likelihoods.missing import fill_missing


class Multinomial(Likelihood):
    """How often each of D words occurs in a document: log p(x | z, n), where n = Σ_d x_d is taken as given.

    A decoder says nothing of n, and so `mean` and `sample` take it from `total`. By default it is one. The
    mean is then softmax(logits), the probability of each word, and a sample is a single word. Miao, Yu &
    Blunsom 2016, section 3.
    """

    def __init__(self, total: int = 1) -> None:
        require_count("Multinomial", "total", total)
        self.total = total

    @property
    def given(self) -> str:
        """The number of words of the document."""
        return "the document's length"

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A logit for each entry."""
        return n_entries(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log Multinomial(x; n, softmax(logits)), where n is the document's own.

        Where words are missing, the others are judged given their sum. Their law is a multinomial over the
        observed words, with the probabilities of these divided by their sum.
        """
        x = for_each_draw(fill_missing(x, observed), draws)
        if observed is None:
            return multinomial.log_prob(x_params, x=x)
        seen = for_each_draw(observed, draws) != 0
        lowest = x_params.dtype.type(np.finfo(x_params.dtype).min / 4)  # a probability of 0, and no NaN
        log_px, op_pullback = multinomial.log_prob(np.where(seen, x_params, lowest), x=x)

        def pullback(dlog_px: Array) -> Array:
            return np.where(seen, op_pullback(dlog_px), x_params.dtype.type(0))

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """total · softmax(logits)."""
        p, _ = ops.softmax(x_params, axis=1)
        return p * p.dtype.type(self.total)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """The counts of `total` drawn words."""
        return multinomial.sample(x_params, uniform=rng.random((len(x_params), self.total)))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is one of 0, 1, 2, …"""
        require_counts("Multinomial", x)
