"""Counts of events that come one by one: p(x|z) = Poisson(λ), x_params = log λ."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_flag
from scratchvae.distributions import poisson
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, log_counts, n_entries, require_counts
from scratchvae.likelihoods.missing import fill_missing, where_observed


class Poisson(Likelihood):
    """Each entry a count 0, 1, 2, … of its own, whose variance is its mean.

    The encoder sees log(1 + x), unless `log_inputs` is False: counts in the hundreds would make its σ²
    overflow at the first step.
    """

    def __init__(self, log_inputs: bool = True) -> None:
        require_flag("Poisson", "log_inputs", log_inputs)
        self.log_inputs = log_inputs

    def is_probability(self, x: Array) -> bool:
        """Yes: p(x|z) is the probability of the counts x."""
        return True

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A log-rate for each entry."""
        return n_entries(event_shape)

    def seen(self, x: Array) -> Array:
        """log(1 + x), or x."""
        return log_counts(x) if self.log_inputs else x

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d (x log λ − λ − log x!)."""
        x = for_each_draw(fill_missing(x, observed), draws)
        return where_observed(poisson.log_prob, observed, draws)(x_params, x=x)

    def mean(self, x_params: Array) -> Array:
        """The rate λ."""
        with np.errstate(over="ignore"):
            return np.minimum(np.exp(x_params), np.finfo(x_params.dtype).max)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A drawn count for each entry."""
        return poisson.sample(x_params, uniform=rng.random(x_params.shape))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is one of 0, 1, 2, …"""
        require_counts("Poisson", x)
