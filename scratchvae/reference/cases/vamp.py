"""The prior that is a mixture of the model's own posteriors at pseudo-inputs."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Sequential, cast
from scratchvae.models import VAE
from scratchvae.objectives import Iwae, SampledElbo
from scratchvae.posteriors import Density, DiagonalGaussian, FullGaussian
from scratchvae.priors import VampPrior
from scratchvae.reference.cases.case import objective_case
from scratchvae.reference.cases.inputs import prior_sampler
from scratchvae.reference.cases.mixture import MIXED
from scratchvae.reference.cases.models import LATENT_NOISES, D, K, X, Z, vae
from scratchvae.reference.cases.part import Part


def parts() -> list[Part]:
    """Return the role, with both posteriors that have a density."""
    drawn = np.hstack([MIXED["means"], MIXED["log_vars"]])
    return [
        Part(
            "vamp",
            VampPrior,
            [
                objective_case(
                    "SampledElbo: VampPrior",
                    SampledElbo(samples=K),
                    _vamp(bounds=(0, 1)),
                    X,
                    noise=LATENT_NOISES,
                ),
                objective_case(
                    "Iwae: VampPrior, FullGaussian", Iwae(K), _vamp(FullGaussian(Z)), X, noise=LATENT_NOISES
                ),
            ],
            sampling=prior_sampler(_of_components(drawn)),
            columns=lambda n, rng: _of_components(np.zeros((1, 6))).sample(n, rng),
        )
    ]


def _vamp(posterior: Density | None = None, bounds: tuple[float, float] | None = None) -> VAE:
    """Return a VAE whose prior uses its own encoder.

    Some of its pseudo-inputs lie within [0, 1], and others beyond.
    """
    q = posterior or DiagonalGaussian(Z)
    model = vae(posterior=q)
    model.prior = VampPrior((D,), model.encoder, q, components=3, bounds=bounds, mean=0.5, std=0.5, rng=6)
    return model


def _of_components(q_params: Array) -> VampPrior:
    """Return a prior whose encoder passes its input on.

    So the pseudo-inputs are the parameters of its components.
    """
    posterior = DiagonalGaussian(q_params.shape[1] // 2)
    prior = VampPrior(q_params.shape[1:], Sequential(), posterior, pseudo_inputs=q_params)
    cast(prior, np.float64)
    return prior
