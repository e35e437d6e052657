"""The posterior and the prior on the unit sphere."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.posteriors import VonMisesFisher
from scratchvae.priors import UniformSphere
from scratchvae.reference.cases.case import Case, objective_case
from scratchvae.reference.cases.inputs import column
from scratchvae.reference.cases.models import B, K, X, vae
from scratchvae.reference.cases.part import Part, SamplingCase
from scratchvae.reference.cases.von_mises_fisher import (
    POINTS,
    SAMPLED_LOG_KAPPA,
    SAMPLED_MEAN,
    SPHERE,
    drawn_law,
    uniform_law,
)


def parts() -> list[Part]:
    """Return both roles."""
    return [
        Part(
            "von_mises_fisher",
            VonMisesFisher,
            _roles(),
            sampling=SamplingCase("VonMisesFisher.sample", _posterior_cosine, drawn_law, POINTS),
            columns=lambda n, rng: VonMisesFisher(3).draw_noise(n, rng),
        ),
        Part(
            "uniform_sphere",
            UniformSphere,
            sampling=SamplingCase(
                "UniformSphere.sample",
                lambda n, rng: UniformSphere(SPHERE).sample(n, rng)[:, 1],
                uniform_law,
                POINTS,
            ),
            columns=lambda n, rng: UniformSphere(3).sample(n, rng),
        ),
    ]


def _roles() -> list[Case]:
    """Return both roles with each kind of KL, with and without the score."""
    found = []
    for objective, draws in ((Elbo(beta=2.0), 1), (SampledElbo(beta=2.0, samples=K), K), (Iwae(K), K)):
        noise = VonMisesFisher(3).draw_noise(B * draws, np.random.default_rng(3))
        model = vae(posterior=VonMisesFisher(3), prior=UniformSphere(3))
        name = f"{type(objective).__name__}: VonMisesFisher, UniformSphere"
        found.append(objective_case(name, objective, model, X, noise=noise.astype(np.float64)))
    return found


def _posterior_cosine(n: int, rng: np.random.Generator) -> Array:
    posterior, q_params = (
        VonMisesFisher(SPHERE),
        np.hstack([np.tile(3 * SAMPLED_MEAN, (n, 1)), column(n, SAMPLED_LOG_KAPPA)]),
    )
    z, _ = posterior.sample(q_params, noise=posterior.draw_noise(n, rng).astype(np.float64))
    return (z @ SAMPLED_MEAN.T)[:, 0]
