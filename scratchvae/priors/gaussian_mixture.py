"""p(z) = Σ_k π_k N(z; mean_k, diag σ_k²), learned with the model."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count
from scratchvae.distributions import mixture
from scratchvae.layers import EVALUATION, Mode, Parameter
from scratchvae.layers.interface import apply
from scratchvae.priors.interface import Prior


class GaussianMixture(Prior):
    """A mixture of `components` diagonal Gaussians.

    At first all weights are equal, all variances are 1, and the means are drawn from N(0, 1).
    """

    def __init__(
        self, latent_dim: int, components: int = 10, *, rng: np.random.Generator | int | None = None
    ) -> None:
        require_count("GaussianMixture", "latent_dim", latent_dim)
        self.latent_dim = latent_dim
        require_count("GaussianMixture", "components", components)
        means = np.random.default_rng(rng).standard_normal((components, latent_dim))
        self.logits = Parameter(np.zeros(components, np.float32))
        self.means = Parameter(means.astype(np.float32))
        self.log_vars = Parameter(np.zeros((components, latent_dim), np.float32))

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log Σ_k π_k N(z; mean_k, diag σ_k²)."""
        return apply(mixture.log_prob, z, self.logits, self.means, self.log_vars)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """A component for each draw, then a draw from it."""
        require_count("GaussianMixture.sample", "n", n, 0)
        uniform, noise = rng.random(n), rng.standard_normal((n, self.latent_dim), dtype=np.float32)
        return mixture.sample(
            self.logits.value, self.means.value, self.log_vars.value, uniform=uniform, noise=noise
        )
