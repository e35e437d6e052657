"""p(z) = N(0, I)."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.priors.interface import Prior


class StandardGaussian(Prior):
    """The prior of Kingma & Welling 2014."""

    def __init__(self, latent_dim: int) -> None:
        self.latent_dim = latent_dim

    def log_prob(self, z: Array) -> tuple[Array, Pullback]:
        """distributions.gaussian.log_prob at mean 0 and log-variance 0."""
        require_shapes("StandardGaussian", z=(z, f"B {self.latent_dim}"))
        zero = np.broadcast_to(z.dtype.type(0), z.shape)
        log_pz, op_pullback = gaussian.log_prob(z, zero, zero)

        def pullback(dlog_pz: Array) -> Array:
            dz, _, _ = op_pullback(dlog_pz)
            return dz

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Standard normal numbers."""
        return rng.standard_normal((n, self.latent_dim), dtype=np.float32)
