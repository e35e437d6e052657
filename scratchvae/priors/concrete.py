"""p(z) over the logarithms of points of a simplex, by the Concrete law."""

import numpy as np

from scratchvae.arrays import Array, Pullback, require_count, require_positive, require_shapes
from scratchvae.distributions import concrete
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior
from scratchvae.priors.one_hot import OneHot


class ConcretePrior(Prior):
    """G = `groups` independent Concrete laws over K = `categories`, of equal or `learned` logits; z = log x.

    `temperature` is the prior's own, and need not be the posterior's. Maddison, Mnih & Teh 2017, appendix
    C.3.
    """

    space: str = "logarithms of points of a simplex"

    def __init__(
        self, groups: int = 1, categories: int = 10, *, temperature: float = 0.5, learned: bool = False
    ) -> None:
        require_positive("ConcretePrior", "temperature", temperature)
        self.choices = OneHot(groups, categories, learned=learned)
        self.latent_dim, self.temperature = self.choices.latent_dim, temperature

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """The log-density of y = z by the Concrete law."""
        require_shapes("ConcretePrior", z=(z, f"B {self.latent_dim}"))
        logits, given_pullback = self.choices.given_logits(len(z), z)
        log_pz, law_pullback = concrete.log_prob(
            z.reshape(logits.shape), logits, temperature=self.temperature
        )

        def pullback(dlog_pz: Array) -> Array:
            dy, dlogits = law_pullback(dlog_pz)
            given_pullback(dlogits)
            dz: Array = dy.reshape(z.shape)
            return dz

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw n vectors y from the Concrete law  ->  (n, Z)."""
        require_count("ConcretePrior.sample", "n", n, 0)
        noise = concrete.sample_standard((n, self.choices.groups, self.choices.categories), rng)
        logits, _ = self.choices.given_logits(n, noise)
        y, _ = concrete.reparameterize(logits, noise=noise, temperature=self.temperature)
        return y.reshape(n, self.latent_dim)
