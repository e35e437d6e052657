"""q(z|x) = N(mean, diag σ²), q_params = [mean | log σ²]."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.posteriors.interface import Noise, Posterior


class DiagonalGaussian(Posterior):
    """The posterior of Kingma & Welling 2014: a Gaussian with independent latents."""

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim
        self.n_params = 2 * latent_dim

    def draw_noise(self, batch: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (B, Z)."""
        return gaussian.sample_standard((batch, self.latent_dim), rng)

    def mean_and_log_var(self, q_params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """The two halves of q_params (B, 2Z); pullback(dmean, dlog_var) -> dq_params."""
        require_shapes("DiagonalGaussian", q_params=(q_params, f"B {self.n_params}"))
        (mean, log_var), pullback = ops.split(q_params, sizes=(self.latent_dim, self.latent_dim))
        return (mean, log_var), pullback

    def sample(self, q_params: Array, *, noise: Noise) -> tuple[Array, Pullback]:
        """z = mean + σ · noise."""
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        z, z_pullback = gaussian.reparameterize(mean, log_var, noise=noise)

        def pullback(dz: Array) -> Array:
            return split_pullback(*z_pullback(dz))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z and log N(z; mean, σ²) at that z, in which z moves with mean and σ."""
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        z, z_pullback = gaussian.reparameterize(mean, log_var, noise=noise, draws=draws)
        log_q, log_q_pullback = gaussian.log_prob_of_draw(log_var, noise=noise, draws=draws)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dmean, dlog_var = z_pullback(dz)
            return split_pullback(dmean, dlog_var + log_q_pullback(dlog_q))

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, *, z: Array) -> tuple[Array, Pullback]:
        """distributions.gaussian.log_prob."""
        (mean, log_var), split_pullback = self.mean_and_log_var(q_params)
        log_q, log_q_pullback = gaussian.log_prob(z, mean, log_var, needs_dx=False)

        def pullback(dlog_q: Array) -> Array:
            _, dmean, dlog_var = log_q_pullback(dlog_q)
            return split_pullback(dmean, dlog_var)

        return log_q, pullback

    def mean(self, q_params: Array) -> Array:
        """The first half of q_params."""
        (mean, _), _ = self.mean_and_log_var(q_params)
        return mean
