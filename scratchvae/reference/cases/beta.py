"""The beta law and the likelihood of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import beta
from scratchvae.likelihoods import Beta
from scratchvae.objectives import Elbo, Iwae
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.continuous_bernoulli import UNIT
from scratchvae.reference.cases.inputs import B, D, column, likelihood_sampler, torch_likelihood, unit_data
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

SAMPLED = (0.9, 1.6)  # log a and log b


def parts() -> list[Part]:
    """Return the functions of the law, and the role."""
    law = {"log_a": normal(B, D), "log_b": normal(B, D, seed=1)}
    large = {"log_a": 4 + normal(B, D), "log_b": 4.5 + normal(B, D, seed=1)}
    return [
        part_of(
            beta.log_prob,
            {"x": 0.1 + 0.8 * X, **law},
            more={"concentrated": ({"x": 0.3 + 0.3 * X, **large}, {})},
            oracle=_log_prob,
            tried=_tried(),
            torch=lambda torch, x, log_a, log_b: (
                torch.distributions.Beta(torch.exp(log_a), torch.exp(log_b)).log_prob(x).sum(1)
            ),
        ),
        part_of(
            beta.sample,
            sampling=SamplingCase(
                "beta.sample",
                lambda n, rng: beta.sample(
                    *(column(n, value) for value in SAMPLED), uniform=rng.random((n, 1))
                )[:, 0],
                lambda t: beta.log_prob(t[:, None], *(column(len(t), value) for value in SAMPLED))[0],
                UNIT,
            ),
        ),
        Part(
            "beta",
            Beta,
            [
                objective_case("Elbo: Beta", Elbo(), vae(Beta(3.0)), X, noise=LATENT_NOISE),
                objective_case(
                    "Iwae: Beta, decoder's", Iwae(K), vae(_role("decoder")), X, noise=LATENT_NOISES
                ),
                objective_case("Elbo: Beta, constant", Elbo(), vae(_role("constant")), X, noise=LATENT_NOISE),
            ],
            sampling=likelihood_sampler(Beta(9.0, concentration_from="decoder"), [0.8, 0.3], UNIT),
            columns=lambda n, rng: Beta().sample(np.zeros((n, 3)), rng),
            example=lambda D: (_role("decoder"), unit_data(D)),
            torch=torch_likelihood(_torch_role, log_concentration=lambda D: [float(np.log(10))]),
        ),
    ]


def _role(concentration_from: Any) -> Beta:
    return Beta(3.0, concentration_from=concentration_from)


def _tried() -> list[Inputs]:
    """Try a and b from 10⁻³ to 10⁶, at the mean, near the ends, and far from the mean.

    An event is one entry.
    """
    found = []
    for size, some, others in (
        ("few", [1e-3, 0.4, 7.0, 300.0], [2e-3, 1.0, 20.0]),
        ("many", [7.0, 1e6], [2e3, 5e5]),
    ):
        a, b = (g.reshape(-1, 1) for g in np.meshgrid(some, others))
        law = {"log_a": np.log(a), "log_b": np.log(b)}
        near = np.clip(a / (a + b), 0.001, 0.999)
        rows = {"near the mean": near, "at ½": np.full_like(a, 0.5), "near 0": np.full_like(a, 1e-3)}
        why = "log p has both signs, and what pulls x, a and b up and down cancels"
        floor = float((a + b).max())
        found += [Inputs(f"{size}, {kind}", {"x": x, **law}, {}, floor, why, 60) for kind, x in rows.items()]
    return found


def _log_prob(x: Array, log_a: Array, log_b: Array) -> Array:
    m = mathematics()
    a, b = m.exp(log_a), m.exp(log_b)
    normalizer = m.loggamma(a + b) - m.loggamma(a) - m.loggamma(b)
    return (normalizer + (a - 1) * m.log(x) + (b - 1) * m.log(1 - x)).sum(axis=1)


def _torch_role(torch: Any, role: Any, x_params: Any, x: Any) -> Any:
    share, concentration = torch.sigmoid(x_params), torch.exp(role.log_concentration)
    return torch.distributions.Beta(concentration * share, concentration * (1 - share)).log_prob(x).sum(1)
