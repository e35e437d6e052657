"""The negative binomial law, the one with more zeros, and the likelihood of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import negative_binomial, zero_inflated
from scratchvae.likelihoods import NegativeBinomial
from scratchvae.objectives import Elbo, Iwae
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import (
    COUNTS,
    B,
    D,
    column,
    count_data,
    likelihood_sampler,
    torch_likelihood,
)
from scratchvae.reference.cases.mathematics import mathematics, softplus
from scratchvae.reference.cases.models import FEW, LATENT_NOISE, LATENT_NOISES, K, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

SAMPLED_LOG_MEAN, SAMPLED_LOG_DISPERSION, SAMPLED_LOGIT = 1.3, 0.9, -0.6
MANY = np.arange(400)  # counts that hold all but 10⁻²⁰ of the sampled law
ZEROS = np.array([[0, 3, 0, 20], [1, 0, 0, 0], [7, 2, 0, 5]], np.float64)


def parts() -> list[Part]:
    """Return every function of the laws, and the role."""
    law = {"log_mean": normal(B, D), "log_dispersion": normal(B, D, seed=1)}
    large = {"log_mean": normal(B, D), "log_dispersion": 9 + normal(B, D, seed=1)}
    inflated = {"log_p": -0.05 - np.abs(normal(B, D)), "logits": normal(B, D, seed=1)}
    return [
        part_of(
            negative_binomial.log_prob,
            law,
            {"x": COUNTS},
            more={"near Poisson": (large, {"x": COUNTS})},
            oracle=_log_prob,
            tried=_tried(),
            torch=lambda torch, log_mean, log_dispersion, *, x: _torch_by_entry(
                torch, log_mean, log_dispersion, x
            ).sum(1),
        ),
        part_of(
            negative_binomial.sample,
            sampling=SamplingCase("negative_binomial.sample", _draw, _sampled_log_prob, MANY),
        ),
        part_of(
            zero_inflated.log_prob,
            inflated,
            {"x": ZEROS},
            oracle=_inflated_log_prob,
            tried=_inflated_tried(),
            torch=lambda torch, log_p, logits, *, x: _torch_inflated(torch, log_p, logits, x).sum(1),
        ),
        part_of(
            zero_inflated.sample,
            sampling=SamplingCase("zero_inflated.sample", _draw_inflated, _sampled_inflated_log_prob, MANY),
        ),
        Part(
            "negative_binomial",
            NegativeBinomial,
            [
                objective_case(name, objective, vae(likelihood), FEW, noise=noise)
                for name, objective, likelihood, noise in (
                    ("Elbo: NegativeBinomial", Elbo(), NegativeBinomial((D,), 2.5), LATENT_NOISE),
                    ("Elbo: NegativeBinomial, one r", Elbo(), _role("parameter"), LATENT_NOISE),
                    ("Elbo: NegativeBinomial, constant r", Elbo(), _role("constant"), LATENT_NOISE),
                    ("Elbo: NegativeBinomial, decoder's r", Elbo(), _role("decoder"), LATENT_NOISE),
                    (
                        "Elbo: NegativeBinomial, library",
                        Elbo(),
                        _role("feature", offset="library"),
                        LATENT_NOISE,
                    ),
                    (
                        "Iwae: NegativeBinomial, zero-inflated",
                        Iwae(K),
                        _role("feature", zero_inflated=True),
                        LATENT_NOISES,
                    ),
                    (
                        "Elbo: NegativeBinomial, all of it",
                        Elbo(),
                        _role("decoder", zero_inflated=True, offset="library", log_inputs=False),
                        LATENT_NOISE,
                    ),
                )
            ],
            sampling=likelihood_sampler(
                NegativeBinomial((1,), 1.7, dispersion_from="decoder", zero_inflated=True),
                [SAMPLED_LOG_MEAN, 0.4, -1.1],
                MANY,
            ),
            columns=lambda n, rng: NegativeBinomial((3,), 4.0).sample(np.zeros((n, 3)), rng),
            example=lambda D: (
                NegativeBinomial((D,), 1.7, zero_inflated=True, offset="library"),
                count_data(D),
            ),
            torch=torch_likelihood(
                log_inputs=True,
                log_prob=lambda torch, role, x_params, x: _torch_by_entry(
                    torch, x_params, role.log_dispersion, x
                ).sum(1),
                log_dispersion=lambda D: [0.0] * D,
            ),
        ),
    ]


def _role(dispersion_from: Any, **more: Any) -> NegativeBinomial:
    return NegativeBinomial((D,), 2.5, dispersion_from=dispersion_from, **more)


def _tried() -> list[Inputs]:
    """Try r from 10⁻³ to 10⁸ beside counts to 10⁶ and means near and far; an event is one entry.

    So no entry hides the error of another.
    """
    counts = np.array([0.0, 1.0, 2.0, 17.0, 408.0, 1e6])
    found = []
    for r in (1e-3, 0.4, 3.0, 9.99, 20.0, 1e3, 1e6, 1e8):
        for far, mean in {
            "below": counts / 3 + 0.01,
            "above": 5 * counts + 0.3,
            "at 1": np.full(6, 1.01),
        }.items():
            law = {"log_mean": np.log(mean)[:, None], "log_dispersion": np.full((6, 1), np.log(r))}
            found.append(Inputs(f"r = {r:g}, mean {far}", law, {"x": counts[:, None]}, digits=80))
    for r in (1e-3, 3.0, 1e3, 1e8):
        some = counts[2:]
        law = {
            "log_mean": np.log(some + 0.3 * np.sqrt(some))[:, None],
            "log_dispersion": np.full((4, 1), np.log(r)),
        }
        floor = float((r * some / (r + some)).max())
        found.append(
            Inputs(f"r = {r:g}, mean near x", law, {"x": some[:, None]}, floor, "x and μ cancel", 80)
        )
    return found


def _inflated_tried() -> list[Inputs]:
    """Try zeros that are almost certain, by the law, by the other probability, and by both.

    Zeros that are almost impossible are tried too.
    """
    log_p = np.array([[-1e-30, -1e-9, -0.3], [-0.7, -5.0, -90.0], [-30.0, -1e-30, -2.0]])
    logits = np.array([[-3.0, 3.0, 0.3], [40.0, -40.0, 150.0], [-150.0, 80.0, 1.0]])
    each = {"log_p": log_p.reshape(-1, 1), "logits": logits.reshape(-1, 1)}
    return [
        Inputs("zeros", each, {"x": np.zeros((9, 1))}, digits=200),
        Inputs("counts", each, {"x": np.ones((9, 1))}, digits=200),
    ]


def _log_prob(log_mean: Array, log_dispersion: Array, x: Array) -> Array:
    m = mathematics()
    mean, r = m.exp(log_mean), m.exp(log_dispersion)
    peak = m.loggamma(x + r) - m.loggamma(r) - m.loggamma(x + 1)
    return (peak - r * m.log(1 + mean / r) + x * (log_mean - m.log(r + mean))).sum(axis=1)


def _inflated_log_prob(log_p: Array, logits: Array, x: Array) -> Array:
    m = mathematics()
    zero = m.log(m.exp(logits) + m.exp(log_p))
    return (np.where(x == 0, zero, log_p) - softplus(logits)).sum(axis=1)


def _torch_by_entry(torch: Any, log_mean: Any, log_dispersion: Any, x: Any) -> Any:
    law = torch.distributions.NegativeBinomial
    return law(torch.exp(log_dispersion), logits=log_mean - log_dispersion, validate_args=False).log_prob(x)


def _torch_inflated(torch: Any, log_p: Any, logits: Any, x: Any) -> Any:
    zero = torch.logaddexp(logits, log_p)
    return torch.where(x == 0, zero, log_p) - torch.nn.functional.softplus(logits, threshold=50)


def _gamma(n: int, rng: np.random.Generator) -> Array:
    r = np.exp(SAMPLED_LOG_DISPERSION)
    return rng.standard_gamma(r, (n, 1)) / r


def _draw(n: int, rng: np.random.Generator) -> Array:
    return negative_binomial.sample(
        column(n, SAMPLED_LOG_MEAN), gamma=_gamma(n, rng), uniform=rng.random((n, 1))
    )[:, 0]


def _sampled_log_prob(t: Array) -> Array:
    law = (column(len(t), value) for value in (SAMPLED_LOG_MEAN, SAMPLED_LOG_DISPERSION))
    return negative_binomial.log_prob(*law, x=t[:, None].astype(np.float64))[0]


def _draw_inflated(n: int, rng: np.random.Generator) -> Array:
    counts = _draw(n, rng)[:, None]
    return zero_inflated.sample(column(n, SAMPLED_LOGIT), counts=counts, uniform=rng.random((n, 1)))[:, 0]


def _sampled_inflated_log_prob(t: Array) -> Array:
    log_p = _sampled_log_prob(t)[:, None]
    return zero_inflated.log_prob(log_p, column(len(t), SAMPLED_LOGIT), x=t[:, None].astype(np.float64))[0]
