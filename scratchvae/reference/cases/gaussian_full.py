"""The Gaussian law of any covariance, and its posterior."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.posteriors import FullGaussian
from scratchvae.reference.cases import gaussian_algebra
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.gaussian import torch_cross_entropy
from scratchvae.reference.cases.gaussian_full_oracles import (
    entropy,
    expected,
    kl,
    log_prob,
    to_standard,
    to_standard_by_dimension,
    torch_by_dimension,
    torch_conditional,
    torch_draw,
    torch_law,
    torch_to_standard,
)
from scratchvae.reference.cases.inputs import (
    CANCEL,
    FACTOR,
    GRID,
    MEAN,
    NOISE,
    OTHER,
    OTHER_FACTOR,
    B,
    D,
    column,
)
from scratchvae.reference.cases.mathematics import quadratic
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, Z, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

LAW = {"mean": MEAN, "L": FACTOR}
TWO = {**LAW, "other_mean": OTHER["other_mean"], "other_L": OTHER_FACTOR}
SAMPLED_FACTOR = np.array([[1.5, 0.0], [-2.0, 0.5]])  # the second variance is 2² + 0.5²


def _factors(deviations: Array) -> Array:
    """Return two lower triangular matrices 3 × 3, with rows in units of `deviations`."""
    L = np.tril(normal(2, 3, 3, seed=5), -1) + np.exp(normal(2, 3, seed=6))[:, :, None] * np.eye(3)
    return deviations[:, None] * L


FACTORS = {
    "ordinary": _factors(np.ones(3)),
    "deviations from e⁻²⁰ to e²⁰": _factors(np.exp([-20.0, 0.0, 20.0])),
    "nearly dependent": np.tile([[1.0, 0, 0], [2.0, 1e-3, 0], [-1.0, 0.5, 1e-2]], (2, 1, 1)),
}


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    names = ("log_prob", "reparameterize", "log_prob_of_draw", "entropy", "one", "two")
    tried: dict[str, list[Inputs]] = {name: [] for name in names}
    for kind, L in FACTORS.items():
        one, other = (
            {"mean": normal(2, 3), "L": L},
            {"other_mean": normal(2, 3, seed=1), "other_L": L[::-1].copy()},
        )
        noise = {"noise": normal(2, 3, seed=3)}
        given: dict[str, tuple[Any, Any]] = {
            "log_prob": ({"x": normal(2, 3, seed=2), **one}, {}),
            "reparameterize": (one, noise),
            "log_prob_of_draw": ({"L": L}, noise),
            "entropy": ({"L": L}, {}),
            "one": (one, {}),
            "two": ({**one, **other}, {}),
        }
        for name, inputs in given.items():
            tried[name].append(Inputs(kind, *inputs, floor=1.0, why=CANCEL, digits=120))
    form = {"mean": normal(2, 3), "S": normal(2, 3, 3), "A": normal(3, 3)}
    return [
        part_of(
            gaussian_full.log_prob,
            {"x": normal(B, D), **LAW},
            oracle=log_prob,
            tried=tried["log_prob"],
            torch=lambda torch, x, mean, L: torch_law(torch, mean, L).log_prob(x),
        ),
        part_of(
            gaussian_full.reparameterize,
            LAW,
            {"noise": NOISE},
            sampling=SamplingCase(
                "gaussian_full.reparameterize", _second_of_two, _second_of_two_log_prob, GRID
            ),
            oracle=_draw,
            tried=tried["reparameterize"],
            torch=lambda torch, mean, L, *, noise: torch_draw(torch, mean, L, noise),
        ),
        part_of(
            gaussian_full.log_prob_of_draw,
            {"L": FACTOR},
            {"noise": NOISE},
            oracle=lambda L, noise: log_prob(_draw(0 * noise, L, noise), 0 * noise, L),
            tried=tried["log_prob_of_draw"],
            torch=lambda torch, L, *, noise: torch_law(torch, 0 * noise, L).log_prob(
                torch_draw(torch, 0, L, noise)
            ),
        ),
        part_of(
            gaussian_full.conditional,
            {**LAW, "x": normal(B, 2, seed=7)},
            oracle=gaussian_algebra.conditional_factor,
            tried=gaussian_algebra.tried_on("gaussian_full.conditional"),
            torch=torch_conditional,
        ),
        part_of(
            gaussian_full.entropy,
            {"L": FACTOR},
            oracle=entropy,
            tried=tried["entropy"],
            torch=lambda torch, L: torch_law(torch, torch.zeros_like(L[:, 0]), L).entropy(),
        ),
        part_of(
            gaussian_full.kl,
            TWO,
            oracle=kl,
            tried=tried["two"],
            torch=lambda torch, mean, L, *other: torch.distributions.kl_divergence(
                torch_law(torch, mean, L), torch_law(torch, *other)
            ),
        ),
        part_of(
            gaussian_full.kl_to_standard,
            LAW,
            oracle=to_standard,
            tried=tried["one"],
            torch=torch_to_standard,
        ),
        part_of(
            gaussian_full.kl_to_standard_by_dimension,
            LAW,
            oracle=to_standard_by_dimension,
            tried=tried["one"],
            torch=torch_by_dimension,
        ),
        part_of(
            gaussian_full.expected_log_prob,
            TWO,
            oracle=expected,
            tried=tried["two"],
            torch=lambda torch, mean, L, *other: (
                -torch_cross_entropy(torch, torch_law(torch, mean, L), torch_law(torch, *other))
            ),
        ),
        part_of(
            gaussian_full.expected_quadratic_form,
            {"mean": MEAN, "S": normal(B, D, D, seed=7), "A": normal(D, D, seed=8)},
            oracle=lambda mean, S, A: (
                (A * S.transpose(0, 2, 1)).sum(axis=(1, 2)) + quadratic(mean, np.broadcast_to(A, S.shape))
            ),
            tried=[Inputs("ordinary", form, floor=1.0, why="the sum's terms cancel")],
            torch=lambda torch, mean, S, A: torch.einsum(
                "bij,ji->b", S + mean[:, :, None] * mean[:, None], A
            ),
        ),
        Part(
            "full_gaussian",
            FullGaussian,
            _objectives(),
            sampling=SamplingCase("FullGaussian.sample", _second_latent, _second_of_two_log_prob, GRID),
            columns=lambda n, rng: FullGaussian(3).draw_noise(n, rng),
        ),
    ]


def _objectives() -> list[Case]:
    return [
        objective_case(name, objective, vae(posterior=FullGaussian(Z)), X, noise=noise)
        for name, objective, noise in (
            ("Elbo: FullGaussian", Elbo(), LATENT_NOISE),
            ("Elbo: FullGaussian, free bits", Elbo(free_bits=0.05), LATENT_NOISE),
            ("SampledElbo: FullGaussian", SampledElbo(), LATENT_NOISE),
            ("Iwae: FullGaussian", Iwae(K), LATENT_NOISES),
        )
    ]


# Oracles, of mpmath numbers


def _draw(mean: Array, L: Array, noise: Array) -> Array:
    return mean + (np.tril(L) * noise[:, None, :]).sum(axis=2)


# PyTorch's expressions


# Samplers


def _second_of_two(n: int, rng: np.random.Generator) -> Array:
    """Draw the second entry of N([0, 0.7], L Lᵀ)."""
    mean, L = np.tile([0.0, 0.7], (n, 1)), np.broadcast_to(SAMPLED_FACTOR, (n, 2, 2))
    z, _ = gaussian_full.reparameterize(mean, L, noise=rng.standard_normal((n, 2)))
    return z[:, 1]


def _second_latent(n: int, rng: np.random.Generator) -> Array:
    """Draw the second latent by the role."""
    posterior, L = FullGaussian(2), SAMPLED_FACTOR
    q_params = np.tile([0.0, 0.7, np.log(L[0, 0]), np.log(L[1, 1]), L[1, 0]], (n, 1))
    z, _ = posterior.sample(q_params, noise=posterior.draw_noise(n, rng).astype(np.float64))
    return z[:, 1]


def _second_of_two_log_prob(t: Array) -> Array:
    log_var = np.log(SAMPLED_FACTOR[1] @ SAMPLED_FACTOR[1])
    log_p, _ = gaussian.log_prob(t[:, None], column(len(t), 0.7), column(len(t), log_var))
    return log_p
