"""The thermodynamic variational objective: log p(x) as an integral along a path from q(z|x) to p(z|x)."""

from dataclasses import dataclass

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, require_count, require_number
from scratchvae.objectives.many_draws import ManyDraws


@dataclass(frozen=True)
class Thermodynamic(ManyDraws):
    """F = Σ_j (β_j+1 − β_j) E_j with E_j = Σ_k w̃_k(β_j) log w_k, where w̃_k(β) = w_k^β / Σ_i w_i^β.

    The path π_β(z) ∝ q(z|x)^(1−β) p(x, z)^β leads from q at β = 0 to the posterior at β = 1, and
    log p(x) = ∫₀¹ E_π_β[log w] dβ. The integrand rises with β, so that a sum of left ends is a lower bound.
    Its ends are β = 0 and, for `pieces` > 1, pieces − 1 numbers spaced evenly on a logarithmic scale from
    `first` up to, and without, 1. One piece is the plain bound.

    E_j is estimated by K = `samples` draws, whose weights are normalized, and this estimate is
    differentiated: ∂E_j/∂log w_k = w̃_k (1 + β_j (log w_k − E_j)), where the second part is a covariance.
    All of it is computed from log w less its mean over the draws, because log w of thousands of nats have few
    digits left for their differences.
    Masrani, Le & Wood 2019, sections 3 and 4.
    """

    samples: int = 50
    pieces: int = 2
    first: float = 0.1

    def __post_init__(self) -> None:
        require_count("Thermodynamic", "samples", self.samples)
        require_count("Thermodynamic", "pieces", self.pieces)
        require_number("Thermodynamic", "first", self.first, "a number between 0 and 1", above=0, below=1)

    @property
    def draws(self) -> int:
        """K = `samples`, the number of draws of each example."""
        return self.samples

    @property
    def ends(self) -> Array:
        """β_0 = 0, β_1, …, and 1 at the end."""
        return (
            np.concatenate([[0.0], np.geomspace(self.first, 1, self.pieces)])
            if self.pieces > 1
            else np.array([0.0, 1.0])
        )

    def weigh(self, log_w: Array) -> tuple[Array, Array]:
        """F at log w (B, K), and its slope ∂F/∂log w."""
        mean = log_w.mean(axis=1)
        apart, value, slope = log_w - mean[:, None], mean, np.zeros_like(log_w)
        for beta, end in zip(self.ends[:-1], self.ends[1:], strict=True):
            width, power = log_w.dtype.type(end - beta), log_w.dtype.type(beta)
            share, _ = ops.softmax(power * apart)
            expected = (share * apart).sum(axis=1)  # E_j less the mean
            value = value + width * expected
            slope = slope + width * share * (1 + power * (apart - expected[:, None]))  # ∂E_j/∂log w_k
        return value, slope
