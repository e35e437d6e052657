"""Pixels on a few levels of grey: p(x|z) = Categorical(softmax(logits)) for each entry."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.distributions import categorical
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries, require_unit_interval
from scratchvae.likelihoods.missing import fill_missing, where_observed


class Categorical(Likelihood):
    """L levels 0, 1/(L−1), …, 1. An entry x of [0, 1] counts as the level min(⌊L x⌋, L − 1).

    So 256 levels keep the values of bytes. x_params is (B, L·D), level by level, which is the layout in which
    a convolutional decoder puts out L channels.
    """

    def __init__(self, levels: int = 256) -> None:
        require_count("Categorical", "levels", levels, 2)
        self.levels = levels

    def is_probability(self, x: Array) -> bool:
        """Yes: p(x|z) is the probability of the levels x."""
        return True

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A logit for each level of each entry."""
        return self.levels * n_entries(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log softmax(logits of entry d) at the level of x_d."""
        x = for_each_draw(fill_missing(x, observed), draws)
        n = require_shapes("Categorical", x=(x, "B D"), x_params=(x_params, f"B {x.shape[1] * self.levels}"))
        level = np.minimum((x * self.levels).astype(np.int64), self.levels - 1)
        log_px, op_pullback = where_observed(categorical.log_prob, observed, draws)(
            self._logits(x_params), x=level
        )

        def pullback(dlog_px: Array) -> Array:
            dlogits = op_pullback(dlog_px)  # (B, D, L)
            return dlogits.transpose(0, 2, 1).reshape(n["B"], -1)

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """Σ_k p_k k / (L − 1)."""
        p, _ = ops.softmax(self._logits(x_params), axis=2)
        return p @ np.linspace(0, 1, self.levels, dtype=x_params.dtype)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """Draw a level for each entry, and return the levels' values."""
        logits = self._logits(x_params)
        level = categorical.sample(logits, uniform=rng.random(logits.shape[:2]))
        return level.astype(x_params.dtype) / x_params.dtype.type(self.levels - 1)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry lies in [0, 1]."""
        require_unit_interval("Categorical", x)

    def _logits(self, x_params: Array) -> Array:
        # (B, D, L)
        return np.ascontiguousarray(x_params.reshape(len(x_params), self.levels, -1).transpose(0, 2, 1))
