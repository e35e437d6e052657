"""The continuous Bernoulli law and the likelihood of it."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import continuous_bernoulli
from scratchvae.likelihoods import ContinuousBernoulli
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import B, D, column, likelihood_sampler, torch_likelihood, unit_data
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

UNIT = np.linspace(0.00005, 0.99995, 10_000)  # cells of [0, 1], by their middles
SAMPLED_LOGIT = 1.7


def parts() -> list[Part]:
    """Return the functions of the law, and the role."""
    return [
        part_of(
            continuous_bernoulli.log_prob,
            {"logits": normal(B, D, scale=3.0)},
            {"x": X},
            more={"near 0": ({"logits": normal(B, D, scale=0.2)}, {"x": X})},
            oracle=_log_prob,
            tried=_tried(),
            torch=lambda torch, logits, *, x: (
                torch.distributions.ContinuousBernoulli(logits=logits, lims=(0.4999, 0.5001))
                .log_prob(x)
                .sum(1)
            ),
        ),
        part_of(
            continuous_bernoulli.sample,
            sampling=SamplingCase(
                "continuous_bernoulli.sample",
                lambda n, rng: continuous_bernoulli.sample(
                    column(n, SAMPLED_LOGIT), uniform=rng.random((n, 1))
                )[:, 0],
                lambda t: continuous_bernoulli.log_prob(column(len(t), SAMPLED_LOGIT), x=t[:, None])[0],
                UNIT,
            ),
        ),
        Part(
            "continuous_bernoulli",
            ContinuousBernoulli,
            [
                objective_case(
                    "Elbo: ContinuousBernoulli", Elbo(), vae(ContinuousBernoulli()), X, noise=LATENT_NOISE
                )
            ],
            sampling=likelihood_sampler(ContinuousBernoulli(), [-2.6], UNIT),
            columns=lambda n, rng: ContinuousBernoulli().sample(np.zeros((n, 3)), rng),
            example=lambda D: (ContinuousBernoulli(), unit_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: (
                    torch.distributions.ContinuousBernoulli(logits=x_params, validate_args=False)
                    .log_prob(x)
                    .sum(1)
                )
            ),
        ),
    ]


def _tried() -> list[Inputs]:
    """Try η from 10⁻³⁰ to 10⁴, on both sides of the branch at log 2, with x at both ends and between them."""
    away = np.array([1e-30, 1e-8, 0.01, 0.69, 0.70, 3.0, 40.0, 800.0, 1e4])
    logits = np.concatenate([away, -away])[:, None]
    why = "log p has both signs, and x and E[x] cancel"
    return [
        Inputs(
            f"x = {x:g}",
            {"logits": logits},
            {"x": np.full_like(logits, x)},
            floor,
            why if floor else "",
            digits=200,
        )
        for x, floor in ((0.0, 1.0), (1.0, 1.0), (0.5, 0.0), (0.3, 1.0), (1e-6, 1.0))
    ]


def _log_prob(logits: Array, x: Array) -> Array:
    m = mathematics()
    return (logits * x - m.log((m.exp(logits) - 1) / logits)).sum(axis=1)
