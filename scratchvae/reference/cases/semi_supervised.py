"""Cases of a model whose classifier infers the classes that it is not told."""

from __future__ import annotations

import numpy as np

from scratchvae.layers import Linear, Sequential, Tanh, named_parameters
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import Classes, ConditionalVAE
from scratchvae.objectives import SemiSupervised
from scratchvae.posteriors import DiagonalGaussian, FullGaussian, Posterior
from scratchvae.priors import ConditionalGaussian, GaussianMixture, Prior, StandardGaussian
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import B, D, X, Z

CLASSES = 3
LABELS = np.array([-1, 2, -1])  # the first and the last are hidden
NOISE = normal(B * CLASSES, Z, seed=31)
SHARES = (0.5, 0.2, 0.3)


def cases() -> list[Case]:
    """Return cases with some classes hidden, all of them, and none.

    The KL is in closed form, or to a learned p(z|y), or sampled.
    """
    one = SemiSupervised(alpha=0.7)
    return [
        objective_case("SemiSupervised", one, semi_supervised(), X, y=LABELS, noise=NOISE),
        objective_case(
            "SemiSupervised: every class hidden", one, semi_supervised(), X, y=np.full(B, -1), noise=NOISE
        ),
        objective_case(
            "SemiSupervised: no class hidden", one, semi_supervised(), X, y=np.array([1, 0, 2]), noise=NOISE
        ),
        objective_case(
            "SemiSupervised: ConditionalGaussian, beta",
            SemiSupervised(alpha=2.0, beta=0.4),
            semi_supervised(prior=_conditional_prior()),
            X,
            y=LABELS,
            noise=NOISE,
        ),
        objective_case(
            "SemiSupervised: sampled",
            SemiSupervised(alpha=0.7, beta=1.5),
            semi_supervised(posterior=FullGaussian(Z), prior=GaussianMixture(Z, components=2, rng=0)),
            X,
            y=LABELS,
            noise=NOISE,
        ),
    ]


def semi_supervised(
    *, posterior: Posterior | None = None, prior: Prior | None = None, classes: int = CLASSES
) -> ConditionalVAE:
    """Return a small model that is told one of a few classes, and its classifier."""
    posterior = posterior or DiagonalGaussian(Z)
    return ConditionalVAE(
        event_shape=(D,),
        condition=Classes(classes, SHARES[:classes] if classes == CLASSES else None),
        encoder=Sequential(Linear(D + classes, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)),
        posterior=posterior,
        prior=prior or StandardGaussian(Z),
        decoder=Sequential(Linear(Z + classes, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=Bernoulli(),
        classifier=Sequential(Linear(D, 4, rng=5), Tanh(), Linear(4, classes, rng=6)),
    )


def _conditional_prior() -> ConditionalGaussian:
    """Return p(z|y) whose Parameters are away from 0."""
    prior = ConditionalGaussian(Z, CLASSES)
    for i, parameter in enumerate(named_parameters(prior).values()):
        parameter.value = normal(*parameter.value.shape, seed=i + 8, scale=0.5)
    return prior
