"""The mixture of Gaussians and its prior."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import mixture
from scratchvae.objectives import SampledElbo
from scratchvae.priors import GaussianMixture
from scratchvae.reference.cases import gaussian
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import CLASSES, GRID, B, prior_sampler
from scratchvae.reference.cases.mathematics import log_softmax, log_sum_exp
from scratchvae.reference.cases.models import LATENT_NOISE, X, Z, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

WEIGHTS = {"ordinary": normal(3), "all equal": np.zeros(3), "one far outlier": np.array([0.0, 60.0, -60.0])}
MIXED = {
    "logits": np.array([0.3, -1.0, 1.1]),
    "means": np.array([[-3.0], [0.5], [2.0]]),
    "log_vars": np.array([[0.2], [-1.5], [1.0]]),
}


def parts() -> list[Part]:
    """Return every function of the law, and the role."""
    learned = GaussianMixture(1, components=3, rng=0)
    learned.logits.value, learned.means.value, learned.log_vars.value = MIXED.values()
    prior = GaussianMixture(Z, components=3, rng=5)
    others = {"means": normal(3, 2, seed=2), "log_vars": normal(3, 2, seed=3)}
    return [
        part_of(
            mixture.log_prob,
            {
                "z": normal(B, 2),
                "logits": normal(4, seed=1),
                "means": normal(4, 2, seed=2),
                "log_vars": normal(4, 2, seed=3),
            },
            oracle=_log_prob,
            tried=[
                Inputs(
                    kind,
                    {"z": normal(B, 2), "logits": logits, **others},
                    floor=1.0,
                    why="responsibilities and weights cancel",
                )
                for kind, logits in WEIGHTS.items()
            ]
            + _far_and_narrow(),
            torch=lambda torch, z, *parameters: torch_law(torch, *parameters).log_prob(z),
        ),
        part_of(
            mixture.sample,
            sampling=SamplingCase(
                "mixture.sample",
                lambda n, rng: mixture.sample(
                    **MIXED, uniform=rng.random(n), noise=rng.standard_normal((n, 1))
                )[:, 0],
                lambda t: mixture.log_prob(t[:, None], **MIXED)[0],
                GRID,
            ),
        ),
        Part(
            "gaussian_mixture",
            GaussianMixture,
            [
                objective_case(
                    "SampledElbo: GaussianMixture", SampledElbo(), vae(prior=prior), X, noise=LATENT_NOISE
                )
            ],
            sampling=prior_sampler(learned),
            columns=lambda n, rng: GaussianMixture(3, components=1, rng=0).sample(n, rng),
        ),
    ]


def _log_prob(z: Array, logits: Array, means: Array, log_vars: Array) -> Array:
    pairs = gaussian.terms(z[:, None], means[None], log_vars[None]).sum(axis=2)
    return log_sum_exp(log_softmax(logits) + pairs, 1)


def _far_and_narrow() -> list[Inputs]:
    """Return components that are narrow, wide or far from z, and logits of every offset."""
    z, means, log_vars = normal(3, 2), normal(3, 2, seed=2), normal(3, 2, seed=3)
    ordinary = WEIGHTS["ordinary"]
    rows = {
        **{f"all weights, {kind}": (z, logits[0], log_vars) for kind, logits in CLASSES.items()},
        "far from all components": (z + 20, ordinary, 0 * log_vars),
        "σ² from e⁻⁸⁰ to e⁸⁰": (z, ordinary, np.array([[-80.0, -80], [80, 80], [-80, 80]])),
    }
    return [
        Inputs(
            kind,
            {"z": z, "logits": logits, "means": means, "log_vars": log_vars},
            floor=float(1 + np.abs(z).max()),
            why="responsibilities and weights cancel",
            digits=120,
        )
        for kind, (z, logits, log_vars) in rows.items()
    ]


def torch_law(torch: Any, logits: Any, means: Any, log_vars: Any) -> Any:
    """Return PyTorch's mixture."""
    laws = torch.distributions
    each = laws.Independent(gaussian.torch_law(torch, means, log_vars), 1)
    return laws.MixtureSameFamily(laws.Categorical(logits=logits), each)
