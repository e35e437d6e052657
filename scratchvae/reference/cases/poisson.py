"""The Poisson law and its likelihood."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import poisson
from scratchvae.likelihoods import Poisson
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import (
    COUNTS,
    LOG_VARS,
    MANY_COUNTS,
    SAMPLED_MEAN,
    B,
    D,
    column,
    count_data,
    likelihood_sampler,
    torch_likelihood,
)
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import FEW, LATENT_NOISE, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    tried = []
    for many, x in MANY_COUNTS.items():
        rates = {
            "near": (np.log(x + 0.5), x.max()),
            **{kind: (log_rate, 1.0) for kind, log_rate in LOG_VARS.items()},
        }
        tried += [
            Inputs(f"{kind}, {many}", {"log_rate": log_rate}, {"x": x}, floor=floor, why="x and λ cancel")
            for kind, (log_rate, floor) in rates.items()
        ]
    return [
        part_of(
            poisson.log_prob,
            {"log_rate": normal(B, D)},
            {"x": COUNTS},
            oracle=_log_prob,
            tried=tried,
            torch=lambda torch, log_rate, *, x: (
                torch.distributions.Poisson(torch.exp(log_rate)).log_prob(x).sum(1)
            ),
        ),
        part_of(
            poisson.sample,
            sampling=SamplingCase(
                "poisson.sample",
                lambda n, rng: poisson.sample(column(n, SAMPLED_MEAN), uniform=rng.random((n, 1)))[:, 0],
                lambda t: poisson.log_prob(column(len(t), SAMPLED_MEAN), x=t[:, None].astype(np.float64))[0],
                np.arange(40),
            ),
        ),
        Part(
            "poisson",
            Poisson,
            [
                objective_case(
                    "Elbo: Poisson", Elbo(), vae(Poisson(log_inputs=False)), FEW, noise=LATENT_NOISE
                ),
                objective_case("Elbo: Poisson, log inputs", Elbo(), vae(Poisson()), FEW, noise=LATENT_NOISE),
            ],
            sampling=likelihood_sampler(Poisson(), [SAMPLED_MEAN], np.arange(40)),
            columns=lambda n, rng: Poisson().sample(np.zeros((n, 3)), rng),
            example=lambda D: (Poisson(), count_data(D)),
            torch=torch_likelihood(
                log_inputs=True,
                log_prob=lambda torch, role, x_params, x: (
                    -torch.nn.functional.poisson_nll_loss(x_params, x, reduction="none").sum(1)
                    - torch.lgamma(x + 1).sum(1)
                ),
            ),
        ),
    ]


def _log_prob(log_rate: Array, x: Array) -> Array:
    m = mathematics()
    return (x * log_rate - m.exp(log_rate) - m.loggamma(x + 1)).sum(axis=1)
