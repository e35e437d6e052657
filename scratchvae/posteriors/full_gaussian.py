"""q(z|x) = N(mean, L Lᵀ), q_params = [mean | log L_ii | L_ij below the diagonal, row by row]."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.posteriors.interface import Noise, Posterior


class FullGaussian(Posterior):
    """A Gaussian whose latents may depend on each other, by the Cholesky factor of its covariance.

    An encoder's output for Z latents is Z + Z (Z + 1)/2 numbers wide.     Kingma & Welling 2019, section 2.5.1.
    """

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim
        self.n_params = latent_dim + latent_dim * (latent_dim + 1) // 2

    def draw_noise(self, batch: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (B, Z)."""
        return gaussian.sample_standard((batch, self.latent_dim), rng)

    def mean_and_factor(self, q_params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """mean (B, Z) and L (B, Z, Z); pullback(dmean, dL) -> dq_params."""
        require_shapes("FullGaussian", q_params=(q_params, f"B {self.n_params}"))
        (mean, entries), split_pullback = ops.split(q_params, sizes=(self.latent_dim, self.n_params - self.latent_dim))
        L, factor_pullback = ops.lower_triangular(entries)

        def pullback(dmean: Array, dL: Array) -> Array:
            return split_pullback(dmean, factor_pullback(dL))

        return (mean, L), pullback

    def sample(self, q_params: Array, *, noise: Noise) -> tuple[Array, Pullback]:
        """z = mean + L · noise."""
        (mean, L), params_pullback = self.mean_and_factor(q_params)
        z, z_pullback = gaussian_full.reparameterize(mean, L, noise=noise)

        def pullback(dz: Array) -> Array:
            return params_pullback(*z_pullback(dz))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z and log N(z; mean, L Lᵀ) at that z, in which z moves with mean and L."""
        (mean, L), params_pullback = self.mean_and_factor(np.repeat(q_params, draws, axis=0))
        z, z_pullback = gaussian_full.reparameterize(mean, L, noise=noise)
        log_q, log_q_pullback = gaussian_full.log_prob_of_draw(L, noise=noise)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            dmean, dL = z_pullback(dz)
            dq_repeated = params_pullback(dmean, dL + log_q_pullback(dlog_q))
            return dq_repeated.reshape(len(q_params), draws, -1).sum(axis=1)  # one q(z|x) for all draws

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, *, z: Array) -> tuple[Array, Pullback]:
        """distributions.gaussian_full.log_prob."""
        (mean, L), params_pullback = self.mean_and_factor(q_params)
        log_q, log_q_pullback = gaussian_full.log_prob(z, mean, L, needs_dx=False)

        def pullback(dlog_q: Array) -> Array:
            _, dmean, dL = log_q_pullback(dlog_q)
            return params_pullback(dmean, dL)

        return log_q, pullback

    def mean(self, q_params: Array) -> Array:
        """The first Z of q_params."""
        require_shapes("FullGaussian", q_params=(q_params, f"B {self.n_params}"))
        return q_params[:, : self.latent_dim]
