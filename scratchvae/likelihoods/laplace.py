"""Real-valued entries with heavy tails: p(x|z) = Laplace(mean, s), whose best mean is a median."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_finite, require_flag, require_positive
from scratchvae.distributions import laplace
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import fill_missing, where_observed


class Laplace(Likelihood):
    """One scale for all entries, which is fixed, or learned from the given start.     x_params = mean."""

    def __init__(self, scale: float = 1.0, *, learned: bool = False) -> None:
        require_flag("Laplace", "learned", learned)
        require_positive("Laplace", "scale", scale)
        log_scale = np.full(1, np.log(scale), np.float32)
        self.log_scale: Parameter | Buffer = Parameter(log_scale) if learned else Buffer(log_scale)

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
        """log Laplace(x; mean, s). A learned log s receives the sum of its gradients."""
        x = for_each_draw(fill_missing(x, observed), draws)
        log_prob = where_observed(laplace.log_prob, observed, draws)
        log_px, op_pullback = log_prob(x, x_params, self._log_scale_like(x_params), needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_scale = op_pullback(dlog_px)
            if isinstance(self.log_scale, Parameter):
                self.log_scale.receive(dlog_scale.sum().reshape(1))  # dlog_scale = Σ_bd dlog_scale_bd
            return dmean

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z], which is x_params itself."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = mean + s · noise."""
        noise = rng.laplace(size=x_params.shape).astype(x_params.dtype)
        x, _ = laplace.reparameterize(x_params, self._log_scale_like(x_params), noise=noise)
        return x

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("Laplace", "x", x)

    def _log_scale_like(self, x_params: Array) -> Array:
        return np.broadcast_to(self.log_scale.value.astype(x_params.dtype), x_params.shape)
