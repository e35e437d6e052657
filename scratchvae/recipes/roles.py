"""Likelihoods, posteriors, priors and models by name: the parts of a recipe that a user chooses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_choice, require_count, require_flag
from scratchvae.choices import Table, parse, shortened
from scratchvae.layers import ACTIVATIONS, BoundedLogVar, Layer, LearnedFill
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
    StudentT,
)
from scratchvae.models import VAE, Autoencoder, Classes, Condition, ConditionalVAE, LatentVariableModel, Reals
from scratchvae.posteriors import Density, DiagonalGaussian, FullGaussian, Point, Posterior
from scratchvae.priors import ConditionalGaussian, GaussianMixture, StandardGaussian, VampPrior


@dataclass(frozen=True)
class Parts:
    """What is known of a model when one of its roles is built. A role's builder takes those by name that it needs.

    The likelihood and the posterior come first, while there is no encoder yet. The prior comes last, and its `event_shape`
    is the shape of what the encoder gets.
    """

    event_shape: tuple[int, ...]
    latent_dim: int
    rng: np.random.Generator
    encoder: Layer | None = None
    posterior: Posterior | None = None
    condition_dim: int | None = None  # how many numbers a conditional model is told of each example


def gaussian_diagonal(event_shape: tuple[int, ...], *, variance: float = 1.0, min_variance: float = 1e-6) -> GaussianDiagonal:
    """N(mean, diag σ²), a variance for each entry that is learned and does not depend on z."""
    return GaussianDiagonal(np.full(prod(event_shape), variance), min_variance=min_variance)


def vamp(
    event_shape: tuple[int, ...],
    encoder: Layer,
    posterior: Density,
    rng: np.random.Generator,
    *,
    components: int = 100,
    bounds: tuple[float, float] | None = None,
    mean: float = 0.0,
    std: float = 1.0,
) -> VampPrior:
    """A mixture of the densities q(z|u_k) of learned pseudo-inputs u_k, which begin as draws from N(mean, std²)."""
    return VampPrior(event_shape, encoder, posterior, components=components, bounds=bounds, mean=mean, std=std, rng=rng)


def conditional_gaussian(latent_dim: int, condition_dim: int | None) -> ConditionalGaussian:
    """p(z|y) = N(mean(y), diag σ²(y)), by one linear layer: the prior of a conditional_vae that depends on y."""
    if condition_dim is None:
        raise InputError("prior conditional_gaussian is for the model conditional_vae, which is told y; found another model")
    return ConditionalGaussian(latent_dim, condition_dim)


PARTS = tuple(Parts.__dataclass_fields__)
LIKELIHOODS = Table(
    "likelihood",
    {
        "bernoulli": Bernoulli,
        "categorical": Categorical,
        "gaussian": Gaussian,
        "gaussian_diagonal": gaussian_diagonal,
        "gaussian_optimal": GaussianOptimal,
        "gaussian_per_pixel": GaussianPerPixel,
        "laplace": Laplace,
        "multinomial": Multinomial,
        "poisson": Poisson,
        "student_t": StudentT,
    },
    given=PARTS,
)
POSTERIORS = Table("posterior", {"diagonal_gaussian": DiagonalGaussian, "full_gaussian": FullGaussian}, given=PARTS)
PRIORS = Table(
    "prior",
    {
        "conditional_gaussian": conditional_gaussian,
        "gaussian_mixture": GaussianMixture,
        "standard_gaussian": StandardGaussian,
        "vamp": vamp,
    },
    given=PARTS,
)
MODELS = Table(
    "model",
    {"autoencoder": Autoencoder, "conditional_vae": ConditionalVAE, "vae": VAE},
    given=(
        "event_shape",
        "latent_dim",
        "encoder",
        "posterior",
        "prior",
        "decoder",
        "likelihood",
        "condition",
        "shows_mask",
    ),
)
POSTERIOR, PRIOR = "diagonal_gaussian", "standard_gaussian"  # unless others are chosen
FILLS = ("learned", "zero", "zero_and_mask")  # what an encoder sees where an entry is missing


def weights_generator(seed: int) -> np.random.Generator:
    """What the first weights are drawn from: a stream apart from those that draw data and noise by the same seed."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))


def require_sizes(where: str, **sizes: Sequence[int]) -> None:
    """Raise InputError unless each argument, by its name, is a sequence of whole numbers, each at least 1."""
    for name, numbers in sizes.items():
        if isinstance(numbers, str) or not isinstance(numbers, Iterable):
            raise InputError(f"{where}: {name} should be whole numbers in parentheses, such as (8,); found {numbers!r}")
        for number in numbers:
            require_count(where, name, number)


def likelihood_chosen(given: str | Likelihood, parts: Parts, *, standardize: bool = False) -> Likelihood:
    """The likelihood that a text chooses, for events of that shape; a Likelihood is returned as it is.

    With `standardize` it becomes that of the standardized columns: likelihoods.Standardized.
    """
    require_flag("recipe", "standardize", standardize)
    law = given if isinstance(given, Likelihood) else LIKELIHOODS.build(given, **vars(parts))
    return Standardized(law, prod(parts.event_shape)) if standardize else law


def posterior_chosen(model: str, posterior: str, parts: Parts) -> Posterior:
    """The posterior that a text chooses; a model that takes none, as an autoencoder does, has a Point."""
    if _takes(model, "posterior", posterior, POSTERIOR):
        return POSTERIORS.build(posterior, **vars(parts))
    return Point(parts.latent_dim)


def _takes(model: str, role: str, chosen: str, default: str) -> bool:
    """Whether the model is built from that role. InputError where it is not, and another than the default was chosen."""
    if role in signature(MODELS[name := MODELS.settle(model).name]).parameters:
        return True
    if chosen != default:
        raise InputError(f"model {name} has no {role}: {role} should be left alone, found {shortened(parse(chosen, role))}")
    return False


def condition_of(model: str, classes: int | None, condition_dim: int | None) -> Condition | None:
    """What a conditional_vae is told: Classes or Reals, of which exactly one should be given. None for any other model."""
    given = [kind(n) for kind, n in ((Classes, classes), (Reals, condition_dim)) if n is not None]
    if len(given) != (MODELS.settle(model).name == "conditional_vae"):
        expected = "a conditional_vae should have either classes or a condition_dim, and any other model neither"
        raise InputError(f"recipe: {expected}; found model {model}, classes {classes}, condition_dim {condition_dim}")
    return given[0] if given else None


def encoder_inputs(fill: str, entries: int) -> tuple[int, list[Layer]]:
    """How many numbers the first layer of an encoder gets that fills in missing entries so, and what comes before it.

    "zero" puts 0 where one of D = `entries` entries is missing. "learned" puts a number of its own there for each entry.
    "zero_and_mask" puts 0 there, and shows which entries were observed as D more numbers.
    """
    require_choice("recipe", "fill", fill, FILLS)
    if fill == "learned":
        return entries, [LearnedFill(entries)]
    return (2 * entries if fill == "zero_and_mask" else entries), []


def last_layers(posterior: Posterior, activation: str | None, log_var_bounds: tuple[float, float] | None) -> list[Layer]:
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
    if not isinstance(posterior, Point):
        found = f"found one whose posterior is a {type(posterior).__name__}"
        raise InputError(f"recipe: code_activation is for a model whose encoder puts out codes, the autoencoder; {found}")
    return [ACTIVATIONS[activation]()]


def assemble(
    model: str,
    *,
    event_shape: Sequence[int],
    encoder: Layer,
    posterior: Posterior,
    decoder: Layer,
    likelihood: Likelihood,
    prior: str,
    rng: np.random.Generator,
    condition: Condition | None = None,
    fill: str = "zero",
) -> LatentVariableModel:
    """The model that a text chooses, with these parts and the prior that another chooses, as far as it takes them."""
    shows_mask, told = fill != "zero", condition.width if condition else None
    given: dict[str, Any] = {
        "event_shape": tuple(event_shape),
        "latent_dim": posterior.latent_dim,
        "encoder": encoder,
        "posterior": posterior,
        "decoder": decoder,
        "likelihood": likelihood,
        "condition": condition,
        "shows_mask": shows_mask,
    }
    if _takes(model, "prior", prior, PRIOR):
        more = prod(event_shape) * shows_mask + (told or 0)  # columns that the encoder gets beside x
        seen = (prod(event_shape) + more,) if more else tuple(event_shape)
        parts = Parts(seen, posterior.latent_dim, rng, encoder, posterior, told)
        given["prior"] = PRIORS.build(prior, **vars(parts))
    return MODELS.build(model, **given)
