"""Roles and models by name, as recipes take them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import ACTIVATIONS, Layer, LearnedFill
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
from scratchvae.models import VAE, Autoencoder, Classes, Condition, ConditionalVAE, LatentVariableModel, Reals
from scratchvae.posteriors import Density, DiagonalGaussian, FullGaussian, Point, Posterior
from scratchvae.priors import ConditionalGaussian, GaussianMixture, Prior, StandardGaussian, VampPrior


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
CONDITIONAL = "conditional_gaussian"  # the prior p(z|y), which a conditional_vae may have
MODELS = ("autoencoder", "conditional_vae", "vae")
FILLS = ("learned", "zero", "zero_and_mask")  # what an encoder sees where an entry is missing


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


def condition_of(model: str, classes: int | None, condition_dim: int | None) -> Condition | None:
    """What a conditional_vae is told: Classes or Reals, of which exactly one should be given. None for any other model."""
    given = [kind(n) for kind, n in ((Classes, classes), (Reals, condition_dim)) if n is not None]
    if len(given) != (model == "conditional_vae"):
        expected = "a conditional_vae should have either classes or a condition_dim, and any other model neither"
        raise InputError(f"recipe: {expected}; found model {model}, classes {classes}, condition_dim {condition_dim}")
    return given[0] if given else None


def code_layers(model: str, activation: str | None) -> list[Layer]:
    """The activation of that name behind an autoencoder's codes, or nothing."""
    if activation is None:
        return []
    require_choice("recipe", "code_activation", activation, ACTIVATIONS)
    if model != "autoencoder":
        raise InputError(f"recipe: code_activation is for the model autoencoder, whose encoder puts out codes; found {model}")
    return [ACTIVATIONS[activation]()]


def encoder_inputs(fill: str, entries: int) -> tuple[int, list[Layer]]:
    """How many numbers the first layer of an encoder gets that fills in missing entries so, and what comes before it.

    "zero" puts 0 where one of D = `entries` entries is missing. "learned" puts a number of its own there for each entry.
    "zero_and_mask" puts 0 there, and shows which entries were observed as D more numbers.
    """
    require_choice("recipe", "fill", fill, FILLS)
    if fill == "learned":
        return entries, [LearnedFill(entries)]
    return (2 * entries if fill == "zero_and_mask" else entries), []


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
    condition: Condition | None = None,
    fill: str = "zero",
) -> LatentVariableModel:
    """The parts as a model of that name; an autoencoder has no use for `prior`."""
    require_choice("recipe", "prior", prior, (*PRIORS, CONDITIONAL) if condition else PRIORS)
    latent_dim = posterior.latent_dim
    if model == "autoencoder":
        return Autoencoder(
            event_shape=event_shape,
            latent_dim=latent_dim,
            encoder=encoder,
            decoder=decoder,
            likelihood=likelihood,
            shows_mask=fill != "zero",
        )
    if condition and prior == CONDITIONAL:
        p: Prior = ConditionalGaussian(latent_dim, condition.width)
    else:
        assert isinstance(posterior, Density)
        p = PRIORS[prior](Parts(event_shape, encoder, posterior, rng))
    parts: dict[str, Any] = {"encoder": encoder, "posterior": posterior, "prior": p, "decoder": decoder}
    parts |= {"likelihood": likelihood, "shows_mask": fill != "zero"}
    if condition:
        return ConditionalVAE(event_shape=event_shape, condition=condition, **parts)
    return VAE(event_shape=event_shape, **parts)
