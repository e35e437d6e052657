"""Products of posteriors and of priors: Gaussian latents beside choices."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.models import VAE
from scratchvae.objectives import Elbo
from scratchvae.posteriors import DiagonalGaussian, GumbelSoftmax, JointPosterior
from scratchvae.priors import GaussianMixture, OneHot, ProductPrior, StandardGaussian
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import GRID, SAMPLED_LOG_VAR, SAMPLED_MEAN
from scratchvae.reference.cases.models import B, X, Z, exponential, vae_of_width
from scratchvae.reference.cases.part import Part, SamplingCase

WIDTH = 6  # two choices among three have so many entries


def parts() -> list[Part]:
    """Return both roles."""
    return [
        Part(
            "joint",
            JointPosterior,
            [
                objective_case(
                    "Elbo: JointPosterior, ProductPrior",
                    Elbo(1.7),
                    joined(),
                    X,
                    noise=(normal(B, Z), exponential(B, WIDTH)),
                    training=True,
                )
            ],
            sampling=SamplingCase(
                "JointPosterior.sample",
                lambda n, rng: _draws_of(_joined_laws()[0], n, rng),
                lambda t: _joined_laws()[1].log_prob(_beside(t))[0] + np.log(2),
                GRID,
            ),
            columns=lambda n, rng: JointPosterior(*[DiagonalGaussian(1)] * 3).sample(
                np.zeros((n, 6)), noise=tuple(rng.standard_normal((3, n, 1)))
            )[0],
        ),
        Part(
            "product",
            ProductPrior,
            sampling=SamplingCase(
                "ProductPrior.sample",
                lambda n, rng: _joined_laws()[1].sample(n, rng)[:, 0],
                lambda t: _joined_laws()[1].log_prob(_beside(t))[0] + np.log(2),
                GRID,
            ),
            columns=lambda n, rng: ProductPrior(StandardGaussian(1), StandardGaussian(2)).sample(n, rng),
        ),
    ]


def joined() -> VAE:
    """Return a VAE of Z Gaussian latents beside two choices among three, which are relaxed in training."""
    q = JointPosterior(DiagonalGaussian(Z), GumbelSoftmax(2, 3, temperature=0.6))
    prior = ProductPrior(StandardGaussian(Z), OneHot(2, 3, learned=True))
    return vae_of_width(Z + WIDTH, q, prior)


def _joined_laws() -> tuple[JointPosterior, ProductPrior]:
    """Return a Gaussian latent beside one choice of two, and a prior with the same Gaussian first."""
    gaussian = GaussianMixture(1, components=1, rng=0)
    gaussian.means.value, gaussian.log_vars.value = np.array([[SAMPLED_MEAN]]), np.array([[SAMPLED_LOG_VAR]])
    return JointPosterior(DiagonalGaussian(1), GumbelSoftmax(1, 2)), ProductPrior(gaussian, OneHot(1, 2))


def _draws_of(q: JointPosterior, n: int, rng: np.random.Generator) -> Array:
    q_params = np.tile([SAMPLED_MEAN, SAMPLED_LOG_VAR, 0, 0], (n, 1))
    return q.sample(q_params, noise=q.draw_noise(n, rng))[0][:, 0]


def _beside(t: Array) -> Array:
    """Return z whose Gaussian part is t, beside the first of two choices, which has probability ½."""
    return np.column_stack([t, np.ones_like(t), np.zeros_like(t)])
