"""The categorical law and the likelihood of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import categorical
from scratchvae.likelihoods import Categorical
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import (
    BITS,
    CLASSES,
    LOGITS,
    SAMPLED_LOGITS,
    B,
    D,
    likelihood_sampler,
    torch_likelihood,
    unit_data,
)
from scratchvae.reference.cases.mathematics import log_softmax, mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

SLOPES = np.array([1.0, 0.0, -0.5])
TWO_EACH = np.array([[0, 1], [2, 0]])


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    spread = {kind: logits[:, :, None] * SLOPES for kind, logits in LOGITS.items()}
    offsets = {
        f"all classes, {kind}": np.stack([logits, logits[::-1]], axis=1) for kind, logits in CLASSES.items()
    }
    return [
        part_of(
            categorical.log_prob,
            {"logits": normal(B, 2, D, scale=2.0)},
            {"x": np.array([[0, 3], [1, 1], [2, 0]])},
            oracle=_log_prob,
            tried=[
                Inputs(
                    kind,
                    {"logits": logits},
                    {"x": BITS.astype(int)},
                    floor=1.0,
                    why="1 − p cancels where p is near 1",
                )
                for kind, logits in spread.items()
            ]
            + [
                Inputs(
                    kind,
                    {"logits": logits},
                    {"x": TWO_EACH},
                    floor=1.0,
                    why="1 − p cancels where p is near 1",
                    digits=120,
                )
                for kind, logits in offsets.items()
            ],
            torch=lambda torch, logits, *, x: (
                torch.distributions.Categorical(logits=logits).log_prob(x).sum(1)
            ),
        ),
        part_of(
            categorical.entropy,
            {"logits": normal(B, 2, D, scale=2.0)},
            oracle=_entropy,
            tried=[
                Inputs(kind, {"logits": logits}, floor=1.0, why="log p + H cancel", digits=120)
                for kind, logits in {**spread, **offsets}.items()
            ],
            torch=lambda torch, logits: torch.distributions.Categorical(logits=logits).entropy().sum(1),
        ),
        part_of(
            categorical.kl,
            {"logits": normal(B, 2, D, scale=2.0), "other_logits": normal(B, 2, D, seed=1)},
            oracle=_kl,
            tried=[
                Inputs(
                    kind,
                    {"logits": logits, "other_logits": logits[::-1] / 2},
                    floor=floor,
                    why=why,
                    digits=200,
                )
                for kind, logits, floor, why in (
                    ("ordinary", spread["ordinary"], 1.0, "log p and log q cancel"),
                    (
                        "all classes, offset 10⁴",
                        offsets["all classes, offset 10⁴"],
                        1e4,
                        "logits of 10⁴ cancel",
                    ),
                )
            ],
            torch=lambda torch, logits, other_logits: torch.distributions.kl_divergence(
                *(torch.distributions.Categorical(logits=l) for l in (logits, other_logits))
            ).sum(1),
        ),
        part_of(
            categorical.sample,
            sampling=SamplingCase(
                "categorical.sample",
                lambda n, rng: categorical.sample(
                    np.broadcast_to(SAMPLED_LOGITS, (n, 1, 3)), uniform=rng.random((n, 1))
                )[:, 0],
                lambda t: categorical.log_prob(np.broadcast_to(SAMPLED_LOGITS, (len(t), 1, 3)), x=t[:, None])[
                    0
                ],
                np.arange(3),
            ),
        ),
        Part(
            "categorical",
            Categorical,
            [objective_case("Elbo: Categorical", Elbo(), vae(Categorical(3)), X, noise=LATENT_NOISE)],
            sampling=likelihood_sampler(Categorical(2), [0.4, -0.3], np.arange(2)),
            columns=lambda n, rng: Categorical(4).sample(np.zeros((n, 12)), rng),
            example=lambda D: (Categorical(4), unit_data(D)),
            torch=torch_likelihood(_torch_pixels, outputs=256),
        ),
    ]


def _log_prob(logits: Array, x: Array) -> Array:
    return np.take_along_axis(log_softmax(logits), x[:, :, None], axis=2).sum(axis=(1, 2))


def _kl(logits: Array, other_logits: Array) -> Array:
    log_p, log_q = log_softmax(logits), log_softmax(other_logits)
    return (mathematics().exp(log_p) * (log_p - log_q)).sum(axis=(1, 2))


def _entropy(logits: Array) -> Array:
    log_p = log_softmax(logits)
    return -(mathematics().exp(log_p) * log_p).sum(axis=(1, 2))


def _torch_pixels(torch: Any, role: Any, x_params: Any, x: Any) -> Any:
    level = torch.floor(256 * x).clamp(max=255).long()
    return -torch.nn.functional.cross_entropy(x_params.unflatten(1, (256, -1)), level, reduction="none").sum(
        1
    )
