"""Cases of models that have an encoder for each of two modalities."""

from __future__ import annotations

import numpy as np

from scratchvae.layers import Linear, MixtureOfExperts, ProductOfExperts, Sequential, Tanh
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import StratifiedElbo, SubsampledElbo
from scratchvae.posteriors import DiagonalGaussian, MixturePosterior
from scratchvae.priors import StandardGaussian
from scratchvae.reference.cases.case import Case, normal, objective_case
from scratchvae.reference.cases.models import B, D, X, Z

SIZES, SUBSETS = (1, 3), 2
TERMS = 1 + len(SIZES) + SUBSETS  # all modalities, each alone, and two subsets
INSIDE = np.array([[[1, 0], [1, 1]], [[0, 1], [1, 0]], [[1, 1], [0, 1]]], np.bool_)
# the first example lacks a modality, the second an entry, and the last has all
OBSERVED = np.array([[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]], np.float64)
NOISE = normal(B * TERMS, Z, seed=41)


def cases() -> list[Case]:
    """The KL in closed form and sampled, and draws from each expert; everything observed, and not."""
    stratified = MixturePosterior(Z, len(SIZES)).stratified(normal(B * len(SIZES), Z, seed=42))
    noise = (NOISE, INSIDE)
    beta = SubsampledElbo(SUBSETS, beta=1.7)
    return [
        objective_case("SubsampledElbo", SubsampledElbo(SUBSETS), product(), X, noise=noise),
        objective_case("SubsampledElbo: beta, missing", beta, product(), X, noise=noise, observed=OBSERVED),
        objective_case("SubsampledElbo: mixture", beta, mixture(), X, noise=noise, observed=OBSERVED),
        objective_case(
            "StratifiedElbo: MixtureOfExperts",
            StratifiedElbo(beta=0.6),
            mixture(),
            X,
            noise=stratified,
            observed=OBSERVED,
        ),
    ]


def product() -> VAE:
    """A small VAE whose encoder is a product of experts."""
    return _model(ProductOfExperts(*_encoders(), sizes=SIZES), DiagonalGaussian(Z))


def mixture() -> VAE:
    """The same with a mixture of them."""
    return _model(MixtureOfExperts(*_encoders(), sizes=SIZES), MixturePosterior(Z, len(SIZES)))


def _encoders() -> list[Sequential]:
    return [Sequential(Linear(size, 3, rng=size), Tanh(), Linear(3, 2 * Z, rng=size + 5)) for size in SIZES]


def _model(
    encoder: ProductOfExperts | MixtureOfExperts, posterior: DiagonalGaussian | MixturePosterior
) -> VAE:
    return VAE(
        event_shape=(D,),
        shows_mask=True,
        encoder=encoder,
        posterior=posterior,
        prior=StandardGaussian(Z),
        decoder=Sequential(Linear(Z, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=Bernoulli(),
    )
