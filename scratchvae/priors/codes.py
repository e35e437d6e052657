"""p(z) over the codes of a VectorQuantized posterior."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.layers import EVALUATION, Mode
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors.interface import Prior
from scratchvae.priors.one_hot import OneHot


class Codes(Prior):
    """A probability for each code of each group, independently: 1/K, or with `learned` softmax(logits)_gk.

    The prior shares the posterior's codebook: z is a draw of indices, looked up there. Under the uniform one
    every z made of codes has log p(z) = −G log K. The learned one receives its gradient from the KL, which is
    −log p(codes of x), so that it goes to the frequencies of the codes, and the bound is tighter by what they
    lack of being uniform.

    van den Oord, Vinyals & Kavukcuoglu 2017, section 3.3, where the prior is uniform in training.
    """

    space: str = "codes of a codebook"

    def __init__(self, posterior: VectorQuantized, *, learned: bool = False) -> None:
        if not isinstance(posterior, VectorQuantized):
            raise InputError(
                f"Codes: the posterior should be a VectorQuantized, found a {type(posterior).__name__}"
            )
        self.posterior, self.latent_dim = posterior, posterior.latent_dim
        self.choices = OneHot(posterior.groups, posterior.categories, learned=learned)

    def log_prob_of(self, indices: Array, like: Array) -> tuple[Array, Pullback]:
        """log p of each group's code, indices (B, G)  ->  (B, G) in nats, in the dtype of `like`.

        pullback(dlog_p) gives a learned prior its gradient, and returns nothing.
        """
        logits, given_pullback = self.choices.given_logits(1, like)  # one p for all rows
        log_p, log_p_pullback = ops.log_softmax(logits, axis=2)
        groups = np.arange(indices.shape[1])

        def pullback(dlog_p: Array) -> None:
            dall = np.zeros_like(log_p)
            # of each code, Σ over the places where it was chosen
            np.add.at(dall[0], (groups, indices), dlog_p)
            given_pullback(log_p_pullback(dall))

        return log_p[0, groups, indices], pullback

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """Σ_g log p_g(code), and −∞ where z is not made of codes. z is discrete, and so dz is 0."""
        require_shapes("Codes", z=(z, f"B {self.latent_dim}"))
        indices = self.posterior.indices_of(z)
        made, _ = self.posterior.vectors(indices)
        log_p, log_p_pullback = self.log_prob_of(indices, z)
        is_code = (made.astype(z.dtype, copy=False) == z).all(axis=1)

        def pullback(dlog_pz: Array) -> Array:
            log_p_pullback(np.repeat(np.where(is_code, dlog_pz, 0)[:, None], self.posterior.groups, axis=1))
            return np.zeros_like(z)

        return np.where(is_code, log_p.sum(axis=1), -np.inf).astype(z.dtype, copy=False), pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """The vectors of drawn codes."""
        return self.posterior.code_of(self.choices.sample_indices(n, rng))
