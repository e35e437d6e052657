"""q(z|x) = N(mean, diag σ²), q_params = [mean | log σ²]."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise


class DiagonalGaussian(Density):
    """The posterior of Kingma & Welling 2014: a Gaussian with independent latents."""

    def __init__(self, latent_dim: int) -> None:
        require_count("DiagonalGaussian", "latent_dim", latent_dim)
        self.latent_dim = latent_dim
        self.n_params = 2 * latent_dim

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (rows, Z)."""
        return gaussian.sample_standard((rows, self.latent_dim), rng)

    def mean_and_log_var(self, q_params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """The two halves of q_params (B, 2Z); pullback(dmean, dlog_var) -> dq_params."""
        require_shapes("DiagonalGaussian", q_params=(q_params, f"B {self.n_params}"))
        (mean, log_var), pullback = ops.split(q_params, sizes=(self.latent_dim, self.latent_dim))
        return (mean, log_var), pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z = mean + σ · noise."""
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        z, z_pullback = gaussian.reparameterize(mean, log_var, noise=noise, draws=draws)

        def pullback(dz: Array) -> Array:
            return split_pullback(*z_pullback(dz))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z = mean + σ · noise, and log N(z; mean, σ²) = −½ Σ_j (log 2π + log σ² + noise²).

        The log-density is computed from the noise and not from z. With the score its whole gradient is −½ for
        each log σ². Without the score log q moves with z alone, and ∂log q/∂z = −noise/σ.
        """
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        z, z_pullback = gaussian.reparameterize(mean, log_var, noise=noise, draws=draws)
        log_q, log_q_pullback = gaussian.log_prob_of_draw(log_var, noise=noise, draws=draws)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dmean, dlog_var = z_pullback(dz)
            if score:
                return split_pullback(dmean, dlog_var + log_q_pullback(dlog_q))
            by_z = dlog_q[:, None] * noise.astype(log_var.dtype, copy=False)  # −∂log q/∂z σ = noise
            pushed, squared = (sum_of_draws(part, draws) for part in (by_z, by_z * noise))
            with np.errstate(over="ignore"):
                precision = np.minimum(np.exp(-0.5 * log_var), np.finfo(log_var.dtype).max)  # 1/σ
                dmean = dmean - pushed * precision  # dmean = Σ_k dz − dlog_q noise/σ
            dlog_var = dlog_var - 0.5 * squared  # dlog_var = Σ_k dz ½ σ noise − ½ dlog_q noise²
            return split_pullback(dmean, dlog_var.astype(log_var.dtype, copy=False))

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; mean, σ²) = −½ Σ_j (log 2π + log σ² + (z − mean)²/σ²)."""
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        log_q, log_q_pullback = gaussian.log_prob(z, mean, log_var)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dz, dmean, dlog_var = log_q_pullback(dlog_q)
            return split_pullback(dmean, dlog_var), dz

        return log_q, pullback

    def code(self, q_params: Array) -> Array:
        """E[z|x], the first half of q_params."""
        (mean, _), _ = self.mean_and_log_var(q_params)
        return mean
