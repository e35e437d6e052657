"""Ordered categories and their likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import ordered
from scratchvae.likelihoods import Likelihood, Ordered
from scratchvae.objectives import Elbo
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import B, D, likelihood_sampler, torch_likelihood
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import LATENT_NOISE, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

GRADES = np.array([[0, 3, 1, 2], [1, 0, 3, 3], [2, 2, 0, 1]])
SAMPLED_LOCATION, SAMPLED_THRESHOLDS = 0.7, np.array([-1.2, 0.4, -0.3])


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    arrays = {"location": normal(B, D), "thresholds": normal(B, D, 3, seed=1)}
    return [
        part_of(
            ordered.cumulative_logits,
            arrays,
            oracle=_cumulative_logits,
            tried=_tried(),
            torch=_torch_logits,
        ),
        part_of(
            ordered.log_prob,
            arrays,
            {"x": GRADES},
            more={
                "two categories": (
                    {"location": normal(B, D), "thresholds": normal(B, D, 1)},
                    {"x": GRADES % 2},
                )
            },
            oracle=_log_prob,
            tried=[
                Inputs(i.kind, i.arrays, {"x": GRADES[:2, :3]}, i.floor, i.why, i.digits) for i in _tried()
            ],
            torch=_torch_log_prob,
        ),
        part_of(
            ordered.sample,
            sampling=SamplingCase(
                "ordered.sample",
                lambda n, rng: ordered.sample(*_sampled(n), uniform=rng.random((n, 1)))[:, 0],
                lambda t: ordered.log_prob(*_sampled(len(t)), x=t[:, None])[0],
                np.arange(4),
            ),
        ),
        Part(
            "ordered",
            Ordered,
            [
                objective_case(
                    "Elbo: Ordered",
                    Elbo(),
                    vae(Ordered((D,), 4)),
                    GRADES.astype(np.float64),
                    noise=LATENT_NOISE,
                )
            ],
            sampling=likelihood_sampler(Ordered((1,), 4), [SAMPLED_LOCATION], np.arange(4)),
            columns=lambda n, rng: Ordered((3,)).sample(np.zeros((n, 3)), rng),
            example=_example,
            torch=torch_likelihood(
                lambda torch, role, x_params, x: _torch_log_prob(
                    torch, x_params, role.thresholds.T.expand(len(x_params), -1, -1), x=x.long()
                ),
                thresholds=lambda D: [[0.0] * D] * 4,  # they are transposed, as PyTorch's matrices are
            ),
        ),
    ]


def _example(D: int) -> tuple[Likelihood, Array]:
    return Ordered((D,), 4), np.random.default_rng([7, D]).integers(0, 4, (3, D)).astype(np.float64)


def _tried() -> list[Inputs]:
    """Try categories from e⁻⁸⁰ to e⁵ wide, and locations far on either side of them.

    An offset that both have in common is tried too.
    """
    location, thresholds = normal(2, 3), normal(2, 3, 3, seed=1)
    narrow, wide, common = thresholds.copy(), thresholds.copy(), thresholds.copy()
    narrow[:, :, 1:] += np.array([-80.0, -1.0])
    wide[:, :, 1:] = np.array([np.log(np.log(2)), 5.0])  # one is at the branch, w = log 2
    common[:, :, 0] += 1e4
    far = np.array([[0.0, 300.0, -300.0], [30.0, -30.0, 1e-6]])
    return [
        Inputs(
            kind,
            {"location": at, "thresholds": t},
            floor=1.0,
            why="what pulls the location up and down cancels",
            digits=300,
        )
        for kind, at, t in (
            ("ordinary", location, thresholds),
            ("far", far, thresholds),
            ("narrow", far / 10, narrow),
            ("wide", location, wide),
            ("with an offset of 10⁴", location + 1e4, common),
        )
    ]


def _sampled(n: int) -> tuple[Array, Array]:
    return np.full((n, 1), SAMPLED_LOCATION), np.tile(SAMPLED_THRESHOLDS, (n, 1, 1))


def _cumulative_logits(location: Array, thresholds: Array) -> Array:
    steps = np.concatenate([thresholds[:, :, :1], mathematics().exp(thresholds[:, :, 1:])], axis=2)
    return np.cumsum(steps, axis=2) - location[:, :, None]


def _log_prob(location: Array, thresholds: Array, x: Array) -> Array:
    """Compute the logarithm of a difference of distribution functions directly: there are digits enough."""
    m, logits = mathematics(), _cumulative_logits(location, thresholds)
    below = 1 / (1 + m.exp(-logits))
    cdf = np.concatenate([0 * below[:, :, :1], below, 1 + 0 * below[:, :, :1]], axis=2)
    p = np.take_along_axis(cdf[:, :, 1:] - cdf[:, :, :-1], x[:, :, None], axis=2)
    return m.log(p).sum(axis=(1, 2))


def _torch_logits(torch: Any, location: Any, thresholds: Any) -> Any:
    steps = torch.cat([thresholds[:, :, :1], torch.exp(thresholds[:, :, 1:])], dim=2)
    return torch.cumsum(steps, dim=2) - location[:, :, None]


def _torch_log_prob(torch: Any, location: Any, thresholds: Any, *, x: Any) -> Any:
    """Compute the difference of sigmoids on that side of 0 where they are small."""
    logits = _torch_logits(torch, location, thresholds)
    ends = [
        torch.nn.functional.pad(logits, pad, value=end)
        for pad, end in (((1, 0), -torch.inf), ((0, 1), torch.inf))
    ]
    low, high = (torch.gather(end, 2, x[:, :, None]) for end in ends)
    below, above = torch.sigmoid(high) - torch.sigmoid(low), torch.sigmoid(-low) - torch.sigmoid(-high)
    return torch.log(torch.where(low + high > 0, above, below)).sum((1, 2))
