"""q(z|x) = N(mean, L Lᵀ), q_params = [mean | log L_ii | L_ij below the diagonal, row by row]."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Density, Noise


class FullGaussian(Density):
    """A Gaussian whose latents may depend on each other, by the Cholesky factor of its covariance.

    For Z latents an encoder puts out Z + Z (Z + 1)/2 numbers.     Kingma & Welling 2019, section 2.5.1.
    """

    def __init__(self, latent_dim: int) -> None:
        require_count("FullGaussian", "latent_dim", latent_dim)
        self.latent_dim = latent_dim
        self.n_params = latent_dim + latent_dim * (latent_dim + 1) // 2

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """Standard normal numbers (rows, Z)."""
        return gaussian.sample_standard((rows, self.latent_dim), rng)

    def mean_and_factor(self, q_params: Array) -> tuple[tuple[Array, Array], Pullback]:
        """mean (B, Z) and L (B, Z, Z); pullback(dmean, dL) -> dq_params."""
        require_shapes("FullGaussian", q_params=(q_params, f"B {self.n_params}"))
        (mean, entries), split_pullback = ops.split(
            q_params, sizes=(self.latent_dim, self.n_params - self.latent_dim)
        )
        L, factor_pullback = ops.lower_triangular(entries)

        def pullback(dmean: Array, dL: Array) -> Array:
            return split_pullback(dmean, factor_pullback(dL))

        return (mean, L), pullback

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z = mean + L · noise."""
        (mean, L), params_pullback = self._for_each_draw(q_params, draws)
        z, z_pullback = gaussian_full.reparameterize(mean, L, noise=noise)

        def pullback(dz: Array) -> Array:
            return params_pullback(*z_pullback(dz))

        return z, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z = mean + L · noise, and log N(z; mean, L Lᵀ) = −Σ_i log L_ii − ½ Σ_i (noise_i² + log 2π).

        The log-density is computed from the noise and not from z. With the score its whole gradient goes to
        the diagonal of L. Without the score log q moves with z alone, and ∂log q/∂z = −L⁻ᵀ noise.
        """
        (mean, L), params_pullback = self._for_each_draw(q_params, draws)
        z, z_pullback = gaussian_full.reparameterize(mean, L, noise=noise)
        log_q, log_q_pullback = gaussian_full.log_prob_of_draw(L, noise=noise)

        def pullback(dz: Array, dlog_q: Array) -> Array:
            if score:
                dmean, dL = z_pullback(dz)
                return params_pullback(dmean, dL + log_q_pullback(dlog_q))
            # −∂log q/∂z = L⁻ᵀ noise
            steepness = _solve_transposed(L[::draws], noise.astype(L.dtype, copy=False))
            return params_pullback(*z_pullback(dz - dlog_q[:, None] * steepness))

        return (z, log_q), pullback

    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; mean, L Lᵀ) = −Σ_i log L_ii − ½ Σ_i (u_i² + log 2π), u = L⁻¹ (z − mean)."""
        (mean, L), params_pullback = self.mean_and_factor(q_params)
        log_q, log_q_pullback = gaussian_full.log_prob(z, mean, L)

        def pullback(dlog_q: Array) -> tuple[Array, Array]:
            dz, dmean, dL = log_q_pullback(dlog_q)
            return params_pullback(dmean, dL), dz

        return log_q, pullback

    def code(self, q_params: Array) -> Array:
        """E[z|x], the first Z numbers of q_params."""
        require_shapes("FullGaussian", q_params=(q_params, f"B {self.n_params}"))
        return q_params[:, : self.latent_dim]

    def _for_each_draw(self, q_params: Array, draws: int) -> tuple[tuple[Array, Array], Pullback]:
        """mean_and_factor of a copy of q_params for each draw.

        The pullback adds up the gradients of the copies of one example.
        """
        require_count("FullGaussian", "draws", draws)
        both, copies_pullback = self.mean_and_factor(np.repeat(q_params, draws, axis=0))

        def pullback(dmean: Array, dL: Array) -> Array:
            return sum_of_draws(copies_pullback(dmean, dL), draws)  # one q(z|x) for all draws

        return both, pullback


def _solve_transposed(L: Array, noise: Array) -> Array:
    """L⁻ᵀ noise, with one factor L (B, Z, Z) for all K draws of an example.     noise (B·K, Z)  ->  (B·K, Z).

    NumPy's solver has nothing to eliminate in a triangular matrix, and substitutes at once.
    """
    columns = noise.reshape(len(L), -1, noise.shape[1]).transpose(0, 2, 1)
    return np.linalg.solve(np.tril(L).transpose(0, 2, 1), columns).transpose(0, 2, 1).reshape(noise.shape)
