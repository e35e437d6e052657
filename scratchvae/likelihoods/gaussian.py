"""Real-valued entries: p(x|z) = N(mean, σ²), with four ways to come by σ²."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Buffer, Mode, Parameter
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries


class Gaussian(Likelihood):
    """One variance for all entries, fixed, or learned from that start.     x_params = mean.

    Learning is slow from a start far above the residuals' mean square: begin near it, or take GaussianOptimal.
    """

    def __init__(self, variance: float = 1.0, *, learned: bool = False) -> None:
        if not (np.isfinite(variance) and variance > 0):
            raise InputError(f"Gaussian: variance should be positive, found {variance}")
        log_var = np.full(1, np.log(variance), np.float32)
        self.log_var: Parameter | Buffer = Parameter(log_var) if learned else Buffer(log_var)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """One mean an entry."""
        return n_entries(event_shape)

    def log_prob(self, x_params: Array, *, x: Array, draws: int = 1, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """distributions.gaussian.log_prob; a learned log σ² receives the sum of its gradients."""
        log_var = np.broadcast_to(self.log_var.value.astype(x_params.dtype), x_params.shape)
        log_px, op_pullback = gaussian.log_prob(for_each_draw(x, draws), x_params, log_var, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            if isinstance(self.log_var, Parameter):
                self.log_var.receive(dlog_var.sum().reshape(1))  # dlog_var = Σ_bd dlog_var_bd
            return dmean

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """The mean."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """mean + σ · noise."""
        return _draw(x_params, np.broadcast_to(self.log_var.value.astype(x_params.dtype), x_params.shape), rng)

    def require_support(self, x: Array) -> None:
        """Every finite number."""
        require_finite("Gaussian", "x", x)


class GaussianPerPixel(Likelihood):
    """A variance for each entry, by the decoder.     x_params = [mean | log σ²]."""

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean and a log-variance an entry."""
        return 2 * n_entries(event_shape)

    def log_prob(self, x_params: Array, *, x: Array, draws: int = 1, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """distributions.gaussian.log_prob."""
        (mean, log_var), split_pullback = _halves(x_params)
        log_px, op_pullback = gaussian.log_prob(for_each_draw(x, draws), mean, log_var, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            return split_pullback(dmean, dlog_var)

        return log_px, pullback

    def mean(self, x_params: Array) -> Array:
        """The first half of x_params."""
        (mean, _), _ = _halves(x_params)
        return mean

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """mean + σ · noise."""
        (mean, log_var), _ = _halves(x_params)
        return _draw(mean, log_var, rng)

    def require_support(self, x: Array) -> None:
        """Every finite number."""
        require_finite("GaussianPerPixel", "x", x)


class GaussianOptimal(Likelihood):
    """One variance for all entries, in training that which is best for the batch at hand.     x_params = mean.

    σ² = Σ_bd (x − mean)² / BD maximizes Σ_b log p(x_b|z_b), and is differentiated through. The running average of the batches'
    optima, with `momentum` for each new one, is what evaluation and sampling use: σ² must not depend on the data it judges.
    Rybkin, Daniilidis & Levine 2021, section 3.3.
    """

    def __init__(self, *, momentum: float = 0.01) -> None:
        self.variance = Buffer(np.ones(1, np.float32))
        self.batches_seen = Buffer(np.zeros(1, np.float32))
        self.momentum = momentum

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """One mean an entry."""
        return n_entries(event_shape)

    def log_prob(self, x_params: Array, *, x: Array, draws: int = 1, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """distributions.gaussian.log_prob at the batch's optimal σ² in training, at the running one else."""
        x = for_each_draw(x, draws)
        require_shapes("GaussianOptimal", x_params=(x_params, "B D"), x=(x, "B D"))
        residual = x - x_params
        smallest = np.finfo(x_params.dtype).tiny  # a perfect reconstruction has no best σ²
        best = (residual * residual).mean() if mode.training else self.variance.value[0].astype(x_params.dtype)
        variance = max(best, smallest)
        follows = mode.training and best > smallest  # whether σ² moves with the mean
        if mode.training:
            self._remember(variance)
        log_var = np.full_like(x_params, np.log(variance))
        log_px, op_pullback = gaussian.log_prob(x, x_params, log_var, needs_dx=False)

        def pullback(dlog_px: Array) -> Array:
            _, dmean, dlog_var = op_pullback(dlog_px)
            if not follows:
                return dmean
            dvariance = dlog_var.sum() / variance  # dσ² = Σ_bd dlog_var_bd / σ²
            return dmean - dvariance * (2 / residual.size) * residual  # ∂σ²/∂mean = −2 (x − mean) / BD

        return log_px, pullback

    def _remember(self, variance: float) -> None:
        seen = self.batches_seen.value + 1
        share = np.maximum(self.momentum, 1 / seen)  # a plain average over the first batches
        self.variance.value = ((1 - share) * self.variance.value + share * variance).astype(self.variance.value.dtype)
        self.batches_seen.value = seen

    def mean(self, x_params: Array) -> Array:
        """The mean."""
        return x_params

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """mean + σ · noise, with the running σ²."""
        return _draw(x_params, np.full_like(x_params, np.log(self.variance.value[0])), rng)

    def require_support(self, x: Array) -> None:
        """Every finite number."""
        require_finite("GaussianOptimal", "x", x)


def _halves(x_params: Array) -> tuple[tuple[Array, Array], Pullback]:
    half = x_params.shape[1] // 2
    (mean, log_var), pullback = ops.split(x_params, sizes=(half, half))
    return (mean, log_var), pullback


def _draw(mean: Array, log_var: Array, rng: np.random.Generator) -> Array:
    x, _ = gaussian.reparameterize(mean, log_var, noise=rng.standard_normal(mean.shape, dtype=np.float32))
    return x
