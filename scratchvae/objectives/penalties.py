"""What may be added to a reconstruction to make codes sparse, each with its gradient to the codes, and the interface."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least
from scratchvae.layers import Layer, Mode


class Penalty(ABC):
    """A term of the loss, weight · ⟨penalty⟩, that depends on the encoder or on its codes z (B, Z) of x (B, D)."""

    term: ClassVar[str]  # its name in a Report
    weight: float

    @abstractmethod
    def __call__(self, encoder: Layer, x: Array, z: Array, *, mode: Mode) -> tuple[Array, Pullback]:
        """The penalty of each example (B,), unweighted; pullback(dpenalty) -> dz, or None where it acts on the encoder alone."""


@dataclass(frozen=True)
class L1(Penalty):
    """Σ_j |z_j|: few entries of a code differ much from 0.     Gradient sign(z), 0 at 0.     Tibshirani 1996, section 1."""

    weight: float
    term: ClassVar[str] = "sparsity"

    def __post_init__(self) -> None:
        require_at_least("L1", "weight", self.weight, 0)

    def __call__(self, encoder: Layer, x: Array, z: Array, *, mode: Mode) -> tuple[Array, Pullback]:
        def pullback(dpenalty: Array) -> Array:
            return dpenalty[:, None] * np.sign(z)  # dz_bj = dpenalty_b sign(z_bj)

        return np.abs(z).sum(axis=1), pullback


@dataclass(frozen=True)
class ActivationKl(Penalty):
    """Σ_j KL(Bernoulli(ρ) ‖ Bernoulli(ρ̂_j)) with ρ̂_j = ⟨z_j⟩ over the batch: each latent is on for a share ρ = `target` of it.

    Codes must lie in (0, 1), as an encoder's that ends in a Sigmoid. It is one number of the batch, given to every example.
    Ng 2011, "Sparse autoencoder" (CS294A lecture notes), section 3.
    """

    weight: float
    target: float = 0.05
    term: ClassVar[str] = "sparsity"

    def __post_init__(self) -> None:
        require_at_least("ActivationKl", "weight", self.weight, 0)
        if not 0 < self.target < 1:
            raise InputError(f"ActivationKl: target should lie between 0 and 1, found {self.target}")

    def __call__(self, encoder: Layer, x: Array, z: Array, *, mode: Mode) -> tuple[Array, Pullback]:
        if not (z.min(initial=1) >= 0 and z.max(initial=0) <= 1):
            expected = "codes should lie in (0, 1), as an encoder's that ends in a Sigmoid (code_activation sigmoid)"
            raise InputError(f"ActivationKl: {expected}; found codes from {z.min():g} to {z.max():g}")
        limits = np.finfo(z.dtype)
        on = np.clip(z.mean(axis=0), limits.tiny, 1 - limits.epsneg)  # ρ̂
        rho = z.dtype.type(self.target)
        kl = (rho * np.log(rho / on) + (1 - rho) * np.log((1 - rho) / (1 - on))).sum()

        def pullback(dpenalty: Array) -> Array:
            don = dpenalty.sum() * ((1 - rho) / (1 - on) - rho / on)  # dρ̂_j = Σ_b dpenalty_b ((1 − ρ)/(1 − ρ̂_j) − ρ/ρ̂_j)
            return np.repeat(don[None] / z.dtype.type(len(z)), len(z), axis=0)  # dz_bj = dρ̂_j / B

        return np.full(len(z), kl, z.dtype), pullback
