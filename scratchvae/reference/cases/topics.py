"""Models of documents: topics as the decoder, and the prior of their shares."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Topics
from scratchvae.likelihoods import Multinomial
from scratchvae.objectives import Elbo, Iwae, Objective, SampledElbo
from scratchvae.posteriors import DiagonalGaussian, FullGaussian, Posterior
from scratchvae.priors import LogisticNormal
from scratchvae.reference.cases.case import Case, objective_case
from scratchvae.reference.cases.inputs import GRID
from scratchvae.reference.cases.models import FEW, LATENT_NOISE, LATENT_NOISES, D, K, Z, vae
from scratchvae.reference.cases.part import Part, SamplingCase

CONCENTRATION = (0.3, 1.7)
OF_DRAWS = (2.0, 7.0)  # whose τ is far from 1, so that the mean and the noise can be told apart


def parts() -> list[Part]:
    """The prior, in closed form and sampled, beside both kinds of topics."""
    return [
        Part(
            "logistic_normal",
            LogisticNormal,
            [
                _case("Elbo: LogisticNormal, topics mixed", Elbo(beta=1.4), "mixture"),
                _case("Elbo: LogisticNormal, topics multiplied", Elbo(free_bits=0.2), "product"),
                _case("SampledElbo: LogisticNormal", SampledElbo(samples=K), "product", FullGaussian(Z)),
                _case("Iwae: LogisticNormal", Iwae(K), "mixture"),
            ],
            sampling=SamplingCase("LogisticNormal.sample", _drawn, _log_prob, GRID),
            columns=lambda n, rng: LogisticNormal(3, 0.4).sample(n, rng),
        )
    ]


def _drawn(n: int, rng: np.random.Generator) -> Array:
    """The second of two latents."""
    return LogisticNormal(2, OF_DRAWS).sample(n, rng)[:, 1]


def _log_prob(t: Array) -> Array:
    """Of the second latent alone: p(z) less the density of the first, which is put at its mean."""
    prior = LogisticNormal(2, OF_DRAWS)
    (mean, log_var), _ = prior.mean_and_log_var(np.zeros((len(t), 2)))
    log_pz, _ = prior.log_prob(np.stack([mean[:, 0], t], axis=1))
    log_first: Array = log_pz + 0.5 * (np.log(2 * np.pi) + log_var[:, 0])
    return log_first


def _case(name: str, objective: Objective, kind: str, posterior: Posterior | None = None) -> Case:
    model = vae(Multinomial(), LogisticNormal(Z, CONCENTRATION), posterior or DiagonalGaussian(Z))
    model.decoder = Topics(Z, D, kind=kind, rng=3)
    noise = LATENT_NOISE if isinstance(objective, Elbo) else LATENT_NOISES
    return objective_case(name, objective, model, FEW, noise=noise)
