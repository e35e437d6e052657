"""The von Mises-Fisher law and the uniform law on the sphere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import uniform_sphere, von_mises_fisher
from scratchvae.reference.cases import sphere_oracles, torch_sphere
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import B, D
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of


def units(n: int, size: int, *, seed: int = 0) -> Array:
    """Return points of the unit sphere (n, size)."""
    x = normal(n, size, seed=seed)
    return x / np.sqrt((x * x).sum(axis=1, keepdims=True))


def uniforms(n: int, *, seed: int = 0) -> Array:
    """Return numbers between 0.05 and 0.95 (n,)."""
    return np.random.default_rng([seed, n]).uniform(0.05, 0.95, n)


LOG_KAPPA = np.array([-0.8, 1.3, 2.9])
LAW = {"mean": units(B, D, seed=1), "log_concentration": LOG_KAPPA}
KAPPAS = {
    "κ up to 2": [-13.8, -3.0, 0.4],
    "κ from 7 to 1000": [1.9, 4.0, 7.0],
    "κ up to 10⁶": [9.0, 12.0, 13.8],
}
SPHERE, POINTS = (
    5,
    np.linspace(-1, 1, 4001),
)  # the cosine's density at D = 5 is (1 − t²) e^(κt), without an edge
SAMPLED_MEAN, SAMPLED_LOG_KAPPA = units(1, SPHERE, seed=4), 0.9


def parts() -> list[Part]:
    """Return every function of both laws."""
    drawn = np.abs(normal(2 * B, seed=6)) % 1.9
    return [
        part_of(
            uniform_sphere.log_prob,
            {"x": units(B, D, seed=2)},
            oracle=lambda x: sphere_oracles.log_uniform(x.shape[1]) + 0 * x[:, 0],
            tried=[Inputs(f"D = {dim}", {"x": units(2, dim)}) for dim in (2, 3, 50)],
            torch=lambda torch, x: -torch_sphere.log_area(x.shape[1]) + 0 * x[:, 0],
        ),
        part_of(
            uniform_sphere.sample,
            sampling=SamplingCase("uniform_sphere.sample", _uniform_cosine, uniform_law, POINTS),
        ),
        part_of(
            von_mises_fisher.log_prob,
            {"x": units(B, D, seed=2), **LAW},
            oracle=sphere_oracles.log_prob,
            tried=[
                Inputs(kind, {"x": x, **law}, floor=1.0, why="parts cancel", digits=120)
                for kind, x, law in _laws()
            ],
            torch=torch_sphere.log_prob,
        ),
        part_of(
            von_mises_fisher.expectation,
            LAW,
            oracle=lambda mean, log_concentration: (
                sphere_oracles.cosine(log_concentration, mean.shape[1])[:, None] * mean
            ),
            tried=[
                Inputs(kind, law, floor=1e-13, why="components of μ near 0", digits=120)
                for kind, _, law in _laws()
            ],
            torch=torch_sphere.expectation,
        ),
        part_of(
            von_mises_fisher.kl_to_uniform,
            {"log_concentration": LOG_KAPPA},
            {"dim": D},
            oracle=lambda log_concentration, dim: sphere_oracles.kl(log_concentration, dim),
            tried=_concentrations(),
            torch=torch_sphere.kl_to_uniform,
        ),
        part_of(
            von_mises_fisher.entropy,
            {"log_concentration": LOG_KAPPA},
            {"dim": D},
            oracle=lambda log_concentration, dim: (
                -sphere_oracles.log_uniform(dim) - sphere_oracles.kl(log_concentration, dim)
            ),
            tried=_concentrations(floor=1.0, why="the sphere's area and the KL cancel"),
            torch=lambda torch, lk, *, dim: (
                torch_sphere.log_area(dim) - torch_sphere.kl_to_uniform(torch, lk, dim=dim)
            ),
        ),
        part_of(
            von_mises_fisher.versine,
            {"log_concentration": LOG_KAPPA},
            {"uniform": uniforms(2 * B, seed=5), "dim": D, "draws": 2},
            more={
                f"dim = {dim}": (
                    {"log_concentration": LOG_KAPPA},
                    {"uniform": uniforms(B, seed=dim), "dim": dim},
                )
                for dim in (2, 3, 9)
            },
            oracle=sphere_oracles.versine,
            tried=_quantiles(),
            torch=torch_sphere.versine,
        ),
        part_of(
            von_mises_fisher.reparameterize,
            {"mean": units(B, D, seed=1), "versine": drawn},
            {"tangent": units(2 * B, D - 1, seed=7), "draws": 2},
            sampling=SamplingCase("von_mises_fisher.reparameterize", _drawn_cosine, drawn_law, POINTS),
            oracle=sphere_oracles.reparameterize,
            tried=[
                Inputs(
                    kind,
                    {"mean": mean, "versine": v},
                    {"tangent": units(2, 3)},
                    floor=1e-3,
                    why="parts of a turn cancel",
                )
                for kind, mean, v in (
                    ("ordinary", units(2, 4), np.array([0.3, 1.7])),
                    (
                        "near the first axis and its opposite",
                        np.array([[1, 1e-9, 0, 0], [-1, 0, 1e-9, 0]]),
                        np.array([1e-7, 1.0]),
                    ),
                )
            ],
            torch=torch_sphere.reparameterize,
        ),
        part_of(
            von_mises_fisher.log_prob_of_draw,
            {"log_concentration": LOG_KAPPA, "versine": drawn},
            {"dim": D, "draws": 2},
            oracle=lambda log_concentration, versine, dim, draws=1: (
                np.repeat(sphere_oracles.log_peak(log_concentration, dim), draws)
                - np.repeat(mathematics().exp(log_concentration), draws) * versine
            ),
            tried=_draws(),
            torch=torch_sphere.log_prob_of_draw,
        ),
    ]


def _laws() -> list[tuple[str, Array, dict[str, Array]]]:
    """Return x and laws with κ from 10⁻⁶ to 10⁶; x lies about where draws are."""
    found = []
    for dim in (2, 5):
        for kind, log_kappa in KAPPAS.items():
            mean = units(3, dim, seed=3)
            x = mean + np.exp(-0.5 * np.array(log_kappa))[:, None] * normal(3, dim, seed=4)
            x = x / np.sqrt((x * x).sum(axis=1, keepdims=True))
            found.append((f"D = {dim}, {kind}", x, {"mean": mean, "log_concentration": np.array(log_kappa)}))
    return found


def _draws() -> list[Inputs]:
    """Return log κ with a v of the size that draws have."""
    found = []
    for dim in (2, 5, 600):
        for kind, log_kappa in KAPPAS.items():
            kappa, share = np.exp(log_kappa), np.array([0.6, 1.2, 2.5])
            v = share * np.minimum(0.5, 0.5 * (dim - 1) / kappa)
            law = {"log_concentration": np.array(log_kappa), "versine": v}
            found.append(
                Inputs(
                    f"D = {dim}, {kind}",
                    law,
                    {"dim": dim},
                    floor=float(dim),
                    why="κ v and the rest cancel",
                    digits=120,
                )
            )
    return found


def _concentrations(**more: Any) -> list[Inputs]:
    """Return κ from 10⁻⁶ to 10⁶, and on both sides of κ² = 4 D, where an integral replaces the series."""
    found = []
    for dim in (2, 3, 10, 600):
        branch = 0.5 * math.log(4 * dim)
        log_kappa = np.array([-13.8, -5.0, 0.0, branch - 0.01, branch + 0.01, 5.0, 9.0, 13.8])
        found.append(Inputs(f"D = {dim}", {"log_concentration": log_kappa}, {"dim": dim}, digits=120, **more))
    return found


def _quantiles() -> list[Inputs]:
    """Return inputs at D = 3 and D = 5, whose distribution functions are elementary, with extreme draws."""
    log_kappa, u = np.array([-13.8, -2.0, 0.7, 4.0, 9.0, 13.8]), np.array([0.3, 0.9, 0.02, 0.98, 0.5, 0.1])
    kinds = {"D = 3": (log_kappa, 3), "D = 5": (np.array([-2.0, 0.7, 4.0, 9.0]), 5)}
    return [
        Inputs(kind, {"log_concentration": k}, {"uniform": u[: len(k)], "dim": dim})
        for kind, (k, dim) in kinds.items()
    ]


def _uniform_cosine(n: int, rng: np.random.Generator) -> Array:
    return uniform_sphere.sample(noise=rng.standard_normal((n, SPHERE)))[:, 1]


def _cosine_law(log_at_cosine: Array, cosine: Array) -> Array:
    """Compute log p of the cosine itself.

    It is the density on the sphere times the area of the circle of points that have this cosine.
    """
    with np.errstate(divide="ignore"):
        return log_at_cosine + torch_sphere.log_area(SPHERE - 1) + 0.5 * (SPHERE - 3) * np.log1p(-(cosine**2))


def uniform_law(cosine: Array) -> Array:
    """Compute log p of a coordinate under the uniform law."""
    return _cosine_law(uniform_sphere.log_prob(units(len(cosine), SPHERE))[0], cosine)


def drawn_law(cosine: Array) -> Array:
    """Compute log p of the cosine under the law of the draws."""
    along, other = np.eye(2, SPHERE)
    x = cosine[:, None] * along + np.sqrt(1 - cosine[:, None] ** 2) * other
    law = np.tile(along, (len(cosine), 1)), np.full(len(cosine), SAMPLED_LOG_KAPPA)
    return _cosine_law(von_mises_fisher.log_prob(x, *law)[0], cosine)


def _drawn_cosine(n: int, rng: np.random.Generator) -> Array:
    mean, tangent = (
        np.tile(SAMPLED_MEAN, (n, 1)),
        uniform_sphere.sample(noise=rng.standard_normal((n, SPHERE - 1))),
    )
    v, _ = von_mises_fisher.versine(
        np.full(n, SAMPLED_LOG_KAPPA), uniform=rng.random(n) + 2.0**-54, dim=SPHERE
    )
    return (von_mises_fisher.reparameterize(mean, v, tangent=tangent)[0] @ SAMPLED_MEAN.T)[:, 0]
