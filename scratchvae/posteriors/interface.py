"""The role q(z|x): the law of latents whose parameters an encoder computes."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import EVALUATION, Mode, Owner

Noise = Any  # the arrays that draw_noise returns, which only the same posterior reads


class Posterior(Owner, ABC):
    """q(z|x), whose parameters q_params (B, n_params) the encoder computes.

    Letters: B examples, K draws of each, Z latents.
    """

    latent_dim: int
    n_params: int
    space: str = "real vectors"  # the set that z lies in, which has to be that of the prior
    # whether training draws z from another law, at which the terms are no longer those of a bound
    relaxed: bool = False
    # whether q(z|x) has all its mass on one code, so that all draws of an example are that code
    one_code: bool = False

    @abstractmethod
    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """All random numbers that `rows` draws need, in float32."""

    @abstractmethod
    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """K = `draws` of each q(z|x), as functions of the noise  ->  z (B·K, Z).

        `noise` is that of B·K draws. The draws of one x are neighbouring rows. pullback(dz) returns
        dq_params.
        """

    @abstractmethod
    def code(self, q_params: Array) -> Array:
        """The one code (B, Z) that stands for each example, which is E[z|x] where there is an expectation."""


class Density(Posterior):
    """A posterior with a density, as bounds need it whose KL is sampled."""

    @abstractmethod
    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z (B·K, Z) as `sample` returns it, and log q(z|x) (B·K,) in nats at that z.

        log q(z|x) depends on q_params in two ways: through z, and directly. The direct part of the gradient
        is the score, ∂log q(z|x)/∂q_params at a fixed z. Its mean is 0, and score=False leaves it out of the
        gradient. pullback(dz, dlog_q) returns dq_params. Roeder, Wu & Duvenaud 2017.
        """

    @abstractmethod
    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(z|x) (B,) in nats at given z (B, Z). pullback(dlog_q) returns dq_params and dz."""


class Choices(Density):
    """A posterior of G = `groups` choices, each among K = `categories`.

    The categories are the vectors of a codebook, or mere names.
    """

    groups: int
    categories: int

    @abstractmethod
    def indices(self, q_params: Array) -> Array:
        """The nearest, or most probable, choice of each group, (B, G) of whole numbers from 0 to K − 1."""

    @abstractmethod
    def code_of(self, indices: Array) -> Array:
        """The z (B, Z), float32, that stands for these choices (B, G)."""
