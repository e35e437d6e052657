"""The Gaussian law of independent entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import (
    CANCEL,
    GRID,
    LOG_VAR,
    LOG_VARS,
    MEAN,
    NOISE,
    OBSERVED,
    OTHER,
    SAMPLED_LOG_VAR,
    SAMPLED_MEAN,
    TWO_DRAWS,
    B,
    D,
    column,
    torch_of_observed,
)
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

LAW = {"mean": MEAN, "log_var": LOG_VAR}


def parts() -> list[Part]:
    """Return every function of the law."""
    return [*_densities(), *_draws(), *_divergences()]


def _densities() -> list[Part]:
    fars = {"ordinary": MEAN, "far": 1e3 * MEAN, "near 0": 1e-6 * MEAN}
    return [
        part_of(
            gaussian.log_prob,
            {"x": normal(B, D), **LAW},
            more={"missing entries": ({"x": normal(B, D), **LAW}, {"observed": OBSERVED})},
            oracle=lambda x, mean, log_var: terms(x, mean, log_var).sum(axis=1),
            tried=[
                Inputs(kind, {"x": MEAN + 0.5, "mean": MEAN, "log_var": log_var}, floor=1.0, why=CANCEL)
                for kind, log_var in LOG_VARS.items()
            ],
            torch=lambda torch, x, mean, log_var, *, observed=None: torch_of_observed(
                torch_law(torch, mean, log_var).log_prob(x), observed
            ),
        ),
        part_of(
            gaussian.standard_log_prob,
            {"x": normal(B, D)},
            oracle=lambda x: terms(x, 0 * x, 0 * x).sum(axis=1),
            tried=[Inputs(kind, {"x": x}) for kind, x in fars.items()],
            torch=lambda torch, x: torch_standard(torch, x).log_prob(x).sum(1),
        ),
        part_of(
            gaussian.entropy,
            {"log_var": LOG_VAR},
            oracle=lambda log_var: ((mathematics().log(2 * mathematics().pi) + 1 + log_var) / 2).sum(axis=1),
            tried=[
                Inputs(kind, {"log_var": log_var}, floor=1.0, why="log σ² of both signs cancel")
                for kind, log_var in LOG_VARS.items()
            ],
            torch=lambda torch, log_var: (
                torch_law(torch, torch.zeros_like(log_var), log_var).entropy().sum(1)
            ),
        ),
    ]


def _draws() -> list[Part]:
    return [
        part_of(
            gaussian.reparameterize,
            LAW,
            {"noise": NOISE},
            more={"two draws": (LAW, TWO_DRAWS)},
            sampling=SamplingCase(
                "gaussian.reparameterize",
                lambda n, rng: gaussian.reparameterize(*sampled(n), noise=rng.standard_normal((n, 1)))[0][
                    :, 0
                ],
                lambda t: gaussian.log_prob(t[:, None], *sampled(len(t)))[0],
                GRID,
            ),
            oracle=lambda mean, log_var, noise: mean + mathematics().exp(log_var / 2) * noise,
            tried=[
                Inputs(kind, {"mean": MEAN, "log_var": log_var}, {"noise": NOISE})
                for kind, log_var in LOG_VARS.items()
            ],
            torch=_torch_draw,
        ),
        part_of(
            gaussian.log_prob_of_draw,
            {"log_var": LOG_VAR},
            {"noise": NOISE},
            more={"two draws": ({"log_var": LOG_VAR}, TWO_DRAWS)},
            oracle=_log_prob_of_draw,
            tried=[
                Inputs(
                    kind,
                    {"log_var": log_var},
                    {"noise": NOISE},
                    floor=1.0,
                    why="log σ² and the square cancel",
                )
                for kind, log_var in LOG_VARS.items()
            ],
            torch=_torch_log_prob_of_draw,
        ),
        part_of(
            gaussian.sample_standard,
            sampling=SamplingCase(
                "gaussian.sample_standard",
                lambda n, rng: gaussian.sample_standard((n,), rng).astype(np.float64),
                lambda t: gaussian.standard_log_prob(t[:, None])[0],
                GRID,
            ),
        ),
    ]


def _divergences() -> list[Part]:
    one = {kind: {"mean": MEAN, "log_var": log_var} for kind, log_var in LOG_VARS.items()}
    near = {"mean": 1e-3 * MEAN, "log_var": 1e-3 * LOG_VAR}
    to_standard = [
        *(Inputs(kind, law) for kind, law in one.items()),
        Inputs("near N(0, 1)", near, floor=1.0, why="σ² − 1 and log σ² cancel near σ = 1"),
    ]
    two = [
        Inputs(
            kind,
            {**law, "other_mean": MEAN[::-1].copy(), "other_log_var": 0.5 * law["log_var"]},
            floor=1.0,
            why=CANCEL,
        )
        for kind, law in one.items()
    ]
    return [
        part_of(
            gaussian.kl_to_standard,
            LAW,
            oracle=lambda mean, log_var: kl(mean, log_var, 0 * mean, 0 * mean).sum(axis=1),
            tried=to_standard,
            torch=lambda torch, mean, log_var: _torch_kl_to_standard(torch, mean, log_var).sum(1),
        ),
        part_of(
            gaussian.kl_to_standard_by_dimension,
            LAW,
            oracle=lambda mean, log_var: kl(mean, log_var, 0 * mean, 0 * mean),
            tried=to_standard,
            torch=lambda torch, mean, log_var: _torch_kl_to_standard(torch, mean, log_var),
        ),
        part_of(
            gaussian.kl,
            {**LAW, **OTHER},
            oracle=lambda mean, log_var, other_mean, other_log_var: kl(
                mean, log_var, other_mean, other_log_var
            ).sum(axis=1),
            tried=two,
            torch=lambda torch, mean, log_var, *other: torch.distributions.kl_divergence(
                torch_law(torch, mean, log_var), torch_law(torch, *other)
            ).sum(1),
        ),
        part_of(
            gaussian.kl_by_dimension,
            {**LAW, **OTHER},
            oracle=kl,
            tried=two,
            torch=lambda torch, mean, log_var, *other: torch.distributions.kl_divergence(
                torch_law(torch, mean, log_var), torch_law(torch, *other)
            ),
        ),
        part_of(
            gaussian.expected_log_prob,
            {**LAW, **OTHER},
            oracle=_expected_log_prob,
            tried=two,
            torch=lambda torch, mean, log_var, *other: (
                -torch_cross_entropy(torch, torch_law(torch, mean, log_var), torch_law(torch, *other)).sum(1)
            ),
        ),
    ]


# Oracles, of mpmath numbers


def terms(x: Array, mean: Array, log_var: Array) -> Array:
    """log N(x; mean, σ²) by entry."""
    m = mathematics()
    return -(m.log(2 * m.pi) + log_var + (x - mean) ** 2 / m.exp(log_var)) / 2


def kl(mean: Array, log_var: Array, other_mean: Array, other_log_var: Array) -> Array:
    """KL(N(mean, σ²) ‖ N(other_mean, τ²)) by entry."""
    m = mathematics()
    ratio = m.exp(log_var - other_log_var)
    return (ratio + (mean - other_mean) ** 2 / m.exp(other_log_var) - 1 - log_var + other_log_var) / 2


def _log_prob_of_draw(log_var: Array, noise: Array) -> Array:
    return terms(mathematics().exp(log_var / 2) * noise, 0 * log_var, log_var).sum(axis=1)


def _expected_log_prob(mean: Array, log_var: Array, other_mean: Array, other_log_var: Array) -> Array:
    return (terms(mean, other_mean, other_log_var) - mathematics().exp(log_var - other_log_var) / 2).sum(
        axis=1
    )


def torch_law(torch: Any, mean: Any, log_var: Any) -> Any:
    """N(mean, σ²) by entry."""
    return torch.distributions.Normal(mean, torch.exp(log_var / 2))


def torch_standard(torch: Any, like: Any) -> Any:
    """N(0, 1) by entry."""
    return torch.distributions.Normal(torch.zeros_like(like), torch.ones_like(like))


def torch_cross_entropy(torch: Any, q: Any, p: Any) -> Any:
    """H(q) + KL(q ‖ p)."""
    return q.entropy() + torch.distributions.kl_divergence(q, p)


def _torch_kl_to_standard(torch: Any, mean: Any, log_var: Any) -> Any:
    return torch.distributions.kl_divergence(torch_law(torch, mean, log_var), torch_standard(torch, mean))


def _torch_draw(torch: Any, mean: Any, log_var: Any, *, noise: Any, draws: int = 1) -> Any:
    mean, log_var = (a.repeat_interleave(draws, 0) for a in (mean, log_var))
    return torch.distributions.AffineTransform(mean, torch.exp(log_var / 2))(noise)


def _torch_log_prob_of_draw(torch: Any, log_var: Any, *, noise: Any, draws: int = 1) -> Any:
    log_var = log_var.repeat_interleave(draws, 0)
    return torch_law(torch, 0 * log_var, log_var).log_prob((log_var / 2).exp() * noise).sum(1)


def sampled(n: int) -> tuple[Array, Array]:
    """Mean and log σ² of the sampling cases (n, 1)."""
    return column(n, SAMPLED_MEAN), column(n, SAMPLED_LOG_VAR)
