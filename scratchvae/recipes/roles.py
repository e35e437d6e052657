"""Roles and models by name, as recipes take them."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import ACTIVATIONS, BoundedLogVar, Layer
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
from scratchvae.models import VAE, Autoencoder, LatentVariableModel
from scratchvae.posteriors import DiagonalGaussian, FullGaussian, Point, Posterior
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian

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
}
POSTERIORS: dict[str, Callable[[int], Posterior]] = {"diagonal_gaussian": DiagonalGaussian, "full_gaussian": FullGaussian}
PRIORS: dict[str, Callable[[int, np.random.Generator], Prior]] = {
    "gaussian_mixture": lambda latent_dim, rng: GaussianMixture(latent_dim, rng=rng),
    "standard_gaussian": lambda latent_dim, _: StandardGaussian(latent_dim),
}
MODELS = ("autoencoder", "vae")


def weights_generator(seed: int) -> np.random.Generator:
    """What the first weights are drawn from: a stream apart from those that draw data and noise by the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))


def likelihood_named(
    given: str | Likelihood, event_shape: Sequence[int], *, standardize: bool = False
) -> Likelihood:
    """Return the likelihood of that name with its defaults, for events of that shape; a Likelihood is returned as it is.

    With `standardize` it becomes that of the standardized columns: likelihoods.Standardized.
    """
    if not isinstance(given, Likelihood):
        require_choice("recipe", "likelihood", given, LIKELIHOODS)
        given = LIKELIHOODS[given](prod(event_shape))
    return Standardized(given, prod(event_shape)) if standardize else given


def posterior_named(model: str, posterior: str, latent_dim: int) -> Posterior:
    """The posterior of that name; an autoencoder has a Point whatever the name."""
    require_choice("recipe", "model", model, MODELS)
    require_choice("recipe", "posterior", posterior, POSTERIORS)
    return Point(latent_dim) if model == "autoencoder" else POSTERIORS[posterior](latent_dim)


def last_layers(
    model: str, posterior: Posterior, activation: str | None, log_var_bounds: Sequence[float] | None
) -> list[Layer]:
    """What stands behind an encoder: bounds of log σ², an activation of an autoencoder's codes, or nothing."""
    bounds: list[Layer] = []
    if log_var_bounds is not None:
        if not isinstance(posterior, DiagonalGaussian):
            found = f"found a {type(posterior).__name__}"
            raise InputError(f"recipe: log_var_bounds are for the log σ² of a diagonal_gaussian; {found}")
        if np.shape(log_var_bounds) != (2,):
            raise InputError(f"recipe: log_var_bounds should be two numbers, low and high; found {log_var_bounds!r}")
        bounds = [BoundedLogVar(*log_var_bounds)]
    if activation is None:
        return bounds
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
    return VAE(
        event_shape=event_shape,
        encoder=encoder,
        posterior=posterior,
        prior=PRIORS[prior](latent_dim, rng),
        decoder=decoder,
        likelihood=likelihood,
    )
