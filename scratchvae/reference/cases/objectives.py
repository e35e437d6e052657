"""Cases of the objectives and of every role in them, each as an op of a small model's Parameters."""

import numpy as np

from scratchvae.layers import Linear, Sequential, Tanh
from scratchvae.likelihoods import Bernoulli, Categorical, Gaussian, GaussianOptimal, GaussianPerPixel, Laplace, Likelihood
from scratchvae.models import VAE, Autoencoder
from scratchvae.objectives import Elbo, Iwae, Reconstruction, SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian
from scratchvae.reference.case import Case, normal, objective_case
from scratchvae.reference.cases import wake_sleep

B, D, Z, K = 3, 4, 2, 3
X = np.random.default_rng(0).uniform(0.05, 0.95, (B, D))
NOISE = normal(B, Z)
NOISES = normal(B * K, Z)


def vae(likelihood: Likelihood | None = None, prior: Prior | None = None) -> VAE:
    """A VAE of D entries and Z latents with one hidden layer each way."""
    likelihood = likelihood or Bernoulli()
    return VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 3, rng=1), Tanh(), Linear(3, 2 * Z, rng=2)),
        posterior=DiagonalGaussian(Z),
        prior=prior or StandardGaussian(Z),
        decoder=Sequential(Linear(Z, 3, rng=3), Tanh(), Linear(3, likelihood.n_params((D,)), rng=4)),
        likelihood=likelihood,
    )


def autoencoder() -> Autoencoder:
    """The same with a point for a posterior."""
    return Autoencoder(
        event_shape=(D,), latent_dim=Z, encoder=Linear(D, Z, rng=1), decoder=Linear(Z, D, rng=2), likelihood=Bernoulli()
    )


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
        objective_case("Elbo: GaussianPerPixel", Elbo(), vae(GaussianPerPixel()), X, noise=NOISE),
        objective_case("Elbo: GaussianOptimal", Elbo(), vae(GaussianOptimal()), X, noise=NOISE),
        objective_case("Elbo: GaussianOptimal, training", Elbo(), vae(GaussianOptimal()), X, noise=NOISE, training=True),
        objective_case("Iwae: GaussianOptimal, training", Iwae(K), vae(GaussianOptimal()), X, noise=NOISES, training=True),
        objective_case("Elbo: Laplace", Elbo(), vae(Laplace(0.3)), X, noise=NOISE),
        objective_case("Elbo: Laplace, learned", Elbo(), vae(Laplace(0.3, learned=True)), X, noise=NOISE),
        objective_case("Elbo: Categorical", Elbo(), vae(Categorical(3)), X, noise=NOISE),
        objective_case("SampledElbo", SampledElbo(beta=2.0, samples=K), vae(), X, noise=NOISES),
        objective_case("SampledElbo: GaussianMixture", SampledElbo(), vae(prior=mixture), X, noise=NOISE),
        objective_case("Iwae", Iwae(K), vae(), X, noise=NOISES),
        objective_case("Reconstruction", Reconstruction(), autoencoder(), X, noise=(NOISE[:, :0], None, None)),
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
