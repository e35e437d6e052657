"""q(z|x) puts all its mass on one code: the posterior of a plain autoencoder."""

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.posteriors.interface import Noise, Posterior

NO_DENSITY = "Point: a point posterior has no density; a bound needs a DiagonalGaussian or a FullGaussian"


class Point(Posterior):
    """z = q_params, without noise."""

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim
        self.n_params = latent_dim

    def draw_noise(self, batch: int, rng: np.random.Generator) -> Noise:
        """Nothing is random: (B, 0)."""
        return np.empty((batch, 0), np.float32)

    def sample(self, q_params: Array, *, noise: Noise) -> tuple[Array, Pullback]:
        """z = q_params."""
        require_shapes("Point", q_params=(q_params, f"B {self.n_params}"))

        def pullback(dz: Array) -> Array:
            return dz

        return q_params, pullback

    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1
    ) -> tuple[tuple[Array, Array], Pullback]:
        """A point has no density: always an InputError."""
        raise InputError(NO_DENSITY)

    def log_prob(self, q_params: Array, *, z: Array) -> tuple[Array, Pullback]:
        """A point has no density: always an InputError."""
        raise InputError(NO_DENSITY)

    def mean(self, q_params: Array) -> Array:
        """The code itself."""
        return q_params
