"""A penalty on the covariance of codes over a batch, which makes latents vary independently."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_at_least, require_choice
from scratchvae.data import Batch
from scratchvae.layers import Mode
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import DiagonalGaussian, Noise


@dataclass(frozen=True)
class CodeCovariance(Penalty):
    """Σ_i≠j C_ij² + `diagonal` Σ_i (C_ii − 1)², where C (Z, Z) is a covariance over the batch.

        of = "means"   C = 1/B Σ_b (mean_b − m)(mean_b − m)ᵀ of E[z|x], m = 1/B Σ_b mean_b                DIP-VAE-I
             "draws"   that C + diag(1/B Σ_b σ_b²) of z, by the law of total covariance                   DIP-VAE-II

    With `weight` λ_od it is the paper's penalty with λ_d = λ_od · diagonal. The penalty is one number for the
    batch. Kumar, Sattigeri & Balakrishnan 2018, section 3.
    """

    weight: float
    diagonal: float = 1.0
    of: str = "means"
    term: ClassVar[str] = "covariance"

    def __post_init__(self) -> None:
        require_at_least("CodeCovariance", "weight", self.weight, 0)
        require_at_least("CodeCovariance", "diagonal", self.diagonal, 0)
        require_choice("CodeCovariance", "of", self.of, ("draws", "means"))

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        if not isinstance(model.posterior, DiagonalGaussian):
            found = type(model.posterior).__name__
            raise InputError(f"CodeCovariance: the posterior should be a DiagonalGaussian, found a {found}")
        (mean, log_var), split_pullback = model.posterior.mean_and_log_var(one.q_params)
        B, Z = mean.shape
        centred, variance = mean - mean.mean(axis=0), np.exp(log_var)
        C = centred.T @ centred / mean.dtype.type(B)
        if self.of == "draws":
            C = C + np.diag(variance.mean(axis=0))
        off = C * (1 - np.eye(Z, dtype=C.dtype))
        excess = np.diagonal(C) - 1
        share = C.dtype.type(self.diagonal)

        def pullback(dpenalty: Array) -> dict[str, Array]:
            # dC_ij = 2 C_ij for i ≠ j,  2 diagonal (C_ii − 1) for i = j
            dC = dpenalty * 2 * (off + share * np.diag(excess))
            # dmean = 2/B (mean − m) dC, as C and dC are symmetric and the gradient by way of m is 0
            dmean = 2 * centred @ dC / C.dtype.type(B)
            spread = np.diagonal(dC) * variance / C.dtype.type(B)  # dlog_var_bi = dC_ii σ_bi² / B
            return {
                "dq_params": split_pullback(dmean, spread if self.of == "draws" else np.zeros_like(log_var))
            }

        return np.asarray((off * off).sum() + share * (excess * excess).sum(), C.dtype), pullback
