"""Ordered categories, such as grades: p(x|z) cuts a logistic law around a location at thresholds.

The thresholds do not depend on z.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError, Pullback, require_count, sizes_of
from scratchvae.distributions import ordered
from scratchvae.layers import EVALUATION, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import fill_missing, where_observed


class Ordered(Likelihood):
    """Each entry one of `levels` categories 0, 1, …, levels − 1 that have an order.     x_params = location.

        P(x_d ≤ c|z) = σ(t_dc − location_d)

    Each of the D entries of an event of that shape has thresholds of its own, the same for every z. They are
    learned, and at first all categories are equally likely at location 0. The numbers that are learned make
    thresholds that rise, by `distributions.ordered`.

    McCullagh 1980, section 2; Nazábal, Olmos, Ghahramani & Valera 2020, section 3, use it for ordered columns
    of tables.
    """

    def __init__(self, event_shape: tuple[int, ...], levels: int = 5) -> None:
        require_count("Ordered", "levels", levels, 2)
        event_shape = sizes_of("Ordered", "event_shape", event_shape, least=1)
        self.levels = levels
        share = np.arange(1, levels) / levels
        cuts = np.log(share) - np.log1p(-share)
        first = np.concatenate([cuts[:1], np.log(np.diff(cuts))])
        self.thresholds = Parameter(np.tile(first, (n_entries(event_shape), 1)).astype(np.float32))

    def is_probability(self, x: Array) -> bool:
        """Yes: p(x|z) is the probability of the categories x."""
        return True

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A location for each entry.

        InputError for events with more or fewer entries than have thresholds.
        """
        D, found = n_entries(event_shape), len(self.thresholds.value)
        if found != D:
            raise InputError(
                f"Ordered: there should be thresholds for each entry, D = {D}; found those of {found}"
            )
        return D

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log P(x_d|z). The thresholds of each entry receive the sum of their gradients."""
        x = for_each_draw(fill_missing(x, observed), draws).astype(np.int64)
        log_prob = where_observed(ordered.log_prob, observed, draws)
        log_px, op_pullback = log_prob(x_params, self._for_each_row(x_params), x=x)

        def pullback(dlog_px: Array) -> Array:
            dlocation, dthresholds = op_pullback(dlog_px)
            self.thresholds.receive(dthresholds.sum(axis=0))  # dthresholds_dc = Σ_b dthresholds_bdc
            return dlocation

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z] = Σ_c P(x > c) = Σ_c σ(location − t_c), where the categories count as numbers."""
        logits, _ = ordered.cumulative_logits(x_params, self._for_each_row(x_params))
        return kernels.sigmoid(-logits).sum(axis=2)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A drawn category for each entry."""
        uniform = rng.random(x_params.shape)
        return ordered.sample(x_params, self._for_each_row(x_params), uniform=uniform).astype(x_params.dtype)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is one of 0, 1, …, levels − 1."""
        wrong = ~((x >= 0) & (x < self.levels) & (x == np.floor(x)))
        if wrong.any():
            raise InputError(
                f"Ordered: x should hold categories 0 … {self.levels - 1}, found {x[wrong][0]:g}"
            )

    def _for_each_row(self, x_params: Array) -> Array:
        thresholds = self.thresholds.value.astype(x_params.dtype)
        return np.broadcast_to(thresholds, (len(x_params), *thresholds.shape))
