"""Cases of the objectives and of every role in them, each as an op of a small model's Parameters."""

import numpy as np

from scratchvae.layers import Layer, Linear, Sequential, Sigmoid, SiLU, Softplus, Tanh
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    GaussianDiagonal,
    GaussianOptimal,
    GaussianPerPixel,
    Laplace,
    Likelihood,
    Multinomial,
    Poisson,
    Standardized,
)
from scratchvae.models import VAE, Autoencoder
from scratchvae.objectives import L1, ActivationKl, Contraction, Elbo, Iwae, Reconstruction, SampledElbo
from scratchvae.posteriors import DiagonalGaussian, FullGaussian, Posterior
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian
from scratchvae.reference.case import Case, normal, objective_case
from scratchvae.reference.cases import wake_sleep

B, D, Z, K = 3, 4, 2, 3
X = np.random.default_rng(0).uniform(0.05, 0.95, (B, D))
COUNTS = np.array([[0, 3, 1, 5], [1, 0, 0, 0], [2, 0, 4, 1]], np.float64)
VARIANCES = np.array([0.15, 0.3, 0.6, 1.2])
NOISE = normal(B, Z)
NOISES = normal(B * K, Z)
POINT = (NOISE[:, :0], None, None)  # what Reconstruction draws where nothing is random, and None for each penalty


def vae(likelihood: Likelihood | None = None, prior: Prior | None = None, posterior: Posterior | None = None) -> VAE:
    """A VAE of D entries and Z latents with one hidden layer each way."""
    likelihood, posterior = likelihood or Bernoulli(), posterior or DiagonalGaussian(Z)
    return VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)),
        posterior=posterior,
        prior=prior or StandardGaussian(Z),
        decoder=Sequential(Linear(Z, 3, rng=3), Tanh(), Linear(3, likelihood.n_params((D,)), rng=4)),
        likelihood=likelihood,
    )


def standardized() -> Standardized:
    """The likelihood of columns of which no two have the same mean or scale."""
    return Standardized(GaussianDiagonal(VARIANCES), D, mean=[0.4, -1.5, 2.0, 0.1], scale=[0.7, 2.5, 0.2, 1.6])


def autoencoder(encoder: Layer | None = None) -> Autoencoder:
    """The same with a point for a posterior."""
    encoder = encoder or Linear(D, Z, rng=1)
    return Autoencoder(event_shape=(D,), latent_dim=Z, encoder=encoder, decoder=Linear(Z, D, rng=2), likelihood=Bernoulli())


def deep_encoder() -> Sequential:
    """Activations of three kinds, the last of which gives codes in (0, 1)."""
    first = Sequential(Linear(D, 5, rng=1), Softplus(), Linear(5, 3, rng=2))
    return Sequential(first, Tanh(), Linear(3, Z, bias=False, rng=3), Sigmoid())


def cases() -> list[Case]:
    """Built anew, since models hold state."""
    mask = np.random.default_rng(1).random((B, D)) < 0.7
    mixture = GaussianMixture(Z, components=3, rng=5)
    return [
        objective_case("Elbo", Elbo(), vae(), X, noise=NOISE),
        objective_case("Elbo: beta", Elbo(beta=4.0), vae(), X, noise=NOISE),
        objective_case("Elbo: free bits", Elbo(free_bits=0.05), vae(), X, noise=NOISE),
        objective_case("Elbo: capacity", Elbo(beta=3.0, capacity=0.15), vae(), X, noise=NOISE),
        objective_case("Elbo: Gaussian", Elbo(), vae(Gaussian(0.3)), X, noise=NOISE),
        objective_case("Elbo: Gaussian, learned", Elbo(), vae(Gaussian(0.3, learned=True)), X, noise=NOISE),
        objective_case("Elbo: GaussianDiagonal", Elbo(), vae(GaussianDiagonal(VARIANCES, min_variance=0.1)), X, noise=NOISE),
        objective_case("Iwae: GaussianDiagonal", Iwae(K), vae(GaussianDiagonal(VARIANCES, min_variance=0)), X, noise=NOISES),
        objective_case("Elbo: GaussianPerPixel", Elbo(), vae(GaussianPerPixel()), X, noise=NOISE),
        objective_case("Elbo: GaussianOptimal", Elbo(), vae(GaussianOptimal()), X, noise=NOISE),
        objective_case("Elbo: GaussianOptimal, training", Elbo(), vae(GaussianOptimal()), X, noise=NOISE, training=True),
        objective_case("Iwae: GaussianOptimal, training", Iwae(K), vae(GaussianOptimal()), X, noise=NOISES, training=True),
        objective_case("Elbo: Laplace", Elbo(), vae(Laplace(0.3)), X, noise=NOISE),
        objective_case("Elbo: Laplace, learned", Elbo(), vae(Laplace(0.3, learned=True)), X, noise=NOISE),
        objective_case("Elbo: Standardized", Elbo(), vae(standardized()), X, noise=NOISE),
        objective_case("Iwae: Standardized", Iwae(K), vae(standardized()), X, noise=NOISES),
        objective_case("Elbo: Categorical", Elbo(), vae(Categorical(3)), X, noise=NOISE),
        objective_case("Elbo: FullGaussian", Elbo(), vae(posterior=FullGaussian(Z)), X, noise=NOISE),
        objective_case("Elbo: FullGaussian, free bits", Elbo(free_bits=0.05), vae(posterior=FullGaussian(Z)), X, noise=NOISE),
        objective_case("SampledElbo: FullGaussian", SampledElbo(), vae(posterior=FullGaussian(Z)), X, noise=NOISE),
        objective_case("Iwae: FullGaussian", Iwae(K), vae(posterior=FullGaussian(Z)), X, noise=NOISES),
        objective_case("Elbo: Multinomial", Elbo(), vae(Multinomial()), COUNTS, noise=NOISE),
        objective_case("Elbo: Poisson", Elbo(), vae(Poisson()), COUNTS, noise=NOISE),
        objective_case("SampledElbo", SampledElbo(beta=2.0, samples=K), vae(), X, noise=NOISES),
        objective_case("SampledElbo: GaussianMixture", SampledElbo(), vae(prior=mixture), X, noise=NOISE),
        objective_case("Iwae", Iwae(K), vae(), X, noise=NOISES),
        objective_case("Reconstruction", Reconstruction(), autoencoder(), X, noise=POINT),
        objective_case("Reconstruction: L1", Reconstruction(penalties=(L1(0.3),)), autoencoder(), X, noise=(*POINT, None)),
        objective_case(
            "Reconstruction: ActivationKl",
            Reconstruction(penalties=(ActivationKl(0.7, target=0.2),)),
            autoencoder(deep_encoder()),
            X,
            noise=(*POINT, None),
        ),
        objective_case(
            "Reconstruction: Contraction",
            Reconstruction(penalties=(Contraction(5.0),)),
            autoencoder(deep_encoder()),
            X,
            noise=(*POINT, None),
        ),
        objective_case(
            "Reconstruction: Contraction, L1, denoising",
            Reconstruction(noise_std=0.3, penalties=(Contraction(2.0), L1(0.2))),
            autoencoder(Sequential(Linear(D, 3, rng=1), SiLU(), Linear(3, Z, rng=2))),
            X,
            noise=(NOISE[:, :0], normal(B, D, seed=9), None, None, None),
            training=True,
        ),
        objective_case(
            "Reconstruction: denoising",
            Reconstruction(noise_std=0.3, mask_rate=0.3),
            autoencoder(),
            X,
            noise=(NOISE[:, :0], normal(B, D, seed=9), mask),
            training=True,
        ),
        *wake_sleep.cases(),
    ]
