"""Student's t and its likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import student_t
from scratchvae.likelihoods import StudentT
from scratchvae.objectives import Elbo, Iwae
from scratchvae.reference.cases.case import normal, objective_case, off_zero
from scratchvae.reference.cases.inputs import (
    GRID,
    LOG_VAR,
    MEAN,
    SAMPLED_MEAN,
    B,
    D,
    column,
    likelihood_sampler,
    real_data,
    torch_likelihood,
)
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

LAW = {"location": MEAN, "log_scale": LOG_VAR}
# With 12 degrees of freedom the skewness of draws has a standard error.
SAMPLED_LOG_SCALE, SAMPLED_LOG_DF = -0.4, 2.5


def parts() -> list[Part]:
    """Return every function of the law, and the choice of the role."""
    few, many, u = normal(B, D, seed=4), 4 + 0.3 * normal(B, D, seed=4), off_zero(B, D, seed=5)
    scale = np.exp(LOG_VAR)
    return [
        part_of(
            student_t.log_prob,
            {"x": normal(B, D), **LAW, "log_df": few},
            more={
                "many degrees": ({"x": normal(B, D), **LAW, "log_df": many}, {}),
                "far out": ({"x": MEAN + 1e4 * scale * u, **LAW, "log_df": few}, {}),
            },
            oracle=_log_prob,
            tried=_tried(),
            torch=lambda torch, x, location, log_scale, log_df: (
                _law(torch, location, log_scale, log_df).log_prob(x).sum(1)
            ),
        ),
        part_of(
            student_t.sample,
            sampling=SamplingCase("student_t.sample", _draw, _sampled_log_prob, GRID),
        ),
        Part(
            "student_t(scale_from=parameter, df_from=parameter)",
            StudentT,
            [
                objective_case(name, objective, vae(likelihood), X, noise=noise)
                for name, objective, likelihood, noise in (
                    ("Elbo: StudentT", Elbo(), StudentT(0.3, 2.5), LATENT_NOISE),
                    ("Elbo: StudentT, infinite df", Elbo(), StudentT(0.3, np.inf), LATENT_NOISE),
                    ("Elbo: StudentT, learned", Elbo(), _learned(0.3, 2.5, min_scale=0.1), LATENT_NOISE),
                    ("Iwae: StudentT, learned", Iwae(K), _learned(0.3, 2.5), LATENT_NOISES),
                    ("Elbo: StudentT, decoder", Elbo(), _decoded("decoder", "decoder"), LATENT_NOISE),
                    ("Elbo: StudentT, decoder's df", Elbo(), _decoded("parameter", "decoder"), LATENT_NOISE),
                    (
                        "Elbo: StudentT, decoder's scale",
                        Elbo(),
                        _decoded("decoder", "parameter"),
                        LATENT_NOISE,
                    ),
                )
            ],
            sampling=likelihood_sampler(
                StudentT(0.5, 12.0, scale_from="decoder", df_from="decoder", min_scale=0.2),
                [SAMPLED_MEAN, 2.2, 0.3],
                GRID,
            ),
            columns=lambda n, rng: StudentT(df=30.0).sample(np.zeros((n, 3)), rng),
            example=lambda D: (StudentT(0.5, 3.0, scale_from="decoder", df_from="parameter"), real_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: (
                    _law(torch, x_params, role.log_excess, role.log_df).log_prob(x).sum(1)
                ),
                log_excess=lambda D: [0.0],
                log_df=lambda D: [float(np.log(4))],
            ),
        ),
    ]


def _learned(*start: float, **more: float) -> StudentT:
    return StudentT(*start, scale_from="parameter", df_from="parameter", **more)


def _decoded(scale_from: Any, df_from: Any) -> StudentT:
    return StudentT(0.3, 2.5, scale_from=scale_from, df_from=df_from, min_scale=0.1)


def _tried() -> list[Inputs]:
    """Try ν from 10⁻³ to 10¹² beside u of 10⁻⁶ to 10³⁰, on both sides of each branch.

    An event is one entry, so that no entry hides the error of another.
    """
    degrees = {
        "ordinary": [0.7, 2.0, 5.0, 30.0],
        "few": [1e-3, 0.02, 0.5, 0.999],
        "many": [1e3, 1e6, 1e9, 1e12],
    }
    distances = {
        "near": [1e-6, 0.3, -1.2, 2.0],
        "at the branches": [0.49, -0.51, 0.99, 1.01],
        "far": [30.0, -1e4, 1e12, -1e30],
    }
    found = []
    for many, df in degrees.items():
        for far, u in distances.items():
            x = np.array(u) * (np.sqrt(df) if far == "at the branches" else 1.0)
            law = {"location": np.zeros((4, 1)), "log_scale": np.zeros((4, 1)), "log_df": np.log(df)[:, None]}
            limits: dict[str, Any] = (
                {"floor": 1.0, "why": "u² − 1 cancels near 1"} if far == "at the branches" else {}
            )
            found.append(Inputs(f"{many} degrees, {far}", {"x": x[:, None], **law}, digits=120, **limits))
    return found


def _log_prob(x: Array, location: Array, log_scale: Array, log_df: Array) -> Array:
    m = mathematics()
    df, u = m.exp(log_df), (x - location) / m.exp(log_scale)
    normalizer = m.loggamma((df + 1) / 2) - m.loggamma(df / 2) - m.log(m.pi * df) / 2
    return (normalizer - log_scale - (df + 1) / 2 * m.log(1 + u**2 / df)).sum(axis=1)


def _law(torch: Any, location: Any, log_scale: Any, log_df: Any) -> Any:
    return torch.distributions.StudentT(torch.exp(log_df), location, torch.exp(log_scale))


def _draw(n: int, rng: np.random.Generator) -> Array:
    half = 0.5 * np.exp(SAMPLED_LOG_DF)
    noise, precision = rng.standard_normal((n, 1)), rng.standard_gamma(half, (n, 1)) / half
    return student_t.sample(
        column(n, SAMPLED_MEAN), column(n, SAMPLED_LOG_SCALE), noise=noise, precision=precision
    )[:, 0]


def _sampled_log_prob(t: Array) -> Array:
    law = (column(len(t), value) for value in (SAMPLED_MEAN, SAMPLED_LOG_SCALE, SAMPLED_LOG_DF))
    return student_t.log_prob(t[:, None], *law)[0]
