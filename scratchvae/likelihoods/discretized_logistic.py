"""Pixels on levels of grey that have an order: p(x|z) is a logistic law rounded to the levels.

It may be a mixture of such laws too.
"""

import numpy as np

from scratchvae import kernels, ops
from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.distributions import categorical, discretized_logistic
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries, require_unit_interval
from scratchvae.likelihoods.missing import fill_missing, where_observed


class DiscretizedLogistic(Likelihood):
    """L levels 0, 1/(L−1), …, 1. An entry x of [0, 1] counts as the level min(⌊L x⌋, L − 1).

        x_params = [a | b],    m = ½ (1 + a) (L−1),    s = ½ e^b (L−1)           or of K `components` [logits | a | b]

    So 256 levels keep the values of bytes. a and b are in units of pixels from −1 to 1, which decoders put
    out easily. With K components each of a, b and the logits has K numbers for each entry, component by
    component, which is the layout in which a convolutional decoder puts out channels. log p(x|z) is a
    log-probability, at most 0, and compares with that of Categorical(L). Salimans, Karpathy, Chen & Kingma
    2017.
    """

    def __init__(self, levels: int = 256, components: int = 1) -> None:
        require_count("DiscretizedLogistic", "levels", levels, 2)
        require_count("DiscretizedLogistic", "components", components)
        self.levels, self.components = levels, components

    def is_probability(self, x: Array) -> bool:
        """Yes: p(x|z) is the probability of the levels x."""
        return True

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean and a scale for each entry, or a logit, a mean and a scale for each of its components."""
        return n_entries(event_shape) * (2 if self.components == 1 else 3 * self.components)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log Σ_k w_k P_k at the level of x_d."""
        x = for_each_draw(fill_missing(x, observed), draws)
        level = np.minimum((x * self.levels).astype(np.int64), self.levels - 1)
        parts = self._split(x_params)
        law = discretized_logistic.log_prob if self.components == 1 else discretized_logistic.mixture_log_prob
        log_px, op_pullback = where_observed(law, observed, draws)(*parts, x=level, levels=self.levels)

        def pullback(dlog_px: Array) -> Array:
            *dlogits, dmeans, dlog_scales = op_pullback(dlog_px)
            da = dmeans * dmeans.dtype.type((self.levels - 1) / 2)  # da = dm ½ (L−1),  db = dlog_s
            return np.concatenate([_channels(part) for part in (*dlogits, da, dlog_scales)], axis=1)

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z] = Σ_j P(x > j)/(L−1) = Σ_j Σ_k w_k σ((m_k − j − ½)/s_k)/(L−1)."""
        *logits, means, log_scales = self._split(x_params)
        with np.errstate(over="ignore"):
            rates = np.minimum(np.exp(-log_scales), np.finfo(x_params.dtype).max)
            above = np.zeros_like(means)
            for j in range(self.levels - 1):
                above += kernels.sigmoid((means - means.dtype.type(j + 0.5)) * rates)
        if logits:
            weights, _ = ops.softmax(logits[0], axis=2)
            above = (weights * above).sum(axis=2)
        return above / above.dtype.type(self.levels - 1)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """Draw a level for each entry, and return the levels' values."""
        *logits, means, log_scales = self._split(x_params)
        if logits:
            chosen = categorical.sample(logits[0], uniform=rng.random(means.shape[:2]))[:, :, None]
            means, log_scales = (
                np.take_along_axis(part, chosen, axis=2)[:, :, 0] for part in (means, log_scales)
            )
        level = discretized_logistic.sample(
            means, log_scales, uniform=rng.random(means.shape), levels=self.levels
        )
        return level.astype(x_params.dtype) / x_params.dtype.type(self.levels - 1)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry lies in [0, 1]."""
        require_unit_interval("DiscretizedLogistic", x)

    def _split(self, x_params: Array) -> tuple[Array, ...]:
        """m and log s (B, D), or for a mixture the logits, m and log s (B, D, K)."""
        B, K = len(x_params), self.components
        parts = np.split(x_params, 2 if K == 1 else 3, axis=1)
        if K > 1:
            parts = [np.ascontiguousarray(part.reshape(B, K, -1).transpose(0, 2, 1)) for part in parts]
        *logits, a, b = parts
        half = x_params.dtype.type((self.levels - 1) / 2)
        return *logits, half * (1 + a), b + np.log(half)


def _channels(part: Array) -> Array:
    """An array (B, D, K) as (B, K·D), component by component. An array (B, D) is returned as it is."""
    return part if part.ndim == 2 else part.transpose(0, 2, 1).reshape(len(part), -1)
