"""Cases of the penalty that asks a critic of codes, and of the objective by which the critic learns."""

from typing import Any

import numpy as np

from scratchvae.layers import Layer, Linear, Sequential, Tanh
from scratchvae.objectives import Critic, DecoderNorm, Discrimination, Elbo, Reconstruction, SampledElbo
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, POINT, B, K, X, Z, autoencoder, vae

PERMUTED = np.array([[1, 2], [2, 0], [0, 1]])  # the example whose code stands in each row, for each latent


def cases() -> list[Case]:
    """Return both forms of the penalty, with one draw and with several, and both losses of the critic.

    Their gradients are by what made the code and by the critic.
    """
    ratio, fooled = Critic(3.0), Critic(2.0, against="prior", form="non_saturating")
    others = normal(B, Z, seed=13)
    point = POINT[0]
    norm = Reconstruction(penalties=(DecoderNorm(0.7),))
    return [
        objective_case(
            "Elbo: Critic", Elbo(penalties=(ratio,)), judged(vae()), X, noise=(LATENT_NOISE, None)
        ),
        objective_case(
            "SampledElbo: Critic",
            SampledElbo(samples=K, penalties=(fooled,)),
            judged(vae()),
            X,
            noise=(LATENT_NOISES, None),
        ),
        objective_case(
            "Reconstruction: Critic",
            Reconstruction(penalties=(fooled,)),
            judged(autoencoder()),
            X,
            noise=(*POINT, None),
        ),
        objective_case(
            "Discrimination",
            Discrimination(),
            judged(vae()),
            X,
            noise=(LATENT_NOISE, PERMUTED),
            over=("critic",),
        ),
        objective_case(
            "Discrimination: prior",
            Discrimination("prior"),
            judged(autoencoder()),
            X,
            noise=(point, others),
            over=("critic",),
        ),
        objective_case("Reconstruction: DecoderNorm", norm, autoencoder(), X, noise=(*POINT, None)),
    ]


def judged(model: Any) -> Any:
    """Return the model with a critic of one hidden layer."""
    critic: Layer = Sequential(Linear(Z, 4, rng=7), Tanh(), Linear(4, 1, rng=8))
    model.critic = critic
    return model
