"""p(z) is a product of priors."""

from itertools import accumulate

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior


class ProductPrior(Prior):
    """p(z) = Π_i p_i(z_i), where the latents of the parts stand side by side.

    It is the prior of a posteriors.JointPosterior.
    """

    def __init__(self, *parts: Prior) -> None:
        if not parts or not all(isinstance(part, Prior) for part in parts):
            found = ", ".join(type(part).__name__ for part in parts) or "none"
            raise InputError(f"ProductPrior: there should be priors as its parts, found {found}")
        self.parts = parts
        self.latent_dim = sum(part.latent_dim for part in parts)
        self.space = " × ".join(part.space for part in parts)

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_i log p_i(z_i)."""
        require_shapes("ProductPrior", z=(z, f"B {self.latent_dim}"))
        apart = np.split(z, list(accumulate(part.latent_dim for part in self.parts))[:-1], axis=1)
        terms = [part.log_prob(own, mode=mode) for part, own in zip(self.parts, apart, strict=True)]

        def pullback(dlog_pz: Array) -> Array:
            return np.concatenate([part_pullback(dlog_pz) for _, part_pullback in terms], axis=1)

        return np.asarray(sum(log_pz for log_pz, _ in terms)), pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draws of each part, side by side."""
        return np.concatenate([part.sample(n, rng) for part in self.parts], axis=1)
