"""The role q(z|x): what a posterior makes of an encoder's output."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers import Owner

Noise = Any  # whatever draw_noise returns: arrays, to be handed back unread


class Posterior(Owner, ABC):
    """q(z|x), its parameters q_params (B, n_params) computed by the encoder.     B examples, Z latents."""

    latent_dim: int
    n_params: int

    @abstractmethod
    def draw_noise(self, batch: int, rng: np.random.Generator) -> Noise:
        """All the randomness of one draw for each of `batch` examples, float32."""

    @abstractmethod
    def sample(self, q_params: Array, *, noise: Noise) -> tuple[Array, Pullback]:
        """z (B, Z), a draw from q(z|x) as a function of the noise; pullback(dz) -> dq_params."""

    @abstractmethod
    def sample_with_log_prob(
        self, q_params: Array, *, noise: Noise, draws: int = 1
    ) -> tuple[tuple[Array, Array], Pullback]:
        """(z, log q(z|x)), shapes (B · draws, Z) and (B · draws,); pullback(dz, dlog_q) -> dq_params, by the density and by z.

        `noise` is of B · draws examples: those of one x stand side by side.
        """

    @abstractmethod
    def log_prob(self, q_params: Array, *, z: Array) -> tuple[Array, Pullback]:
        """log q(z|x) (B,) of a given z (B, Z), which does not move; pullback(dlog_q) -> dq_params."""

    @abstractmethod
    def mean(self, q_params: Array) -> Array:
        """E[z] (B, Z): the code of each example."""
