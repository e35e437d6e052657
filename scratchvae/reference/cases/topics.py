"""What a topic model is made of: mixtures of laws over words, and the prior of documents' shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.layers import Topics
from scratchvae.likelihoods import Multinomial
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import LogisticNormal
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import GRID
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.models import FEW, D, K, vae
from scratchvae.reference.cases.part import Inputs, Part, SamplingCase, part_of

WEIGHTS = np.random.default_rng(4).uniform(0.1, 0.9, (3, 2))
CONCENTRATION = (0.4, 1.7, 3.1)
SAMPLED = LogisticNormal(2, (0.2, 0.9))


def parts() -> list[Part]:
    """The mixture, and the role."""
    laws = normal(2, 4, seed=5)
    far = np.array([[-700.0, 0, -90, 3], [0, -700, -80, -2]])
    why = "logarithms of both signs cancel"
    return [
        part_of(
            ops.log_mixture,
            {"weights": WEIGHTS, "log_laws": laws},
            oracle=_log_mixture,
            tried=[
                Inputs("ordinary", {"weights": WEIGHTS, "log_laws": laws}, floor=1.0, why=why),
                Inputs("laws down to e⁻⁷⁰⁰", {"weights": WEIGHTS, "log_laws": far}, floor=1.0, why=why, digits=400),
            ],
            torch=lambda torch, weights, log_laws: torch.logsumexp(torch.log(weights)[:, :, None] + log_laws[None], dim=1),
        ),
        Part(
            "logistic_normal",
            LogisticNormal,
            [
                objective_case("Elbo: Topics, LogisticNormal", Elbo(1.7), topic_model(), FEW, noise=normal(3, 3)),
                objective_case("Iwae: Topics, LogisticNormal", Iwae(K), topic_model(), FEW, noise=normal(3 * K, 3)),
            ],
            sampling=SamplingCase(
                "LogisticNormal.sample",
                lambda n, rng: SAMPLED.sample(n, rng)[:, 0],
                lambda t: SAMPLED.log_prob(np.stack([t, 0 * t], axis=1))[0] - SAMPLED.log_prob(np.zeros((1, 2)))[0] + _at_0(),
                GRID,
            ),
            columns=lambda n, rng: LogisticNormal(3).sample(n, rng),
        ),
    ]


def topic_model() -> VAE:
    """Three topics of four words, with unequal concentrations."""
    made = vae(Multinomial(), LogisticNormal(3, CONCENTRATION), DiagonalGaussian(3))
    made.decoder = Topics(3, D, rng=3)
    return made


def _at_0() -> float:
    """log p(z_1 = 0) of the sampled prior."""
    mean, log_var = (float(a[0, 0]) for a in SAMPLED.mean_and_log_var(np.zeros((1, 2))))
    return -0.5 * (np.log(2 * np.pi) + log_var + mean**2 * np.exp(-log_var))


def _log_mixture(weights: Any, log_laws: Any) -> Any:
    m = mathematics()
    return m.log((weights[:, :, None] * m.exp(log_laws)[None]).sum(axis=1))
