"""The model that is told labels or conditions, and the prior p(z|y)."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Linear, Sequential, Tanh, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import Classes, Condition, ConditionalVAE, Reals
from scratchvae.objectives import Elbo, Iwae, Objective, SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import ConditionalGaussian, Prior, StandardGaussian
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.inputs import SAMPLED_LOG_VAR, SAMPLED_MEAN, prior_sampler
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, B, D, K, X, Z
from scratchvae.reference.cases.part import Part

LABELS = np.array([2, 0, 2])
CONDITIONS = normal(B, 2, seed=7)


def parts() -> list[Part]:
    """Return the prior, and each objective of a model that is told y."""
    labels, reals = Classes(3), Reals(2)
    return [
        Part(
            "conditional_gaussian",
            ConditionalGaussian,
            [
                _case("Elbo: labels", Elbo(), labels, LATENT_NOISE, learned=False),
                _case("Elbo: labels, ConditionalGaussian", Elbo(), labels, LATENT_NOISE),
                _case(
                    "Elbo: conditions, ConditionalGaussian, free bits",
                    Elbo(beta=2.0, free_bits=0.3),
                    reals,
                    LATENT_NOISE,
                ),
                _case(
                    "SampledElbo: conditions, ConditionalGaussian",
                    SampledElbo(beta=2.0, samples=K),
                    reals,
                    LATENT_NOISES,
                ),
                _case("Iwae: labels, ConditionalGaussian", Iwae(K), labels, LATENT_NOISES),
            ],
            sampling=prior_sampler(_second_class(SAMPLED_MEAN, SAMPLED_LOG_VAR), "ConditionalGaussian"),
            columns=lambda n, rng: (
                ConditionalGaussian(3, 2).given(np.ones((1, 2), np.float32)).sample(n, rng)
            ),
        )
    ]


def _case(
    name: str, objective: Objective, condition: Condition, noise: Array, *, learned: bool = True
) -> Case:
    y = LABELS if isinstance(condition, Classes) else CONDITIONS
    return objective_case(name, objective, _model(condition, learned=learned), X, y=y, noise=noise)


def _model(condition: Condition, *, learned: bool = True) -> ConditionalVAE:
    """Return a VAE that is told y, with the prior p(z|y) or with N(0, I).

    The Parameters of p(z|y) are away from 0.
    """
    C = condition.width
    prior = ConditionalGaussian(Z, C)
    for i, parameter in enumerate(named_parameters(prior).values()):
        parameter.value = normal(*parameter.value.shape, seed=i + 8, scale=0.5)
    return ConditionalVAE(
        event_shape=(D,),
        condition=condition,
        encoder=Sequential(Linear(D + C, 3, rng=1), Tanh(), Linear(3, 2 * Z, rng=2)),
        posterior=DiagonalGaussian(Z),
        prior=prior if learned else StandardGaussian(Z),
        decoder=Sequential(Linear(Z + C, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=Bernoulli(),
    )


def _second_class(mean: float, log_var: float) -> Prior:
    """Return p(z|y) at the second of two classes."""
    table = Linear(2, 2, bias=False, rng=0)
    table.weight.value = np.array([[-3.0, 0.2], [mean, log_var]])
    return ConditionalGaussian(1, 2, layer=table).given(np.array([[0.0, 1.0]]))
