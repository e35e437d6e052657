"""Small models, and data and noise for them, make up the objectives' cases."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Layer, Linear, Sequential, Sigmoid, Softplus, Tanh
from scratchvae.likelihoods import Bernoulli, Likelihood
from scratchvae.models import VAE, Autoencoder
from scratchvae.posteriors import DiagonalGaussian, Posterior
from scratchvae.priors import Prior, StandardGaussian
from scratchvae.reference.cases.case import normal

B, D, Z, K = 3, 4, 2, 3
X = np.random.default_rng(0).uniform(0.05, 0.95, (B, D))
FEW = np.array([[0, 3, 1, 5], [1, 0, 0, 0], [2, 0, 4, 1]], np.float64)  # counts
LATENT_NOISE = normal(B, Z)
LATENT_NOISES = normal(B * K, Z)
# The noise of Reconstruction where nothing is random, and None for each penalty.
POINT = (LATENT_NOISE[:, :0], None, None)


def vae(
    likelihood: Likelihood | None = None,
    prior: Prior | None = None,
    posterior: Posterior | None = None,
    *,
    encoder_inputs: int = D,
    before: tuple[Layer, ...] = (),
) -> VAE:
    """Return a VAE of D entries, with one hidden layer each way.

    It has Z latents, or as many as the posterior. In the encoder `before` comes first.
    """
    likelihood, posterior = likelihood or Bernoulli(), posterior or DiagonalGaussian(Z)
    return VAE(
        event_shape=(D,),
        shows_mask=encoder_inputs > D or bool(before),
        encoder=Sequential(
            *before, Linear(encoder_inputs, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)
        ),
        posterior=posterior,
        prior=prior or StandardGaussian(posterior.latent_dim),
        decoder=Sequential(
            Linear(posterior.latent_dim, 3, rng=3), Tanh(), Linear(3, likelihood.n_params((D,)), rng=4)
        ),
        likelihood=likelihood,
    )


def autoencoder(encoder: Layer | None = None) -> Autoencoder:
    """Return the same model with a point for a posterior."""
    encoder = encoder or Linear(D, Z, rng=1)
    return Autoencoder(
        event_shape=(D,), latent_dim=Z, encoder=encoder, decoder=Linear(Z, D, rng=2), likelihood=Bernoulli()
    )


def deep_encoder() -> Sequential:
    """Return an encoder with activations of three kinds, the last of which gives codes in (0, 1)."""
    first = Sequential(Linear(D, 5, rng=1), Softplus(), Linear(5, 3, rng=2))
    return Sequential(first, Tanh(), Linear(3, Z, bias=False, rng=3), Sigmoid())


def vae_of_width(width: int, posterior: Posterior, prior: Prior, *before: Layer) -> VAE:
    """Return a VAE with codes of so many numbers; in the decoder `before` comes first."""
    return VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)),
        posterior=posterior,
        prior=prior,
        decoder=Sequential(*before, Linear(width, 3, rng=3), Tanh(), Linear(3, D, rng=4)),
        likelihood=Bernoulli(),
    )


def exponential(*shape: int) -> Array:
    """Return standard exponential numbers, the same for the same shape."""
    return np.random.default_rng([5, *shape]).standard_exponential(shape)
