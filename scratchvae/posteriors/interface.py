"""The role q(z|x): what a posterior makes of an encoder's output."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import EVALUATION, Mode, Owner

Noise = Any  # whatever draw_noise returns: arrays that are handed back unread


class Posterior(Owner, ABC):
    """q(z|x), whose parameters q_params (B, n_params) the encoder computes.

    Letters: B examples, K draws of each, Z latents.
    """

    latent_dim: int
    n_params: int
    space: str = "real vectors"  # where z lies; the prior has to be over the same
    # whether training draws z of another law, so that terms at them are not those of a bound
    relaxed: bool = False

    @abstractmethod
    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """All the randomness of `rows` draws, float32."""

    @abstractmethod
    def sample(
        self, q_params: Array, *, noise: Noise, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """K = `draws` of each q(z|x), as functions of the noise: z (B·K, Z); pullback(dz) -> dq_params.

        `noise` is that of B·K draws. The draws of one x stand side by side.
        """

    @abstractmethod
    def code(self, q_params: Array) -> Array:
        """The one code (B, Z) that stands for each example: E[z|x] where there is an expectation."""


class Density(Posterior):
    """A posterior with a density, which sampled bounds ask for."""

    @abstractmethod
    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1, score: bool = True, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """z (B·K, Z) as of `sample`, and log q(z|x) (B·K,) in nats at that z;
        pullback(dz, dlog_q) -> dq_params.

        log q(z|x) depends on q_params in two ways: through z, and directly. The direct part of the gradient
        is the score, ∂log q(z|x)/∂q_params at a fixed z. It is 0 on average, and score=False leaves it out of
        the gradient.
        Roeder, Wu & Duvenaud 2017.
        """

    @abstractmethod
    def log_prob(self, q_params: Array, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log q(z|x) (B,) in nats at given z (B, Z); pullback(dlog_q) -> dq_params and dz."""


class Choices(Density):
    """A posterior of G = `groups` choices, each among K = `categories`: of the vectors of a codebook, or of
    nothing but names.
    """

    groups: int
    categories: int

    @abstractmethod
    def indices(self, q_params: Array) -> Array:
        """The nearest, or most probable, choice of each group, (B, G) of whole numbers from 0 to K − 1."""

    @abstractmethod
    def code_of(self, indices: Array) -> Array:
        """The z (B, Z), float32, that stands for these choices (B, G)."""
