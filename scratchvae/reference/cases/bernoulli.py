"""The Bernoulli law and the likelihood of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli
from scratchvae.likelihoods import Bernoulli
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import (
    BITS,
    LOGITS,
    OBSERVED,
    B,
    D,
    column,
    likelihood_sampler,
    torch_likelihood,
    torch_of_observed,
    unit_data,
)
from scratchvae.reference.cases.mathematics import mathematics, softplus
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

PIXELS = np.array([[0, 1, 0.3, 1], [1, 0, 0.9, 0], [0, 0, 1, 0.5]])
GREY = "x − σ(l) cancels where σ(l) is near a grey x"


def parts() -> list[Part]:
    """Return every function of the law, and the role.

    The cases of the role's objectives are the plain ones of cases/objectives.py.
    """
    tried = []
    for kind, logits in LOGITS.items():
        tried.append(Inputs(kind, {"logits": logits}, {"x": BITS}, digits=400))
        for greys, x in {
            "grey": 0.5 + 0.3 * (BITS - 0.5),
            "x next to 0 and 1": np.abs(BITS - 2.0**-24),
        }.items():
            tried.append(Inputs(f"{kind}, {greys}", {"logits": logits}, {"x": x}, floor=1.0, why=GREY))
    return [
        part_of(
            bernoulli.log_prob,
            {"logits": normal(B, D, scale=3.0)},
            {"x": PIXELS},
            more={
                "two draws": ({"logits": normal(2 * B, D, scale=3.0)}, {"x": PIXELS, "draws": 2}),
                "missing entries, two draws": (
                    {"logits": normal(2 * B, D, seed=1)},
                    {"x": PIXELS, "observed": OBSERVED, "draws": 2},
                ),
            },
            oracle=lambda logits, x: terms(logits, x).sum(axis=1),
            tried=tried,
            torch=_torch_log_prob,
        ),
        part_of(
            bernoulli.entropy,
            {"logits": normal(B, D, scale=3.0)},
            oracle=_entropy,
            tried=[Inputs(kind, {"logits": logits}, digits=400) for kind, logits in LOGITS.items()],
            torch=lambda torch, logits: torch.distributions.Bernoulli(logits=logits).entropy().sum(1),
        ),
        part_of(
            bernoulli.sample,
            sampling=SamplingCase(
                "bernoulli.sample",
                lambda n, rng: bernoulli.sample(column(n, -1.2), uniform=rng.random((n, 1)))[:, 0],
                lambda t: bernoulli.log_prob(column(len(t), -1.2), x=t[:, None].astype(np.float64))[0],
                np.arange(2),
            ),
        ),
        Part(
            "bernoulli",
            Bernoulli,
            sampling=likelihood_sampler(Bernoulli(), [-1.2], np.arange(2)),
            columns=lambda n, rng: Bernoulli().sample(np.zeros((n, 3)), rng),
            example=lambda D: (Bernoulli(), unit_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: (
                    -torch.nn.functional.binary_cross_entropy_with_logits(x_params, x, reduction="none").sum(
                        1
                    )
                )
            ),
        ),
    ]


def terms(logits: Array, x: Array) -> Array:
    """Compute x log σ(l) + (1 − x) log σ(−l) by entry, of mpmath numbers."""
    return -x * softplus(-logits) - (1 - x) * softplus(logits)


def _entropy(logits: Array) -> Array:
    p = 1 / (1 + mathematics().exp(-logits))
    return (p * softplus(-logits) + (1 - p) * softplus(logits)).sum(axis=1)


def _torch_log_prob(torch: Any, logits: Any, *, x: Any, observed: Any = None, draws: int = 1) -> Any:
    law = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    return torch_of_observed(law.log_prob(x.repeat_interleave(draws, 0)), observed, draws)
