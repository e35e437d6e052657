"""Marginals, conditionals, affine maps, sums and products of Gaussians; their oracles use precisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian_algebra
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import FACTOR, MEAN, OTHER, OTHER_FACTOR, B, D
from scratchvae.reference.cases.mathematics import inverse_and_log_det, mathematics, quadratic
from scratchvae.reference.cases.part import Inputs, Part, part_of

COVARIANCE, OTHER_COVARIANCE = (L @ L.transpose(0, 2, 1) + np.eye(D) for L in (FACTOR, OTHER_FACTOR))
LAW = {"mean": MEAN, "S": COVARIANCE}
TWO = {**LAW, "other_mean": OTHER["other_mean"], "other_S": OTHER_COVARIANCE}
CANCEL: dict[str, Any] = {"floor": 1.0, "why": "the terms of a sum cancel"}


def parts() -> list[Part]:
    """Return every function."""
    return [
        part_of(
            gaussian_algebra.marginal,
            LAW,
            {"kept": (3, 1)},
            oracle=lambda mean, S, *, kept: (mean[:, kept], S[:, kept][:, :, kept]),
            tried=tried_on("gaussian_algebra.marginal"),
            torch=lambda torch, mean, S, *, kept: (mean[:, kept], S[:, kept][:, :, kept]),
        ),
        part_of(
            gaussian_algebra.conditional,
            {**LAW, "x": normal(B, 2, seed=7)},
            {"observed": (2, 0)},
            oracle=conditional,
            tried=tried_on("gaussian_algebra.conditional"),
            torch=torch_conditional,
        ),
        part_of(
            gaussian_algebra.affine,
            {**LAW, "A": normal(2, D, seed=9), "b": normal(2, seed=10)},
            oracle=_affine,
            tried=tried_on("gaussian_algebra.affine"),
            torch=lambda torch, mean, S, A, b: (torch.nn.functional.linear(mean, A, b), A @ S @ A.mT),
        ),
        part_of(
            gaussian_algebra.sum_of_independent,
            TWO,
            oracle=lambda mean, S, *other: (mean + other[0], S + other[1]),
            tried=tried_on("gaussian_algebra.sum_of_independent"),
            torch=lambda torch, mean, S, *other: (mean + other[0], S + other[1]),
        ),
        part_of(
            gaussian_algebra.product,
            TWO,
            oracle=_product,
            tried=tried_on("gaussian_algebra.product"),
            torch=_torch_product,
        ),
    ]


def tried_on(name: str) -> list[Inputs]:
    """Return ordinary laws of three entries, entries in units from e⁻²⁰ to e²⁰, and a correlation of 0.9."""
    b, d = 2, 3
    deviations = np.exp(0.3 * normal(b, d, seed=6))
    ordinary = np.tril(0.5 * normal(b, d, d, seed=5), -1) + deviations[:, :, None] * np.eye(d)
    near = np.array([[1.0, 0.0, 0.0], [0.9, np.sqrt(1 - 0.9**2), 0.0], [0.3, -0.2, 0.7]])
    kinds: dict[str, tuple[Array, Array, dict[str, Any]]] = {
        "ordinary": (ordinary, np.ones(d), CANCEL),
        "units from e⁻²⁰ to e²⁰": (ordinary, np.exp([-20.0, 0.0, 20.0]), {}),
        "correlation of 0.9": (np.stack([near, near[::-1, ::-1].T]), np.ones(d), CANCEL),
    }
    found = []
    for kind, (factor, unit, limits) in kinds.items():
        L = factor * unit[:, None]
        law = {"mean": normal(b, d, seed=1) * unit, "S": L @ L.transpose(0, 2, 1)}
        two = {**law, "other_mean": normal(b, d, seed=2) * unit, "other_S": law["S"][::-1].copy()}
        first, both = normal(b, 1, seed=3) * unit[:1], normal(b, 2, seed=3) * unit[[2, 0]]
        arrays, constants = {
            "gaussian_full.conditional": ({"mean": law["mean"], "L": L, "x": first}, {}),
            "gaussian_algebra.marginal": (law, {"kept": [2, 0]}),
            "gaussian_algebra.conditional": ({**law, "x": both}, {"observed": [2, 0]}),
            "gaussian_algebra.affine": (
                {**law, "A": normal(2, d, seed=7) / unit, "b": normal(2, seed=8)},
                {},
            ),
            "gaussian_algebra.sum_of_independent": (two, {}),
            "gaussian_algebra.product": (two, {}),
        }[name]
        found.append(Inputs(kind, arrays, constants, digits=120, **limits))
    return found


# Oracles, of mpmath numbers


def covariance(L: Array) -> Array:
    """Compute T Tᵀ of the lower triangle T of each L (B, D, D)."""
    T = np.tril(L)
    return np.stack([t @ t.T for t in T])


def conditional(mean: Array, S: Array, x: Array, *, observed: Sequence[int]) -> tuple[Array, Array]:
    """Compute N(mean_r − Λ_rr⁻¹ Λ_ro (x − mean_o), Λ_rr⁻¹) by blocks of the precision Λ = S⁻¹."""
    o, r = list(observed), [i for i in range(mean.shape[1]) if i not in observed]
    precision, _ = inverse_and_log_det(_symmetric(S))
    S_given, _ = inverse_and_log_det(precision[:, r][:, :, r])
    return mean[:, r] - _times(S_given, _times(precision[:, r][:, :, o], x - mean[:, o])), S_given


def conditional_factor(mean: Array, L: Array, x: Array) -> tuple[Array, Array]:
    """Compute `conditional` of the covariance L Lᵀ, and the Cholesky factor of its covariance."""
    import mpmath

    mean_given, S_given = conditional(mean, covariance(L), x, observed=range(x.shape[1]))
    factors = [np.array(mpmath.cholesky(mpmath.matrix(one.tolist())).tolist(), object) for one in S_given]
    return mean_given, np.stack(factors)


def _product(mean: Array, S: Array, other_mean: Array, other_S: Array) -> tuple[Array, Array, Array]:
    """Compute C⁻¹ = S⁻¹ + T⁻¹, C⁻¹ m = S⁻¹ mean + T⁻¹ other_mean, and log c from the densities at 0."""
    m = mathematics()
    (P, log_S), (Q, log_T) = (inverse_and_log_det(_symmetric(one)) for one in (S, other_S))
    C, minus_log_C = inverse_and_log_det(P + Q)
    pull = _times(P, mean) + _times(Q, other_mean)
    squares = quadratic(mean, P) + quadratic(other_mean, Q) - quadratic(pull, C)
    log_dets = log_S + log_T + minus_log_C
    log_c = -(mean.shape[1] * m.log(2 * m.pi) + log_dets + squares) / 2
    return _times(C, pull), C, log_c


def _affine(mean: Array, S: Array, A: Array, b: Array) -> tuple[Array, Array]:
    """Compute E[A x + b] and Cov[A x + b], entry by entry: Σ_i A_ei mean_i + b_e, Σ_ij A_ei S_ij A_fj."""
    pairs = A[None, :, None, :, None] * S[:, None, None] * A[None, None, :, None, :]
    return (A * mean[:, None]).sum(axis=2) + b, pairs.sum(axis=(3, 4))


def _symmetric(S: Array) -> Array:
    return (S + S.transpose(0, 2, 1)) / 2


def _times(matrices: Array, vectors: Array) -> Array:
    return (matrices * vectors[:, None]).sum(axis=2)


# PyTorch's expressions


def torch_conditional(torch: Any, mean: Any, S: Any, x: Any, *, observed: Sequence[int]) -> Any:
    """Compute N(mean_r − Λ_rr⁻¹ Λ_ro (x − mean_o), Λ_rr⁻¹) by blocks of the precision Λ."""
    o = list(observed)
    r = [i for i in range(mean.shape[1]) if i not in o]
    precision = torch.linalg.inv((S + S.mT) / 2)
    S_given = torch.linalg.inv(precision[:, r][:, :, r])
    pull = precision[:, r][:, :, o] @ (x - mean[:, o])[:, :, None]
    return mean[:, r] - (S_given @ pull)[:, :, 0], S_given


def _torch_product(torch: Any, mean: Any, S: Any, other_mean: Any, other_S: Any) -> Any:
    """Compute the product by precisions, and the constant from the three densities at 0."""
    S, T = (S + S.mT) / 2, (other_S + other_S.mT) / 2
    C = torch.linalg.inv(torch.linalg.inv(S) + torch.linalg.inv(T))
    pulls = torch.linalg.solve(S, mean[:, :, None]) + torch.linalg.solve(T, other_mean[:, :, None])
    m = (C @ pulls)[:, :, 0]
    one, other, both = (
        torch.distributions.MultivariateNormal(c, V, validate_args=False).log_prob(torch.zeros_like(c))
        for c, V in ((mean, S), (other_mean, T), (m, (C + C.mT) / 2))
    )
    return m, C, one + other - both
