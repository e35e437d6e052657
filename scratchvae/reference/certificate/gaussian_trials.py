"""The operations on Gaussians again in mpmath, by precisions, and what the certificate tries them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian_algebra, gaussian_full
from scratchvae.reference.certificate.certify import Trial
from scratchvae.reference.certificate.oracles import covariance, inverse_and_log_det, mathematics, quadratic


def _symmetric(S: Array) -> Array:
    return (S + S.transpose(0, 2, 1)) / 2


def _times(matrices: Array, vectors: Array) -> Array:
    return (matrices * vectors[:, None]).sum(axis=2)


def conditional(mean: Array, S: Array, x: Array, *, observed: Sequence[int]) -> tuple[Array, Array]:
    """By blocks of the precision Λ = S⁻¹: N(mean_r − Λ_rr⁻¹ Λ_ro (x − mean_o), Λ_rr⁻¹)."""
    o, r = list(observed), [i for i in range(mean.shape[1]) if i not in observed]
    precision, _ = inverse_and_log_det(_symmetric(S))
    S_given, _ = inverse_and_log_det(precision[:, r][:, :, r])
    return mean[:, r] - _times(S_given, _times(precision[:, r][:, :, o], x - mean[:, o])), S_given


def conditional_factor(mean: Array, L: Array, x: Array) -> tuple[Array, Array]:
    """`conditional` of the covariance L Lᵀ, and the Cholesky factor of the covariance that it gives."""
    import mpmath

    mean_given, S_given = conditional(mean, covariance(L), x, observed=range(x.shape[1]))
    factors = [np.array(mpmath.cholesky(mpmath.matrix(one.tolist())).tolist(), object) for one in S_given]
    return mean_given, np.stack(factors)


def product(mean: Array, S: Array, other_mean: Array, other_S: Array) -> tuple[Array, Array, Array]:
    """C⁻¹ = S⁻¹ + T⁻¹, C⁻¹ m = S⁻¹ mean + T⁻¹ other_mean, and log c from the three densities at 0."""
    m = mathematics()
    (P, log_S), (Q, log_T) = (inverse_and_log_det(_symmetric(one)) for one in (S, other_S))
    C, minus_log_C = inverse_and_log_det(P + Q)
    pull = _times(P, mean) + _times(Q, other_mean)
    squares = quadratic(mean, P) + quadratic(other_mean, Q) - quadratic(pull, C)
    log_dets = log_S + log_T + minus_log_C
    log_c = -(mean.shape[1] * m.log(2 * m.pi) + log_dets + squares) / 2
    return _times(C, pull), C, log_c


def affine(mean: Array, S: Array, A: Array, b: Array) -> tuple[Array, Array]:
    """E[A x + b] and Cov[A x + b], entry by entry: Σ_i A_ei mean_i + b_e, Σ_ij A_ei S_ij A_fj."""
    pairs = A[None, :, None, :, None] * S[:, None, None] * A[None, None, :, None, :]
    return (A * mean[:, None]).sum(axis=2) + b, pairs.sum(axis=(3, 4))


ORACLES: dict[str, Callable[..., Any]] = {
    "gaussian_full.conditional": conditional_factor,
    "gaussian_algebra.marginal": lambda mean, S, *, kept: (mean[:, kept], S[:, kept][:, :, kept]),
    "gaussian_algebra.conditional": conditional,
    "gaussian_algebra.affine": affine,
    "gaussian_algebra.sum_of_independent": lambda mean, S, *other: (mean + other[0], S + other[1]),
    "gaussian_algebra.product": product,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "gaussian_full.conditional": gaussian_full.conditional,
    "gaussian_algebra.marginal": gaussian_algebra.marginal,
    "gaussian_algebra.conditional": gaussian_algebra.conditional,
    "gaussian_algebra.affine": gaussian_algebra.affine,
    "gaussian_algebra.sum_of_independent": gaussian_algebra.sum_of_independent,
    "gaussian_algebra.product": gaussian_algebra.product,
}
B, D = 2, 3
CANCEL = "the terms of a sum cancel"


def _normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def all_trials() -> list[Trial]:
    """Each operation on ordinary laws, on entries in units from e⁻²⁰ to e²⁰, and at a correlation of 0.9."""
    deviations = np.exp(0.3 * _normal(B, D, seed=6))
    L = np.tril(0.5 * _normal(B, D, D, seed=5), -1) + deviations[:, :, None] * np.eye(D)
    near = np.array([[1.0, 0.0, 0.0], [0.9, np.sqrt(1 - 0.9**2), 0.0], [0.3, -0.2, 0.7]])
    cancel = {"floor": 1.0, "why": CANCEL}
    kinds: dict[str, tuple[Array, Array, dict[str, Any]]] = {
        "ordinary": (L, np.ones(D), cancel),
        "units from e⁻²⁰ to e²⁰": (L, np.exp([-20.0, 0.0, 20.0]), {}),
        "correlation of 0.9": (np.stack([near, near[::-1, ::-1].T]), np.ones(D), cancel),
    }
    return [trial for kind, given in kinds.items() for trial in _trials(kind, *given)]


def _trials(kind: str, factor: Array, unit: Array, limits: Mapping[str, Any]) -> list[Trial]:
    L = factor * unit[:, None]
    law = {"mean": _normal(B, D, seed=1) * unit, "S": L @ L.transpose(0, 2, 1)}
    two = {**law, "other_mean": _normal(B, D, seed=2) * unit, "other_S": law["S"][::-1].copy()}
    first, both = _normal(B, 1, seed=3) * unit[:1], _normal(B, 2, seed=3) * unit[[2, 0]]
    inputs: dict[str, tuple[dict[str, Array], dict[str, Any]]] = {
        "gaussian_full.conditional": ({"mean": law["mean"], "L": L, "x": first}, {}),
        "gaussian_algebra.marginal": (law, {"kept": [2, 0]}),
        "gaussian_algebra.conditional": ({**law, "x": both}, {"observed": [2, 0]}),
        "gaussian_algebra.affine": ({**law, "A": _normal(2, D, seed=7) / unit, "b": _normal(2, seed=8)}, {}),
        "gaussian_algebra.sum_of_independent": (two, {}),
        "gaussian_algebra.product": (two, {}),
    }
    return [
        Trial(f"{name}: {kind}", FUNCTIONS[name], ORACLES[name], arrays, constants, digits=120, **limits)
        for name, (arrays, constants) in inputs.items()
    ]
