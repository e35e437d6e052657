"""The likelihood of standardized columns."""

from __future__ import annotations

import numpy as np

from scratchvae.likelihoods import Gaussian, GaussianDiagonal, Standardized
from scratchvae.objectives import Elbo, Iwae
from scratchvae.reference.cases.case import objective_case
from scratchvae.reference.cases.inputs import GRID, SAMPLED_MEAN, likelihood_sampler, real_data
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, D, K, X, vae
from scratchvae.reference.cases.part import Part

MEAN, SCALE = [0.4, -1.5, 2.0, 0.1], [0.7, 2.5, 0.2, 1.6]  # no two columns have equal numbers


def parts() -> list[Part]:
    """Return the role."""
    return [
        Part(
            "standardized",
            Standardized,
            [
                objective_case("Elbo: Standardized", Elbo(), vae(_standardized()), X, noise=LATENT_NOISE),
                objective_case("Iwae: Standardized", Iwae(K), vae(_standardized()), X, noise=LATENT_NOISES),
            ],
            sampling=likelihood_sampler(
                Standardized(Gaussian(5.0), 1, mean=[-1.6], scale=[2.4]), [SAMPLED_MEAN], GRID
            ),
            example=lambda D: (
                Standardized(
                    Gaussian(0.5, learned=True), D, mean=np.linspace(-2, 3, D), scale=np.linspace(0.1, 2, D)
                ),
                real_data(D),
            ),
            columns=lambda n, rng: Standardized(Gaussian(), 3, mean=[3, 0, -2], scale=[0.2, 1, 5]).sample(
                np.zeros((n, 3)), rng
            ),
        )
    ]


def _standardized() -> Standardized:
    return Standardized(GaussianDiagonal([0.15, 0.3, 0.6, 1.2]), D, mean=MEAN, scale=SCALE)
