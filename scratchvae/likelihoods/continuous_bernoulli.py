"""Pixels that are shades of grey: p(x|z) = continuous Bernoulli of natural parameter η, x_params = η."""

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, Pullback
from scratchvae.distributions import continuous_bernoulli
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries, require_unit_interval
from scratchvae.likelihoods.missing import fill_missing, where_observed


class ContinuousBernoulli(Likelihood):
    """Entries in [0, 1], each with a density on that interval, which Bernoulli's cross-entropy is not.

    Loaiza-Ganem & Cunningham 2019.
    """

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A number η for each entry."""
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
        """Σ_d (η x − log((e^η − 1)/η))."""
        x = for_each_draw(fill_missing(x, observed), draws)
        return where_observed(continuous_bernoulli.log_prob, observed, draws)(x_params, x=x)

    def mean(self, x_params: Array) -> Array:
        """E[x] = 1/(1 − e^(−η)) − 1/η, and ½ at η = 0. It is not σ(η), which is nearer to 0 or 1."""
        _, below = kernels.continuous_bernoulli(x_params, np.zeros_like(x_params))
        return -below  # the slope x − E[x] at x = 0

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A drawn number between 0 and 1 for each entry."""
        return continuous_bernoulli.sample(x_params, uniform=rng.random(x_params.shape))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry lies in [0, 1]."""
        require_unit_interval("ContinuousBernoulli", x)
