"""The multinomial law and its likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import multinomial
from scratchvae.likelihoods import Multinomial
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import (
    CLASSES,
    COUNTS,
    LOGITS,
    MANY_COUNTS,
    SAMPLED_LOGITS,
    B,
    D,
    count_data,
    torch_likelihood,
)
from scratchvae.reference.cases.mathematics import log_softmax, mathematics
from scratchvae.reference.cases.models import FEW, LATENT_NOISE, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

LARGE = "log n!, log x! and x log p cancel, and x and n p"
FEW_COUNTS = np.array([[0.0, 3, 1], [2, 2, 1]])
# counts a, b, 5 − a − b of three words, as one number
FIVES = np.array([a + 6 * b for b in range(6) for a in range(6 - b)])


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    return [
        part_of(
            multinomial.log_prob,
            {"logits": normal(B, D, scale=2.0)},
            {"x": COUNTS},
            oracle=_log_prob,
            tried=[
                Inputs(f"{kind}, {many}", {"logits": logits}, {"x": x}, floor=x.sum(), why=LARGE, digits=400)
                for kind, logits in LOGITS.items()
                for many, x in MANY_COUNTS.items()
            ]
            + [
                Inputs(
                    f"all classes, {kind}",
                    {"logits": logits},
                    {"x": FEW_COUNTS},
                    floor=5.0,
                    why=LARGE,
                    digits=120,
                )
                for kind, logits in CLASSES.items()
            ],
            torch=lambda torch, logits, *, x: _law(torch, logits).log_prob(x),
        ),
        part_of(
            multinomial.sample,
            sampling=SamplingCase(
                "multinomial.sample",
                lambda n, rng: (
                    multinomial.sample(np.tile(SAMPLED_LOGITS, (n, 1)), uniform=rng.random((n, 5)))[:, :2]
                    @ [1, 6]
                ),
                lambda t: multinomial.log_prob(np.tile(SAMPLED_LOGITS, (len(t), 1)), x=_fives(t))[0],
                FIVES,
            ),
        ),
        Part(
            "multinomial",
            Multinomial,
            [objective_case("Elbo: Multinomial", Elbo(), vae(Multinomial()), FEW, noise=LATENT_NOISE)],
            sampling=SamplingCase(
                "Multinomial.sample",
                lambda n, rng: Multinomial(5).sample(np.tile(SAMPLED_LOGITS, (n, 1)), rng)[:, :2] @ [1, 6],
                lambda t: Multinomial(5).log_prob(np.tile(SAMPLED_LOGITS, (len(t), 1)), x=_fives(t))[0],
                FIVES,
            ),
            columns=_whitened,
            example=lambda D: (Multinomial(), count_data(D)),
            torch=torch_likelihood(lambda torch, role, x_params, x: _law(torch, x_params).log_prob(x)),
        ),
    ]


def _log_prob(logits: Array, x: Array) -> Array:
    m = mathematics()
    return (
        m.loggamma(x.sum(axis=1) + 1) - m.loggamma(x + 1).sum(axis=1) + (x * log_softmax(logits)).sum(axis=1)
    )


def _law(torch: Any, logits: Any) -> Any:
    return torch.distributions.Multinomial(1, logits=logits, validate_args=False)


def _fives(t: Array) -> Array:
    """Return the counts (M, 3) that FIVES names by numbers (M,)."""
    first, second = t % 6, t // 6
    return np.stack([first, second, 5 - first - second], axis=1).astype(np.float64)


def _whitened(n: int, rng: np.random.Generator) -> Array:
    """Draw counts of four outcomes 50 times, and make three of them independent.

    Their true covariance, 50 (diag p − p p'), is used for that.
    """
    x = Multinomial(50).sample(np.tile(np.log([1.0, 2, 3, 4]), (n, 1)), rng)
    p = np.array([0.1, 0.2, 0.3])
    return x[:, :3] @ np.linalg.inv(np.linalg.cholesky(50 * (np.diag(p) - np.outer(p, p)))).T
