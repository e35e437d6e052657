"""Real-valued entries: p(x|z) = N(mean, σ²), with σ² fixed, learned, or computed from z."""

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_at_least,
    require_finite,
    require_flag,
    require_positive,
    require_shapes,
)
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries


class Gaussian(Likelihood):
    """One variance for all entries, which is fixed, or learned from the given start.     x_params = mean.

    Learning is slow from a start far above the residuals' mean square. Begin near it, or use GaussianOptimal.
    """

    def __init__(self, variance: float = 1.0, *, learned: bool = False) -> None:
        require_flag("Gaussian", "learned", learned)
        require_positive("Gaussian", "variance", variance)
        log_var = np.full(1, np.log(variance), np.float32)
        self.log_var: Parameter | Buffer = Parameter(log_var) if learned else Buffer(log_var)

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
        """log N(x; mean, σ² I). A learned log σ² receives the sum of its gradients."""
        log_var = np.broadcast_to(self.log_var.value.astype(x_params.dtype), x_params.shape)
        x, observed = for_each_draw(x, draws), for_each_draw(observed, draws)
        log_px, op_pullback = gaussian.log_prob(x, x_params, log_var, observed=observed, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            if isinstance(self.log_var, Parameter):
                self.log_var.receive(dlog_var.sum().reshape(1))  # dlog_var = Σ_bd dlog_var_bd
            return dmean

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z], which is x_params itself."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = mean + σ · noise."""
        return draw_gaussian(
            x_params, np.broadcast_to(self.log_var.value.astype(x_params.dtype), x_params.shape), rng
        )

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("Gaussian", "x", x)


class GaussianDiagonal(Likelihood):
    """A learned variance for each entry, which is the same for every z.     x_params = mean.

        σ_d² = min_variance + exp(log_excess_d),   d = 1 … D

    With linear networks this is the noise Ψ = diag σ² of factor analysis (Rubin & Thayer 1982).
    GaussianPerPixel has a σ² that depends on z, and Gaussian has one for all entries.

    Learning starts from `variance` (D,), in units of x². Begin near the residuals' mean squares, because
    learning is slow from far above them. The lower bound `min_variance`, in the same units, must lie below
    it. An entry that the mean can reproduce exactly, such as a pixel that is always black or a Heywood case
    of factor analysis, drives its σ_d² down to this bound. With min_variance = 0 σ_d² falls for as long as
    training lasts, because log p(x|z) has no maximum.
    """

    def __init__(self, variance: npt.ArrayLike, *, min_variance: float = 1e-6) -> None:
        start: Array = np.asarray(variance, np.float64)
        require_shapes("GaussianDiagonal", variance=(start, "D"))
        require_at_least("GaussianDiagonal", "min_variance", min_variance, 0)
        fits = np.isfinite(start) & (start > min_variance)
        if not fits.all():
            expected = f"every variance should be finite and above min_variance = {min_variance:g}"
            raise InputError(
                f"GaussianDiagonal: {expected}; found {start[~fits][0]:g} for entry {int(np.argmin(fits))}"
            )
        self.log_excess = Parameter(np.log(start - min_variance).astype(np.float32))
        self.log_min_variance = float(np.log(min_variance)) if min_variance else -np.inf

    @property
    def variance(self) -> Array:
        """σ² (D,), in units of x²."""
        return np.exp(self._log_var())

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean for each entry.

        InputError for events with more or fewer entries than there are variances.
        """
        D = n_entries(event_shape)
        if self.log_excess.value.size != D:
            found = f"found {self.log_excess.value.size} for events of shape {tuple(event_shape)}"
            raise InputError(f"GaussianDiagonal: there should be a variance for each entry, D = {D}; {found}")
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
        """log p(x|z) = −½ Σ_d (log 2π + log σ_d² + (x − mean)_d² / σ_d²).

        log_excess receives the sum of its gradients.
        """
        require_shapes("GaussianDiagonal", x_params=(x_params, f"B {self.log_excess.value.size}"))
        log_var = self._log_var()
        share = np.exp(self.log_excess.value - log_var)  # ∂log σ_d²/∂log_excess_d = exp(log_excess_d) / σ_d²
        rows = np.broadcast_to(log_var.astype(x_params.dtype), x_params.shape)
        x, observed = for_each_draw(x, draws), for_each_draw(observed, draws)
        log_px, op_pullback = gaussian.log_prob(x, x_params, rows, observed=observed, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            # dlog_excess_d = Σ_b dlog_var_bd · exp(log_excess_d) / σ_d²
            self.log_excess.receive(dlog_var.sum(axis=0) * share)
            return dmean

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z], which is x_params itself."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = mean + σ · noise."""
        return draw_gaussian(
            x_params, np.broadcast_to(self._log_var().astype(x_params.dtype), x_params.shape), rng
        )

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("GaussianDiagonal", "x", x)

    def _log_var(self) -> Array:
        # log (exp(log_excess) + min_variance)
        return np.logaddexp(self.log_excess.value, self.log_min_variance)


class GaussianPerPixel(Likelihood):
    """A variance for each entry, which the decoder computes from z.     x_params = [mean | log σ²]."""

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean and a log-variance for each entry."""
        return 2 * n_entries(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log N(x; mean, diag σ²)."""
        (mean, log_var), split_pullback = _halves(x_params)
        x, observed = for_each_draw(x, draws), for_each_draw(observed, draws)
        log_px, op_pullback = gaussian.log_prob(x, mean, log_var, observed=observed, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            return split_pullback(dmean, dlog_var)

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z], which is the first half of x_params."""
        (mean, _), _ = _halves(x_params)
        return mean

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = mean + σ · noise."""
        (mean, log_var), _ = _halves(x_params)
        return draw_gaussian(mean, log_var, rng)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("GaussianPerPixel", "x", x)


def _halves(x_params: Array) -> tuple[tuple[Array, Array], Pullback]:
    half = x_params.shape[1] // 2
    (mean, log_var), pullback = ops.split(x_params, sizes=(half, half))
    return (mean, log_var), pullback


def draw_gaussian(mean: Array, log_var: Array, rng: np.random.Generator) -> Array:
    """x = mean + σ · noise, of any shape."""
    x, _ = gaussian.reparameterize(mean, log_var, noise=rng.standard_normal(mean.shape, dtype=np.float32))
    return x
