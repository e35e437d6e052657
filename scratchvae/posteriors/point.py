"""q(z|x) puts all its mass on one code: the posterior of a plain autoencoder."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_shapes, sum_of_draws
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors.interface import Noise, Posterior


class Point(Posterior):
    """z = q_params, without noise. A point has no density, and so its model has no bound."""

    one_code: bool = True

    def __init__(self, latent_dim: int) -> None:
        require_count("Point", "latent_dim", latent_dim)
        self.latent_dim = latent_dim
        self.n_params = latent_dim

    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """No noise, since nothing is random: (rows, 0)."""
        return np.empty((rows, 0), np.float32)

    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """z = q_params, `draws` times."""
        require_shapes("Point", q_params=(q_params, f"B {self.n_params}"))
        require_count("Point.sample", "draws", draws)
        z = np.repeat(q_params, draws, axis=0) if draws > 1 else q_params

        def pullback(dz: Array) -> Array:
            return sum_of_draws(dz, draws)  # dq_params = Σ_k dz_k

        return z, pullback

    def code(self, q_params: Array) -> Array:
        """The code itself, which is q_params."""
        return q_params
