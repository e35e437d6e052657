"""The role p(z): a law of latents that can be evaluated and drawn from."""

from abc import ABC, abstractmethod

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import EVALUATION, Mode, Owner


class Prior(Owner, ABC):
    """p(z) over Z latents, with or without Parameters.

    A prior may share the model's encoder and posterior, as VampPrior does.
    """

    latent_dim: int
    space: str = "real vectors"  # the set that z lies in, which has to be that of the posterior

    @abstractmethod
    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log p(z) (B,) in nats at z (B, Z).

        pullback(dlog_pz) returns dz, and gives the prior's Parameters their gradients.
        """

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """n draws z (n, Z), float32."""
