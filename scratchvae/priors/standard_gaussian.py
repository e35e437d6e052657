"""p(z) = N(0, I)."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior


class StandardGaussian(Prior):
    """p(z) = N(0, I), the prior of Kingma & Welling 2014."""

    def __init__(self, latent_dim: int) -> None:
        require_count("StandardGaussian", "latent_dim", latent_dim)
        self.latent_dim = latent_dim

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; 0, I) = −½ Σ_j (log 2π + z_j²)."""
        require_shapes("StandardGaussian", z=(z, f"B {self.latent_dim}"))
        return gaussian.standard_log_prob(z)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n vectors of standard normal numbers  ->  (n, Z)."""
        require_count("StandardGaussian.sample", "n", n, 0)
        return gaussian.sample_standard((n, self.latent_dim), rng)
