"""Roles and models by name, as recipes take them."""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import require_choice
from scratchvae.layers import Layer
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    GaussianOptimal,
    GaussianPerPixel,
    Laplace,
    Likelihood,
    Multinomial,
    Poisson,
)
from scratchvae.models import VAE, Autoencoder, LatentVariableModel
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian

LIKELIHOODS: dict[str, Callable[[], Likelihood]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "gaussian": Gaussian,
    "gaussian_learned": lambda: Gaussian(learned=True),
    "gaussian_optimal": GaussianOptimal,
    "gaussian_per_pixel": GaussianPerPixel,
    "laplace": Laplace,
    "laplace_learned": lambda: Laplace(learned=True),
    "multinomial": Multinomial,
    "poisson": Poisson,
}
PRIORS: dict[str, Callable[[int, np.random.Generator], Prior]] = {
    "gaussian_mixture": lambda latent_dim, rng: GaussianMixture(latent_dim, rng=rng),
    "standard_gaussian": lambda latent_dim, _: StandardGaussian(latent_dim),
}
MODELS = {"autoencoder": 1, "vae": 2}  # model: encoder outputs for each latent


def weights_generator(seed: int) -> np.random.Generator:
    """What the first weights are drawn from: a stream apart from those that draw data and noise by the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))


def likelihood_named(given: str | Likelihood) -> Likelihood:
    """The likelihood of that name with its defaults, or the one given."""
    if isinstance(given, Likelihood):
        return given
    require_choice("recipe", "likelihood", given, LIKELIHOODS)
    return LIKELIHOODS[given]()


def encoder_outputs(model: str, latent_dim: int) -> int:
    """How many numbers the encoder of that model must output."""
    require_choice("recipe", "model", model, MODELS)
    return MODELS[model] * latent_dim


def assemble(
    model: str,
    *,
    event_shape: tuple[int, ...],
    latent_dim: int,
    encoder: Layer,
    decoder: Layer,
    likelihood: Likelihood,
    prior: str,
    rng: np.random.Generator,
) -> LatentVariableModel:
    """The parts as a model of that name; an autoencoder has no use for `prior`."""
    require_choice("recipe", "prior", prior, PRIORS)
    if model == "autoencoder":
        parts = {"encoder": encoder, "decoder": decoder}
        return Autoencoder(event_shape=event_shape, latent_dim=latent_dim, likelihood=likelihood, **parts)
    return VAE(
        event_shape=event_shape,
        encoder=encoder,
        posterior=DiagonalGaussian(latent_dim),
        prior=PRIORS[prior](latent_dim, rng),
        decoder=decoder,
        likelihood=likelihood,
    )
