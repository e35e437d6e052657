"""p(z) is uniform on the unit sphere."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.distributions import gaussian, uniform_sphere
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior


class UniformSphere(Prior):
    """The uniform law on the unit sphere, the prior for a VonMisesFisher posterior.

    The sphere of Z coordinates has Z − 1 dimensions, so that `latent_dim` = 2 is a circle. Davidson et al.
    2018, section 3.
    """

    space: str = "points of the unit sphere"

    def __init__(self, latent_dim: int) -> None:
        require_count("UniformSphere", "latent_dim", latent_dim, 2)
        self.latent_dim = latent_dim

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log p(z) = −log of the sphere's area.

        InputError for z that are not of norm 1, where there is no density.
        """
        require_shapes("UniformSphere", z=(z, f"B {self.latent_dim}"))
        return uniform_sphere.log_prob(z)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """The directions of standard normal numbers."""
        require_count("UniformSphere.sample", "n", n, 0)
        return uniform_sphere.sample(noise=gaussian.sample_standard((n, self.latent_dim), rng))
