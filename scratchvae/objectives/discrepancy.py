"""Distances between the codes of a batch and draws from N(0, I), which are 0 where both have one law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    require_at_least,
    require_choice,
    require_count,
    require_positive,
)
from scratchvae.data import Batch
from scratchvae.distributions import gaussian
from scratchvae.layers import Mode
from scratchvae.objectives.interface import Pass
from scratchvae.objectives.penalties import Penalty
from scratchvae.posteriors import Noise
from scratchvae.priors import StandardGaussian


@dataclass(frozen=True)
class Mmd(Penalty):
    """The squared maximum mean discrepancy of the codes z_1 … z_n of a batch from N(0, I).

        E[k(z, z′)] + E[k(p, p′)] − 2 E[k(z, p)]

    z, z′ are independent codes, and p, p′ are independent draws from N(0, I). A batch of B examples with K
    draws of each has n = BK codes, and is compared with B draws p. Codes of different examples are
    independent. Two draws of one example are not, since both lie near that example's mean.

        kernel = "gaussian"                 k(x, y) = exp(−‖x − y‖² / 2γ²)
                 "inverse_multiquadratic"     k(x, y) = 2γ² / (2γ² + ‖x − y‖²)     with γ² = `scale` · Z

    `estimator` says how the expectations are taken:

    - "u" takes means over the pairs of codes of different examples, and over the pairs of different p. It is
    right on average, and may be negative.
    - "v" takes means over all pairs. It is never negative, and on average too large, by at most 2/B. With K = 1
    it is too large by (2 − E[k(z, z′)] − E[k(p, p′)])/B, since a point's distance from itself is 0.
    - "closed_form" takes E[k(z, z′)] as "u" does, and needs no draws: the Gaussian kernel has
    E[k(p, p′)] = (γ²/(γ² + 2))^(Z/2) and E[k(z, p)] = (γ²/(γ² + 1))^(Z/2) exp(−‖z‖² / 2(γ² + 1)).

    As a penalty of Reconstruction in an Autoencoder it makes a Wasserstein autoencoder (Tolstikhin, Bousquet,
    Gelly & Schölkopf 2018, section 3). As a penalty of an Elbo with beta = 1 − α, with weight α + λ − 1, it
    makes InfoVAE (Zhao, Song & Ermon 2019). A batch of one example has no pairs of two examples, and their
    mean counts as 0 in "u" and "closed_form": such a batch tells little. The penalty is one number for the
    batch. Gretton, Borgwardt, Rasch, Schölkopf & Smola 2012, section 2.
    """

    weight: float
    kernel: str = "inverse_multiquadratic"
    estimator: str = "u"
    scale: float = 1.0
    term: ClassVar[str] = "mmd"

    def __post_init__(self) -> None:
        require_at_least("Mmd", "weight", self.weight, 0)
        require_choice("Mmd", "kernel", self.kernel, KERNELS)
        require_choice("Mmd", "estimator", self.estimator, ("closed_form", "u", "v"))
        if self.estimator == "closed_form" and self.kernel != "gaussian":
            raise InputError(
                f'Mmd: estimator "closed_form" should come with kernel "gaussian", found {self.kernel!r}'
            )
        require_positive("Mmd", "scale", self.scale)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """As many draws from N(0, I) as there are examples, or None where none are needed."""
        if self.estimator == "closed_form":
            return None
        return gaussian.sample_standard((rows, model.posterior.latent_dim), rng)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        require_standard_prior("Mmd", model)
        z = one.z
        n, Z = z.shape
        width = z.dtype.type(self.scale * Z)  # γ²
        kernel = KERNELS[self.kernel]
        example = np.repeat(np.arange(len(one.log_px)), n // len(one.log_px))  # the example of each code
        counted = (example[:, None] != example) | (self.estimator == "v")
        apart = counted.astype(z.dtype)  # 1 for the pairs that count
        among, among_pullback = kernel(z, z, width)
        among_pairs = max(apart.sum(), 1)
        value = (apart * among).sum() / among_pairs
        if self.estimator == "closed_form":
            # E[k(z, p)]
            near = (width / (width + 1)) ** (Z / 2) * np.exp(-(z * z).sum(axis=1) / (2 * (width + 1)))
            value = value + (width / (width + 2)) ** (Z / 2) - 2 * near.mean()
        else:
            p = noise.astype(z.dtype, copy=False)
            m = len(p)
            of_prior, _ = kernel(p, p, width)
            pairs = 1 - np.eye(m, dtype=z.dtype) if self.estimator == "u" else np.ones((m, m), z.dtype)
            between, between_pullback = kernel(z, p, width)
            value = value + (pairs * of_prior).sum() / max(pairs.sum(), 1) - 2 * between.mean()

        def pullback(dpenalty: Array) -> dict[str, Array]:
            left, right = among_pullback(dpenalty * apart / among_pairs)
            dz = left + right  # z is both arguments of k(z, z′)
            if self.estimator == "closed_form":
                dz = dz + dpenalty * 2 / (n * (width + 1)) * near[:, None] * z  # −2/n ∂E[k(z, p)]/∂z
            else:
                dz = dz + between_pullback(np.full_like(between, -2 * dpenalty / between.size))[0]
            return {"dz": dz.astype(z.dtype, copy=False)}

        return np.asarray(value, z.dtype), pullback


def _gaussian_kernel(x: Array, y: Array, width: Any) -> tuple[Array, Pullback]:
    """exp(−‖x − y‖² / 2γ²) (n, m). pullback(dk) returns (dx, dy)."""
    squares, squares_pullback = _squared_distances(x, y)
    k = np.exp(-squares / (2 * width))
    return k, lambda dk: squares_pullback(-dk * k / (2 * width))  # d‖x − y‖² = −dk k / 2γ²


def _inverse_multiquadratic(x: Array, y: Array, width: Any) -> tuple[Array, Pullback]:
    """2γ² / (2γ² + ‖x − y‖²) (n, m). pullback(dk) returns (dx, dy)."""
    squares, squares_pullback = _squared_distances(x, y)
    k = 2 * width / (2 * width + squares)
    return k, lambda dk: squares_pullback(-dk * k * k / (2 * width))  # d‖x − y‖² = −dk k² / 2γ²


KERNELS: dict[str, Callable[[Array, Array, Any], tuple[Array, Pullback]]] = {
    "gaussian": _gaussian_kernel,
    "inverse_multiquadratic": _inverse_multiquadratic,
}


def _squared_distances(x: Array, y: Array) -> tuple[Array, Pullback]:
    """‖x_i − y_j‖² (n, m) of x (n, Z) and y (m, Z).

    They are computed from the differences, since squares less products would cancel.
    """
    apart = x[:, None] - y[None]

    def pullback(dsquares: Array) -> tuple[Array, Array]:
        by_pair = 2 * dsquares[:, :, None] * apart  # 2 d‖x_i − y_j‖² (x_i − y_j)
        return by_pair.sum(axis=1), -by_pair.sum(axis=0)

    return (apart * apart).sum(axis=2), pullback


@dataclass(frozen=True)
class SlicedWasserstein(Penalty):
    """The squared 2-Wasserstein distance of θ·z over the batch from θ·p, p ~ N(0, I), averaged over θ.

    There are L = `projections` directions, uniform on the sphere. Along one of them the best match of n codes
    and n draws pairs them in order of size: 1/n Σ_i (θ·z_(i) − θ·p_(i))². The gradient moves each code
    towards its match. The penalty is one number for the batch. Kolouri, Pope, Martin & Rohde 2019, section 3.
    """

    weight: float
    projections: int = 50
    term: ClassVar[str] = "sliced_wasserstein"

    def __post_init__(self) -> None:
        require_at_least("SlicedWasserstein", "weight", self.weight, 0)
        require_count("SlicedWasserstein", "projections", self.projections)

    def draw_noise(self, model: Any, rows: int, rng: np.random.Generator) -> Noise:
        """Draws from N(0, I), one for each example and then one for each direction, (B + L, Z)."""
        return gaussian.sample_standard((rows + self.projections, model.posterior.latent_dim), rng)

    def __call__(
        self, model: Any, batch: Batch, one: Pass, noise: Noise, *, mode: Mode
    ) -> tuple[Array, Pullback]:
        require_standard_prior("SlicedWasserstein", model)
        z = one.z
        drawn = noise.astype(z.dtype, copy=False)
        p, directions = drawn[: -self.projections], drawn[-self.projections :]
        if len(p) != len(z):
            found = f"{len(z) // len(p)} draws of each"
            raise InputError(
                f"SlicedWasserstein: the pass should have one draw of each example, found {found}"
            )
        directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        along_z, along_p = z @ directions.T, np.sort(p @ directions.T, axis=0)  # (n, L)
        order = np.argsort(along_z, axis=0, kind="stable")
        apart = np.take_along_axis(along_z, order, axis=0) - along_p

        def pullback(dpenalty: Array) -> dict[str, Array]:
            dalong = np.empty_like(along_z)
            # 2/nL (θ·z_(i) − θ·p_(i)), at z_(i)
            np.put_along_axis(dalong, order, 2 * dpenalty * apart / apart.size, axis=0)
            return {"dz": dalong @ directions}  # dz = Σ_l dalong_l θ_l

        return np.asarray((apart * apart).mean(), z.dtype), pullback


def require_standard_prior(where: str, model: Any) -> None:
    """Raise InputError for a model whose prior is not N(0, I)."""
    if not isinstance(model.prior, StandardGaussian):
        expected = "the prior should be a StandardGaussian, which the codes are compared with"
        raise InputError(f"{where}: {expected}; found a {type(model.prior).__name__}")
