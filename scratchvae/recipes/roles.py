"""Roles and models by name, as recipes take them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import ACTIVATIONS, Layer
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
    StudentT,
)
from scratchvae.models import VAE, Autoencoder, LatentVariableModel
from scratchvae.posteriors import Density, DiagonalGaussian, FullGaussian, Point, Posterior
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian, VampPrior


@dataclass(frozen=True)
class Parts:
    """What a prior may be built from: the shape of an event, the model's encoder and posterior, and a generator of weights."""

    event_shape: tuple[int, ...]
    encoder: Layer
    posterior: Density
    rng: np.random.Generator


LIKELIHOODS: dict[str, Callable[[int], Likelihood]] = {  # each from D, the number of entries of an event
    "bernoulli": lambda _: Bernoulli(),
    "categorical": lambda _: Categorical(),
    "gaussian": lambda _: Gaussian(),
    "gaussian_diagonal": lambda D: GaussianDiagonal(np.ones(D)),
    "gaussian_learned": lambda _: Gaussian(learned=True),
    "gaussian_optimal": lambda _: GaussianOptimal(),
    "gaussian_per_pixel": lambda _: GaussianPerPixel(),
    "laplace": lambda _: Laplace(),
    "laplace_learned": lambda _: Laplace(learned=True),
    "multinomial": lambda _: Multinomial(),
    "poisson": lambda _: Poisson(),
    "student_t": lambda _: StudentT(scale_from="parameter", df_from="parameter"),
}
POSTERIORS: dict[str, Callable[[int], Density]] = {"diagonal_gaussian": DiagonalGaussian, "full_gaussian": FullGaussian}
PRIORS: dict[str, Callable[[Parts], Prior]] = {
    "gaussian_mixture": lambda parts: GaussianMixture(parts.posterior.latent_dim, rng=parts.rng),
    "standard_gaussian": lambda parts: StandardGaussian(parts.posterior.latent_dim),
    "vamp": lambda parts: VampPrior(parts.event_shape, parts.encoder, parts.posterior, rng=parts.rng),
}
MODELS = ("autoencoder", "vae")


def weights_generator(seed: int) -> np.random.Generator:
    """What the first weights are drawn from: a stream apart from those that draw data and noise by the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))


def likelihood_named(given: str | Likelihood, event_shape: Sequence[int]) -> Likelihood:
    """Return the likelihood of that name with its defaults, for events of that shape; a Likelihood is returned as it is."""
    if isinstance(given, Likelihood):
        return given
    require_choice("recipe", "likelihood", given, LIKELIHOODS)
    return LIKELIHOODS[given](prod(event_shape))


def posterior_named(model: str, posterior: str, latent_dim: int) -> Posterior:
    """The posterior of that name; an autoencoder has a Point whatever the name."""
    require_choice("recipe", "model", model, MODELS)
    require_choice("recipe", "posterior", posterior, POSTERIORS)
    return Point(latent_dim) if model == "autoencoder" else POSTERIORS[posterior](latent_dim)


def code_layers(model: str, activation: str | None) -> list[Layer]:
    """The activation of that name behind an autoencoder's codes, or nothing."""
    if activation is None:
        return []
    require_choice("recipe", "code_activation", activation, ACTIVATIONS)
    if model != "autoencoder":
        raise InputError(f"recipe: code_activation is for the model autoencoder, whose encoder puts out codes; found {model}")
    return [ACTIVATIONS[activation]()]


def assemble(
    model: str,
    *,
    event_shape: tuple[int, ...],
    encoder: Layer,
    posterior: Posterior,
    decoder: Layer,
    likelihood: Likelihood,
    prior: str,
    rng: np.random.Generator,
) -> LatentVariableModel:
    """The parts as a model of that name; an autoencoder has no use for `prior`."""
    require_choice("recipe", "prior", prior, PRIORS)
    latent_dim = posterior.latent_dim
    if model == "autoencoder":
        parts = {"encoder": encoder, "decoder": decoder}
        return Autoencoder(event_shape=event_shape, latent_dim=latent_dim, likelihood=likelihood, **parts)
    assert isinstance(posterior, Density)
    return VAE(
        event_shape=event_shape,
        encoder=encoder,
        posterior=posterior,
        prior=PRIORS[prior](Parts(event_shape, encoder, posterior, rng)),
        decoder=decoder,
        likelihood=likelihood,
    )
