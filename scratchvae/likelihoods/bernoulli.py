"""Pixels that are on or off: p(x|z) = Bernoulli(σ(logits)), x_params = logits."""

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, Pullback
from scratchvae.distributions import bernoulli
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, n_entries, require_unit_interval


class Bernoulli(Likelihood):
    """Entries in [0, 1]. An entry strictly between counts as the expectation over its binarizations."""

    def is_probability(self, x: Array) -> bool:
        """Whether all entries are bits. Otherwise the formula is no probability and no density."""
        return bool(((x == 0) | (x == 1)).all())

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
        """Σ_d (x log σ(logits) + (1 − x) log σ(−logits))."""
        return bernoulli.log_prob(x_params, x=x, observed=observed, draws=draws)

    def mean(self, x_params: Array) -> Array:
        """σ(logits)."""
        return kernels.sigmoid(x_params)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A draw of 0 or 1 for each entry."""
        return bernoulli.sample(x_params, uniform=rng.random(x_params.shape, dtype=np.float32))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry lies in [0, 1]."""
        require_unit_interval("Bernoulli", x)
