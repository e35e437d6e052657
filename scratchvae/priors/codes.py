"""Priors over codes of a VectorQuantized posterior: their interface, and the one of independent choices."""

from abc import abstractmethod

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors.interface import Prior
from scratchvae.priors.one_hot import OneHot


class CodePrior(Prior):
    """A probability for each tuple of codes (k_1, …, k_G), one code for each choice of a VectorQuantized.

    The prior shares the posterior's codebook, in which drawn indices are looked up. log p(z) is the sum over
    the choices of log p(k_g|k_1, …, k_(g−1)). Where q(z|x) has all its mass on the codes of x, the KL in the
    bound is −log p(z).
    """

    space: str = "codes of a codebook"

    def __init__(self, posterior: VectorQuantized) -> None:
        if not isinstance(posterior, VectorQuantized):
            expected = "the posterior should be a VectorQuantized"
            raise InputError(f"{type(self).__name__}: {expected}, found a {type(posterior).__name__}")
        self.posterior, self.latent_dim = posterior, posterior.latent_dim

    @abstractmethod
    def log_prob_of(self, indices: Array, like: Array) -> tuple[Array, Pullback]:
        """log p of each code given those before it, indices (B, G)  ->  (B, G) in nats.

        The result has the dtype of `like`. pullback(dlog_p) gives the prior's Parameters their gradients, and
        returns nothing.
        """

    @abstractmethod
    def sample_indices(self, n: int, rng: np.random.Generator) -> Array:
        """n draws of a code for each choice (n, G), whole numbers from 0."""

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_g log p(k_g|k_1, …, k_(g−1)), or −∞ where z is not made of codes. dz is 0, as z is discrete.

        In training mode the codes are those from which the posterior's latest draws were taken. Its moving
        averages, where it has them, have moved the codebook since then.
        """
        require_shapes(type(self).__name__, z=(z, f"B {self.latent_dim}"))
        indices = self.posterior.indices_of(z, mode=mode)
        made, _ = self.posterior.vectors(indices, mode=mode)
        log_p, log_p_pullback = self.log_prob_of(indices, z)
        is_code = (made.astype(z.dtype, copy=False) == z).all(axis=1)

        def pullback(dlog_pz: Array) -> Array:
            log_p_pullback(np.repeat(np.where(is_code, dlog_pz, 0)[:, None], self.posterior.groups, axis=1))
            return np.zeros_like(z)

        return np.where(is_code, log_p.sum(axis=1), -np.inf).astype(z.dtype, copy=False), pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw codes by their probabilities, and return their vectors  ->  (n, Z)."""
        return self.posterior.code_of(self.sample_indices(n, rng))


class Codes(CodePrior):
    """A probability for each code of each choice, independently: 1/K, or with `learned` softmax(logits)_gk.

    Under the uniform prior every z made of codes has log p(z) = −G log K. The learned one receives its
    gradient from the KL, which is −log p(codes of x). So it learns the frequencies of the codes, and the
    bound is tighter by the KL of these frequencies to the uniform law.

    van den Oord, Vinyals & Kavukcuoglu 2017, section 3.3, where the prior is uniform in training.
    """

    def __init__(self, posterior: VectorQuantized, *, learned: bool = False) -> None:
        super().__init__(posterior)
        self.choices = OneHot(posterior.groups, posterior.categories, learned=learned)

    def log_prob_of(self, indices: Array, like: Array) -> tuple[Array, Pullback]:
        """log p of each choice's code, which does not depend on the other codes."""
        logits, given_pullback = self.choices.given_logits(1, like)  # one p for all rows
        log_p, log_p_pullback = ops.log_softmax(logits, axis=2)
        groups = np.arange(indices.shape[1])

        def pullback(dlog_p: Array) -> None:
            dall = np.zeros_like(log_p)
            # of each code, Σ over the places where it was chosen
            np.add.at(dall[0], (groups, indices), dlog_p)
            given_pullback(log_p_pullback(dall))

        return log_p[0, groups, indices], pullback

    def sample_indices(self, n: int, rng: np.random.Generator) -> Array:
        """Draw a code for each choice by itself."""
        return self.choices.sample_indices(n, rng)
