"""The importance-weighted bound, which more draws make tighter, and its blends with the plain bound."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import (
    Array,
    InputError,
    is_number,
    require_choice,
    require_count,
    require_number,
    require_share,
)
from scratchvae.objectives.many_draws import ManyDraws, log_mean_exp


@dataclass(frozen=True)
class Iwae(ManyDraws):
    """F = ⟨log 1/K Σ_k w_mk⟩, the mean over M = `groups` groups of K = `samples` draws w_mk of each example.

    With one group it is the importance-weighted bound of K draws (Burda, Grosse & Salakhutdinov 2016,
    equation 8). With groups of one draw it is the plain bound of M draws, and between the two it is MIWAE
    (Rainforth et al. 2018, section 5). More groups lessen the noise of the gradient. More draws in a group
    tighten the bound.

    With w̃_mk = w_mk / Σ_k w_mk, the gradient to the encoder's and q's Parameters φ, z = z(ε, φ), is
    estimated by

        gradient = "total"   1/M Σ_mk w̃_mk dlog w_mk/dφ                  Burda et al. 2016, equation 14
                   "dreg"    1/M Σ_mk w̃_mk² ∂log w_mk/∂z ∂z/∂φ           Tucker et al. 2019, equation 8
                   "stl"     ∂log w/∂z ∂z/∂φ, at K = 1 only              Roeder et al. 2017

    "dreg" is the doubly reparameterized gradient, and "stl" is called sticking the landing. At K = 1 both are
    the same number for every draw. The three estimators have the same expectation. The exception is training
    with GaussianOptimal or BatchNorm, which couple the draws: w̃ then depends on other draws too, and "dreg"
    is biased. As K grows, the mean of "total" falls faster than its standard deviation (Rainforth et al.
    2018), and the mean of "dreg" does not. With K > 1, "stl" is biased, and so it is refused. All three give
    the Parameters of p(x|z) and p(z) the gradient 1/M Σ_mk w̃_mk ∂log w_mk.

    The terms are bound = log 1/MK Σ_mk w_mk, and log_px and kl as means over the draws. Their difference
    log_px − kl is the plain bound, which never exceeds this one.
    """

    samples: int = 50
    gradient: str = "total"
    groups: int = 1

    def __post_init__(self) -> None:
        require_count("Iwae", "samples", self.samples)
        require_count("Iwae", "groups", self.groups)
        require_choice("Iwae", "gradient", self.gradient, ("dreg", "stl", "total"))
        if self.gradient == "stl" and self.samples > 1:
            expected = (
                'gradient "stl" should come with samples = 1, since it is biased with more; take "dreg"'
            )
            raise InputError(f"Iwae: {expected}; found samples = {self.samples}")

    @property
    def draws(self) -> int:
        """M K, the number of draws of each example."""
        return self.groups * self.samples

    def weigh(self, log_w: Array) -> tuple[Array, Array]:
        """The mean of log 1/K Σ_k w_mk over the groups, and its slope w̃_mk / M."""
        B, M = len(log_w), self.groups
        value, weights = log_mean_exp(log_w.reshape(B * M, self.samples))
        return value.reshape(B, M).mean(axis=1), weights.reshape(B, -1) / log_w.dtype.type(M)


@dataclass(frozen=True)
class Ciwae(ManyDraws):
    """F = β ⟨log w_k⟩ + (1 − β) log 1/K Σ_k w_k, from the same K = `samples` draws of each example.

    It blends the plain bound, which is F at β = 1, and the importance-weighted one, F at β = 0.
    Rainforth et al. 2018, section 5.
    """

    samples: int = 50
    beta: float = 0.5

    def __post_init__(self) -> None:
        require_count("Ciwae", "samples", self.samples)
        if not (is_number(self.beta) and self.beta == 1):
            require_share("Ciwae", "beta", self.beta)

    @property
    def draws(self) -> int:
        """K = `samples`, the number of draws of each example."""
        return self.samples

    def weigh(self, log_w: Array) -> tuple[Array, Array]:
        """F, and its slope β/K + (1 − β) w̃_k."""
        beta, rest = log_w.dtype.type(self.beta), log_w.dtype.type(1 - self.beta)
        tight, weights = log_mean_exp(log_w)
        if self.beta == 0:  # so that 0 · log 0 of a weight that is 0 counts for nothing
            return tight, weights
        return beta * log_w.mean(axis=1) + rest * tight, beta / log_w.dtype.type(
            self.samples
        ) + rest * weights


@dataclass(frozen=True)
class Renyi(ManyDraws):
    """F = log(1/K Σ_k w_k^(1−α)) / (1 − α), an estimate of Rényi's bound of order `alpha`, K = `samples`.

    As K grows, F falls or rises to a number that decreases with α. At α = 0 the number is log p(x), and F is
    the importance-weighted bound. At α = 1 F is the plain bound. For α < 0 the number is an upper bound, and
    for α → −∞ F is the largest log w. The slope is w_k^(1−α) / Σ_k w_k^(1−α).
    Li & Turner 2016, sections 3 and 4.

    With p = 1 − α, the mean m = 1/K Σ_k log w_k, and d_k = log w_k − m, it is computed as

        F = m + log1p(1/K Σ_k (e^(p d_k) − 1))/p     where |p d_k| ≤ 1 for all k,
        F = m + log(1/K Σ_k e^(p d_k))/p     elsewhere

    The d_k sum to 0, and so the mean in the first form is never negative. Neither form loses more than a few
    roundings of the largest |d_k|, however near α is to 1. Without subtracting m, the rounding of log w would
    be divided by p.
    """

    samples: int = 50
    alpha: float = 0.5

    def __post_init__(self) -> None:
        require_count("Renyi", "samples", self.samples)
        require_number("Renyi", "alpha", self.alpha)

    @property
    def draws(self) -> int:
        """K = `samples`, the number of draws of each example."""
        return self.samples

    def weigh(self, log_w: Array) -> tuple[Array, Array]:
        """F at log w (B, K), and its slope ∂F/∂log w."""
        if self.alpha == 1:
            return log_w.mean(axis=1), np.full_like(log_w, 1 / self.samples)
        power = log_w.dtype.type(1 - self.alpha)
        mean = log_w.mean(axis=1)
        centre = np.where(np.isfinite(mean), mean, 0)  # where one weight is 0 the mean is −∞
        scaled = power * (log_w - centre[:, None])
        value, weights = log_mean_exp(scaled)
        near = (np.abs(scaled) <= 1).all(axis=1)
        value[near] = np.log1p(np.expm1(scaled[near]).mean(axis=1))
        return centre + value / power, weights
