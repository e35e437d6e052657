"""The model that is told labels or conditions, and the prior p(z|y)."""

from __future__ import annotations

import numpy as np

from scratchvae.layers import Linear, Sequential, Tanh, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import Classes, Condition, ConditionalVAE, Reals
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import ConditionalGaussian, Prior, StandardGaussian
from scratchvae.reference.cases.case import normal, objective_case
from scratchvae.reference.cases.inputs import SAMPLED_LOG_VAR, SAMPLED_MEAN, prior_sampler
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, B, D, K, X, Z
from scratchvae.reference.cases.part import Part

LABELS = {"y": np.array([2, 0, 2]), "noise": LATENT_NOISE}
CONDITIONS = {"y": normal(B, 2, seed=7), "noise": LATENT_NOISE}


def parts() -> list[Part]:
    """The prior, and each objective of a model that is told y."""
    learned = ", ConditionalGaussian"
    return [
        Part(
            "conditional_gaussian",
            ConditionalGaussian,
            [
                objective_case("Elbo: labels", Elbo(), _model(Classes(3), learned=False), X, **LABELS),
                objective_case(f"Elbo: labels{learned}", Elbo(), _model(Classes(3)), X, **LABELS),
                objective_case(
                    f"Elbo: conditions{learned}, free bits", Elbo(beta=2.0, free_bits=0.3), _model(Reals(2)), X, **CONDITIONS
                ),
                objective_case(
                    f"SampledElbo: conditions{learned}",
                    SampledElbo(beta=2.0, samples=K),
                    _model(Reals(2)),
                    X,
                    **CONDITIONS | {"noise": LATENT_NOISES},
                ),
                objective_case(
                    f"Iwae: labels{learned}", Iwae(K), _model(Classes(3)), X, **LABELS | {"noise": LATENT_NOISES}
                ),
            ],
            sampling=prior_sampler(_second_class(SAMPLED_MEAN, SAMPLED_LOG_VAR), "ConditionalGaussian"),
            columns=lambda n, rng: ConditionalGaussian(3, 2).given(np.ones((1, 2), np.float32)).sample(n, rng),
        )
    ]


def _model(condition: Condition, *, learned: bool = True) -> ConditionalVAE:
    """A VAE told y, with the prior p(z|y), whose Parameters are away from 0, or with N(0, I)."""
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
    """p(z|y) at the second of two classes."""
    table = Linear(2, 2, bias=False, rng=0)
    table.weight.value = np.array([[-3.0, 0.2], [mean, log_var]])
    return ConditionalGaussian(1, 2, layer=table).given(np.array([[0.0, 1.0]]))
