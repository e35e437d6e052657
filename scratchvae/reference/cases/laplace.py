"""The Laplace law and its likelihoods."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import laplace
from scratchvae.likelihoods import Laplace
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import (
    CANCEL,
    GRID,
    LOG_VAR,
    LOG_VARS,
    MEAN,
    NOISE,
    SAMPLED_LOG_SCALE,
    SAMPLED_MEAN,
    B,
    D,
    column,
    likelihood_sampler,
    real_data,
    torch_likelihood,
)
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

OTHERS = {"other_mean": normal(B, D, seed=3), "other_log_scale": normal(B, D, seed=4)}


def parts() -> list[Part]:
    """Return every function of the law, and every choice of the role."""
    tried: dict[str, list[Inputs]] = {"log_prob": [], "entropy": [], "reparameterize": []}
    for kind, log_var in LOG_VARS.items():
        law = {"mean": MEAN, "log_scale": log_var / 2}
        tried["log_prob"].append(Inputs(kind, {"x": MEAN + 0.5, **law}, floor=1.0, why=CANCEL))
        tried["entropy"].append(
            Inputs(kind, {"log_scale": log_var}, floor=1.0, why="log s of both signs cancel")
        )
        tried["reparameterize"].append(Inputs(kind, law, {"noise": NOISE}))
    return [
        part_of(
            laplace.log_prob,
            {"x": normal(B, D), "mean": MEAN, "log_scale": LOG_VAR},
            oracle=_log_prob,
            tried=tried["log_prob"],
            torch=lambda torch, x, mean, log_scale: _law(torch, mean, log_scale).log_prob(x).sum(1),
        ),
        part_of(
            laplace.entropy,
            {"log_scale": LOG_VAR},
            oracle=lambda log_scale: (1 + mathematics().log(mathematics().mpf(2)) + log_scale).sum(axis=1),
            tried=tried["entropy"],
            torch=lambda torch, log_scale: (
                _law(torch, torch.zeros_like(log_scale), log_scale).entropy().sum(1)
            ),
        ),
        part_of(
            laplace.reparameterize,
            {"mean": MEAN, "log_scale": LOG_VAR},
            {"noise": NOISE},
            sampling=SamplingCase(
                "laplace.reparameterize",
                lambda n, rng: laplace.reparameterize(*_sampled(n), noise=rng.laplace(size=(n, 1)))[0][:, 0],
                lambda t: laplace.log_prob(t[:, None], *_sampled(len(t)))[0],
                GRID,
            ),
            oracle=lambda mean, log_scale, noise: mean + mathematics().exp(log_scale) * noise,
            tried=tried["reparameterize"],
            torch=lambda torch, mean, log_scale, *, noise: torch.distributions.AffineTransform(
                mean, torch.exp(log_scale)
            )(noise),
        ),
        part_of(
            laplace.kl,
            {"mean": MEAN, "log_scale": LOG_VAR, **OTHERS},
            oracle=_kl,
            tried=[
                Inputs("ordinary", {"mean": MEAN, "log_scale": LOG_VAR, **OTHERS}, floor=1.0, why=CANCEL),
                *_far("log_scale"),
            ],
            torch=lambda torch, mean, log_scale, other_mean, other_log_scale: (
                torch.distributions.kl_divergence(
                    _law(torch, mean, log_scale), _law(torch, other_mean, other_log_scale)
                ).sum(1)
            ),
        ),
        part_of(
            laplace.kl_from_gaussian,
            {"mean": MEAN, "log_var": LOG_VAR, **OTHERS},
            oracle=_kl_from_gaussian,
            tried=[
                Inputs("ordinary", {"mean": MEAN, "log_var": LOG_VAR, **OTHERS}, floor=1.0, why=CANCEL),
                *_far("log_var"),
            ],
            torch=_torch_kl_from_gaussian,
        ),
        Part(
            "laplace",
            Laplace,
            [objective_case("Elbo: Laplace", Elbo(), vae(Laplace(0.3)), X, noise=LATENT_NOISE)],
            sampling=likelihood_sampler(Laplace(scale=3.5), [SAMPLED_MEAN], GRID),
            columns=lambda n, rng: Laplace().sample(np.zeros((n, 3)), rng),
            example=lambda D: (Laplace(0.5, learned=True), real_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: torch.distributions.Laplace(x_params, 1.0).log_prob(x).sum(1)
            ),
        ),
        Part(
            "laplace(learned=True)",
            Laplace,
            [
                objective_case(
                    "Elbo: Laplace, learned", Elbo(), vae(Laplace(0.3, learned=True)), X, noise=LATENT_NOISE
                )
            ],
            torch=torch_likelihood(
                lambda torch, role, x_params, x: _law(torch, x_params, role.log_scale).log_prob(x).sum(1),
                log_scale=lambda D: [0.0],
            ),
        ),
    ]


def _far(scale: str) -> list[Inputs]:
    """Return means that are equal, on both sides of each other, and hundreds of deviations apart.

    The scales go from e⁻²⁰ to e²⁰.
    """
    mean = np.array([[0.3, 0.3, 500.0], [-500.0, 0.3 + 1e-9, -2.0]])
    others = {
        "other_mean": np.full((2, 3), 0.3),
        "other_log_scale": np.array([[0.7, -3.0, 2.0], [20.0, 0.1, -20.0]]),
    }
    log_scale = np.array([[-20.0, 20.0, 0.4], [-1.0, 0.2, 3.0]])
    of_largest = "what a mean and a scale pull cancels, beside a KL of e²³"
    return [Inputs("far", {"mean": mean, scale: log_scale, **others}, floor=1e10, why=of_largest, digits=400)]


def _kl(mean: Array, log_scale: Array, other_mean: Array, other_log_scale: Array) -> Array:
    m, apart = mathematics(), abs(mean - other_mean)
    b, c = m.exp(log_scale), m.exp(other_log_scale)
    return (other_log_scale - log_scale + (b * m.exp(-apart / b) + apart) / c - 1).sum(axis=1)


def _kl_from_gaussian(mean: Array, log_var: Array, other_mean: Array, other_log_scale: Array) -> Array:
    m, apart, pi = mathematics(), mean - other_mean, mathematics().mpf(mathematics().pi)
    u = apart / m.exp(log_var / 2)
    distance = m.exp(log_var / 2) * m.sqrt(2 / pi) * m.exp(-(u**2) / 2) + apart * (
        1 - m.erfc(u / m.sqrt(m.mpf(2)))
    )
    entropy = (m.log(2 * pi) + log_var + 1) / 2
    return (m.log(m.mpf(2)) + other_log_scale + distance / m.exp(other_log_scale) - entropy).sum(axis=1)


def _torch_kl_from_gaussian(
    torch: Any, mean: Any, log_var: Any, other_mean: Any, other_log_scale: Any
) -> Any:
    """Compute the KL from PyTorch's entropy and E|x − other_mean| of a folded normal law.

    PyTorch itself has no such pair of laws.
    """
    law = torch.distributions.Normal(mean, torch.exp(log_var / 2))
    apart, sigma = mean - other_mean, law.stddev
    folded = sigma * (2 / torch.pi) ** 0.5 * torch.exp(-(apart**2) / (2 * sigma**2)) + apart * torch.erf(
        apart / (sigma * 2**0.5)
    )
    cross = torch.log(torch.tensor(2.0)) + other_log_scale + folded / torch.exp(other_log_scale)
    return (cross - law.entropy()).sum(1)


def _log_prob(x: Array, mean: Array, log_scale: Array) -> Array:
    m = mathematics()
    return -(m.log(m.mpf(2)) + log_scale + abs(x - mean) / m.exp(log_scale)).sum(axis=1)


def _law(torch: Any, mean: Any, log_scale: Any) -> Any:
    return torch.distributions.Laplace(mean, torch.exp(log_scale))


def _sampled(n: int) -> tuple[Array, Array]:
    return column(n, SAMPLED_MEAN), column(n, SAMPLED_LOG_SCALE)
