"""Real-valued entries: p(x|z) = N(mean, σ² I), with the σ² that is best for the present batch."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_at_least, require_finite, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Buffer, Mode
from scratchvae.likelihoods.gaussian import draw_gaussian
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import fill_missing


class GaussianOptimal(Likelihood):
    """One variance for all entries, which in training is the best one for the present batch.

    x_params = mean.

    σ² = Σ_bd (x − mean)² / BD maximizes Σ_b log p(x_b|z_b), and gradients pass through it. Evaluation and
    sampling use the running average of the batches' optima, in which each new one has the weight `momentum`,
    since σ² must not depend on the data that it judges. Rybkin, Daniilidis & Levine 2021, section 3.3.
    """

    def __init__(self, *, momentum: float = 0.01) -> None:
        require_at_least("GaussianOptimal", "momentum", momentum, 0)
        self.variance = Buffer(np.ones(1, np.float32))
        self.batches_seen = Buffer(np.zeros(1, np.float32))
        self.momentum = momentum

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean for each entry."""
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
        """log N(x; mean, σ² I), at the batch's optimal σ² in training and at the running one otherwise.

        The mean over b and d in σ² is taken over the observed entries.
        """
        x, observed = for_each_draw(fill_missing(x, observed), draws), for_each_draw(observed, draws)
        require_shapes("GaussianOptimal", x_params=(x_params, "B D"), x=(x, "B D"))
        residual = x - x_params if observed is None else np.where(observed != 0, x - x_params, 0)
        count = residual.size if observed is None else int(np.count_nonzero(observed))
        fitted = mode.training and count > 0  # a batch of which nothing was observed says nothing of σ²
        smallest = np.finfo(x_params.dtype).tiny  # a perfect reconstruction has no best σ²
        of_batch = (residual * residual).sum() / residual.dtype.type(max(count, 1))
        best = of_batch if fitted else self.variance.value[0].astype(x_params.dtype)
        variance = max(best, smallest)
        follows = fitted and best > smallest  # whether σ² moves with the mean
        if fitted:
            self._remember(variance)
        log_var = np.full_like(x_params, np.log(variance))
        log_px, op_pullback = gaussian.log_prob(x, x_params, log_var, observed=observed, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            if not follows:
                return dmean
            dvariance = dlog_var.sum() / variance  # dσ² = Σ_bd dlog_var_bd / σ²
            return dmean - dvariance * (2 / count) * residual  # ∂σ²/∂mean = −2 (x − mean) / BD

        return log_px, pullback

    def _remember(self, variance: float) -> None:
        seen = self.batches_seen.value + 1
        share = np.maximum(self.momentum, 1 / seen)  # a plain average over the first batches
        self.variance.value = ((1 - share) * self.variance.value + share * variance).astype(
            self.variance.value.dtype
        )
        self.batches_seen.value = seen

    def mean(self, x_params: Array) -> Array:
        """E[x|z], which is x_params itself."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """mean + σ · noise, with the running σ²."""
        return draw_gaussian(x_params, np.full_like(x_params, np.log(self.variance.value[0])), rng)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("GaussianOptimal", "x", x)
