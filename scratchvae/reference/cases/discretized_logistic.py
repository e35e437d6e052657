"""The logistic law on levels, mixtures of it, and the likelihood of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import discretized_logistic
from scratchvae.likelihoods import DiscretizedLogistic
from scratchvae.objectives import Elbo, Iwae
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import B, D, column, likelihood_sampler, torch_likelihood, unit_data
from scratchvae.reference.cases.mathematics import log_softmax, log_sum_exp, mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

LEVELS = np.array([[0, 3, 7, 2], [7, 5, 0, 4], [1, 6, 2, 0]])  # of 8, both ends among them
SAMPLED_MEAN, SAMPLED_LOG_SCALE = 2.7, 0.4


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    one = {"mean": 3.5 + 2 * normal(B, D), "log_scale": normal(B, D, seed=1)}
    some = {
        "logits": normal(B, D, 3),
        "means": 3.5 + 2 * normal(B, D, 3, seed=1),
        "log_scales": normal(B, D, 3, seed=2),
    }
    constants = {"x": LEVELS, "levels": 8}
    return [
        part_of(
            discretized_logistic.log_prob,
            one,
            constants,
            oracle=_log_prob,
            tried=_tried(),
            torch=lambda torch, mean, log_scale, *, x, levels: torch.log(
                _torch_p(torch, mean, log_scale, x, levels)
            ).sum(1),
        ),
        part_of(
            discretized_logistic.mixture_log_prob,
            some,
            constants,
            oracle=_mixture_log_prob,
            tried=_mixtures_tried(),
            torch=_torch_mixture,
        ),
        part_of(
            discretized_logistic.sample,
            sampling=SamplingCase(
                "discretized_logistic.sample",
                lambda n, rng: discretized_logistic.sample(
                    *_sampled(n), uniform=rng.random((n, 1)), levels=8
                )[:, 0],
                lambda t: discretized_logistic.log_prob(*_sampled(len(t)), x=t[:, None], levels=8)[0],
                np.arange(8),
            ),
        ),
        Part(
            "discretized_logistic",
            DiscretizedLogistic,
            [
                objective_case(
                    "Elbo: DiscretizedLogistic", Elbo(), vae(DiscretizedLogistic(9)), X, noise=LATENT_NOISE
                ),
                objective_case(
                    "Iwae: DiscretizedLogistic, two",
                    Iwae(K),
                    vae(DiscretizedLogistic(9, 2)),
                    X,
                    noise=LATENT_NOISES,
                ),
            ],
            sampling=likelihood_sampler(
                DiscretizedLogistic(2, 3), [0.4, -0.3, 1.0, 0.2, -0.7, 1.3, -1.0, 0.1, 0.6], np.arange(2)
            ),
            columns=lambda n, rng: DiscretizedLogistic(8).sample(np.zeros((n, 6)), rng),
            example=lambda D: (DiscretizedLogistic(16, 2), unit_data(D)),
            torch=torch_likelihood(_torch_pixels, outputs=2),
        ),
    ]


def _tried() -> list[Inputs]:
    """Try the ends, the middle and one far level of 256, under laws of every width; an event is one entry."""
    x = np.array([0, 255, 17, 128, 200, 254])[:, None]
    rows = {
        "ordinary": (
            x + np.array([3.0, -2.0, 0.3, 9.0, -30.0, 60.0])[:, None],
            np.linspace(-0.5, 4, 6)[:, None],
        ),
        "narrow": (x + np.array([0.3, -0.3, 0.4, 2.0, -3.0, 4.0])[:, None], np.full((6, 1), -4.0)),
        "wide": (np.full((6, 1), 90.3), np.full((6, 1), 12.0)),
        "far": (np.full((6, 1), 1e5), np.full((6, 1), 5.0)),
        "width at the branch": (np.full((6, 1), 90.3), np.full((6, 1), -np.log(np.log(2)))),
    }
    why = "what pulls the mean and the scale up and down cancels"
    return [
        Inputs(kind, {"mean": mean, "log_scale": log_scale}, {"x": x, "levels": 256}, 1.0, why, 900)
        for kind, (mean, log_scale) in rows.items()
    ]


def _mixtures_tried() -> list[Inputs]:
    arrays = {
        "logits": normal(2, 3, 2),
        "means": 3.5 + 3 * normal(2, 3, 2, seed=1),
        "log_scales": normal(2, 3, 2, seed=2),
    }
    one = {**arrays, "logits": np.array([60.0, -60.0]) * np.ones((2, 3, 2))}
    constants, why = {"x": LEVELS[:2, :3], "levels": 8}, "responsibilities and weights cancel"
    return [
        Inputs(kind, a, constants, 1.0, why, 150)
        for kind, a in (("ordinary", arrays), ("one outweighs", one))
    ]


def _sampled(n: int) -> tuple[Array, Array]:
    return column(n, SAMPLED_MEAN), column(n, SAMPLED_LOG_SCALE)


def _by_entry(mean: Array, log_scale: Array, x: Array, levels: int) -> Array:
    """Compute the logarithm of a difference of distribution functions directly: there are digits enough."""
    m = mathematics()
    s, half = m.exp(log_scale), m.mpf(0.5)
    above = np.where(x == levels - 1, 1, 1 / (1 + m.exp(-(x + half - mean) / s)))
    below = np.where(x == 0, 0, 1 / (1 + m.exp(-(x - half - mean) / s)))
    return m.log(above - below)


def _log_prob(mean: Array, log_scale: Array, x: Array, levels: int) -> Array:
    return _by_entry(mean, log_scale, x, levels).sum(axis=1)


def _mixture_log_prob(logits: Array, means: Array, log_scales: Array, x: Array, levels: int) -> Array:
    return log_sum_exp(log_softmax(logits) + _by_entry(means, log_scales, x[:, :, None], levels), 2).sum(
        axis=1
    )


def _torch_p(torch: Any, mean: Any, log_scale: Any, x: Any, levels: int) -> Any:
    rate = torch.exp(-log_scale)
    above = torch.where(x == levels - 1, 1.0, torch.sigmoid((x + 0.5 - mean) * rate))
    return above - torch.where(x == 0, 0.0, torch.sigmoid((x - 0.5 - mean) * rate))


def _torch_mixture(torch: Any, logits: Any, means: Any, log_scales: Any, *, x: Any, levels: int) -> Any:
    p = _torch_p(torch, means, log_scales, x[:, :, None], levels)
    return torch.log((torch.softmax(logits, dim=2) * p).sum(2)).sum(1)


def _torch_pixels(torch: Any, role: Any, x_params: Any, x: Any) -> Any:
    a, b = x_params.chunk(2, dim=1)
    p = _torch_p(torch, 127.5 * (1 + a), b + np.log(127.5), torch.floor(256 * x).clamp(max=255), 256)
    return torch.log(p).sum(1)
