"""Terms that any loss may add, each with its gradients to the parts of a pass, and their interface."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_number
from scratchvae.data import Batch
from scratchvae.layers import Mode, named_parameters
from scratchvae.objectives.interface import Model, Objective, Pass
from scratchvae.posteriors import Noise


class Penalty(ABC):
    """A term of the loss, weight · ⟨penalty⟩, that depends on the parts of a pass or on the model."""

    term: ClassVar[str]  # its name in a Report
    weight: float

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """All random numbers that one call needs, or None where it needs none."""
        return None

    def opponent(self, model: Any) -> tuple[Objective, str] | None:
        """The objective by which a network of the model learns that the penalty asks, and the network's name.

        The network has a phase of its own. None for a penalty that asks no network.
        """
        return None

    @abstractmethod
    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        """The penalty of each example (B,), or of the batch as a whole (), without its weight.

        pullback(d) returns the gradients of the parts of the pass by name, {"dz": …, "dq_params": …}, of
        which either may be left out. It fills the Parameters that the penalty itself reads.
        """


@dataclass(frozen=True)
class L1(Penalty):
    """Σ_j |z_j|, which makes few entries of a code differ much from 0.

    Its gradient is sign(z), which is 0 at z = 0. Tibshirani 1996, section 1.
    """

    weight: float
    term: ClassVar[str] = "sparsity"

    def __post_init__(self) -> None:
        require_at_least("L1", "weight", self.weight, 0)

    def __call__(
        self, model: Model, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        B, K = one.log_px.shape

        def pullback(dpenalty: Array) -> dict[str, Array]:
            # dz_bkj = dpenalty_b sign(z_bkj) / K
            return {"dz": np.repeat(dpenalty / K, K)[:, None] * np.sign(one.z)}

        return np.abs(one.z).sum(axis=1).reshape(B, K).mean(axis=1), pullback


@dataclass(frozen=True)
class L2(Penalty):
    """½ Σ_j z_j², which keeps codes near 0. Its gradient is z.     Ghosh et al. 2020, equation 6."""

    weight: float
    term: ClassVar[str] = "norm"

    def __post_init__(self) -> None:
        require_at_least("L2", "weight", self.weight, 0)

    def __call__(
        self, model: Model, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        B, K = one.log_px.shape

        def pullback(dpenalty: Array) -> dict[str, Array]:
            return {"dz": np.repeat(dpenalty / K, K)[:, None] * one.z}  # dz_bkj = dpenalty_b z_bkj / K

        return (0.5 * one.z * one.z).sum(axis=1).reshape(B, K).mean(axis=1), pullback


@dataclass(frozen=True)
class DecoderNorm(Penalty):
    """Σ θ² over the decoder's Parameters θ, which keeps the decoder smooth. Its gradient is 2 θ.

    It is one number for the batch. Ghosh et al. 2020, section 3, where it is the Tikhonov regularization of
    the RAE-L2.
    """

    weight: float
    term: ClassVar[str] = "decoder_norm"

    def __post_init__(self) -> None:
        require_at_least("DecoderNorm", "weight", self.weight, 0)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        parameters = list(named_parameters(model.decoder).values())
        values = [parameter.value for parameter in parameters]
        squares = [(value * value).sum(dtype=np.float64) for value in values]

        def pullback(dpenalty: Array) -> dict[str, Array]:
            for parameter, value in zip(parameters, values, strict=True):
                parameter.receive(2 * dpenalty * value)  # dθ = 2 dpenalty θ
            return {}

        return np.asarray(sum(squares), one.z.dtype), pullback


@dataclass(frozen=True)
class ActivationKl(Penalty):
    """Σ_j KL(Bernoulli(ρ) ‖ Bernoulli(ρ̂_j)), where ρ̂_j = ⟨z_j⟩ over the batch, and ρ is `target`.

    It makes each latent be on for a share ρ of the examples. Codes must lie in (0, 1), as those of an encoder
    that ends in a Sigmoid do. The penalty is one number for the batch. Ng 2011, "Sparse autoencoder" (CS294A
    lecture notes), section 3.
    """

    weight: float
    target: float = 0.05
    term: ClassVar[str] = "sparsity"

    def __post_init__(self) -> None:
        require_at_least("ActivationKl", "weight", self.weight, 0)
        require_number("ActivationKl", "target", self.target, "a number between 0 and 1", above=0, below=1)

    def __call__(
        self, model: Model, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        z = one.z
        if not (z.min(initial=1) >= 0 and z.max(initial=0) <= 1):
            expected = "codes should lie in (0, 1), as those of an autoencoder with code_activation sigmoid"
            raise InputError(f"ActivationKl: {expected}; found codes from {z.min():g} to {z.max():g}")
        limits = np.finfo(z.dtype)
        on = np.clip(z.mean(axis=0), limits.tiny, 1 - limits.epsneg)  # ρ̂
        rho = z.dtype.type(self.target)
        kl = (rho * np.log(rho / on) + (1 - rho) * np.log((1 - rho) / (1 - on))).sum()

        def pullback(dpenalty: Array) -> dict[str, Array]:
            # dρ̂_j = dpenalty ((1 − ρ)/(1 − ρ̂_j) − ρ/ρ̂_j)
            don = dpenalty * ((1 - rho) / (1 - on) - rho / on)
            return {"dz": np.repeat(don[None] / z.dtype.type(len(z)), len(z), axis=0)}  # dz_bj = dρ̂_j / B

        return np.asarray(kl, z.dtype), pullback


def require_penalties(where: str, penalties: Sequence[Penalty]) -> None:
    """Raise InputError unless all are Penalties, and no two of them have the same term."""
    for penalty in penalties:
        if not isinstance(penalty, Penalty):
            expected = "penalties should be such as L1, ActivationKl or Contraction"
            raise InputError(f"{where}: {expected}, found {penalty!r}")
    terms = [penalty.term for penalty in penalties]
    if len(set(terms)) < len(terms):
        raise InputError(f"{where}: penalties should each have a term of their own, found {', '.join(terms)}")


def noise_with_penalties(
    own: Noise, penalties: Sequence[Penalty], model: Any, rows: int, rng: np.random.Generator
) -> Noise:
    """An objective's noise: its own where there are no penalties, else (its own, the first penalty's, …)."""
    return (own, *(penalty.draw_noise(model, rows, rng) for penalty in penalties)) if penalties else own


def penalized(
    penalties: Sequence[Penalty], model: Any, batch: Batch, one: Pass, noises: Sequence[Noise], *, mode: Mode
) -> tuple[tuple[float, dict[str, Array]], Callable[[], dict[str, Array]]]:
    """Σ weight ⟨penalty⟩, and each penalty by its term (B,).

    pullback() returns, for each part of the pass, the sum of the gradients that the penalties give it.
    """
    loss, terms, pullbacks, B = 0.0, {}, [], len(batch)
    for penalty, noise in zip(penalties, noises, strict=True):
        value, penalty_pullback = penalty(model, batch, one, noise, mode=mode)
        loss += penalty.weight * float(value.mean(dtype=np.float64))
        terms[penalty.term] = np.broadcast_to(value, (B,))
        # ∂loss/∂penalty_b = weight / B
        seed = np.full(value.shape, penalty.weight / max(value.size, 1), value.dtype)
        pullbacks.append((penalty_pullback, seed))

    def pullback() -> dict[str, Array]:
        parts: dict[str, Array] = {}
        for penalty_pullback, seed in pullbacks:
            for name, gradient in penalty_pullback(seed).items():
                parts[name] = parts[name] + gradient if name in parts else gradient
        return parts

    return (loss, terms), pullback
