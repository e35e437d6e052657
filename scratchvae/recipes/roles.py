"""Likelihoods, posteriors, priors and models by name: the parts of a recipe that a user chooses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_count
from scratchvae.choices import Table, parse, shortened
from scratchvae.data import TableSchema
from scratchvae.layers import Layer
from scratchvae.likelihoods import (
    Bernoulli,
    Beta,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    GaussianDiagonal,
    GaussianOptimal,
    GaussianPerPixel,
    Laplace,
    Likelihood,
    Multinomial,
    NegativeBinomial,
    Ordered,
    Poisson,
    Standardized,
    StudentT,
    of_schema,
)
from scratchvae.models import VAE, Autoencoder, Classes, Condition, ConditionalVAE, LatentVariableModel, Reals
from scratchvae.posteriors import Density, DiagonalGaussian, FullGaussian, Point, Posterior
from scratchvae.priors import ConditionalGaussian, GaussianMixture, StandardGaussian, VampPrior
from scratchvae.recipes.encoder_ends import n_features


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
        "beta": Beta,
        "categorical": Categorical,
        "continuous_bernoulli": ContinuousBernoulli,
        "discretized_logistic": DiscretizedLogistic,
        "gaussian": Gaussian,
        "gaussian_diagonal": gaussian_diagonal,
        "gaussian_optimal": GaussianOptimal,
        "gaussian_per_pixel": GaussianPerPixel,
        "laplace": Laplace,
        "multinomial": Multinomial,
        "negative_binomial": NegativeBinomial,
        "ordered": Ordered,
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


def likelihood_chosen(
    given: str | Likelihood | None, parts: Parts, *, standardize: bool = False, schema: TableSchema | None = None
) -> Likelihood:
    """The likelihood that a text chooses, for events of that shape; a Likelihood is returned as it is.

    None chooses the laws of the schema's columns, which standardize for themselves, and Bernoulli where there is no schema.
    With `standardize` the likelihood becomes that of the standardized columns: likelihoods.Standardized.
    """
    if schema is not None and given is None:
        if standardize:
            raise InputError("recipe: standardize should be left out with a table, each law of which does it; found standardize")
        return of_schema(schema)
    if schema is not None:
        require_numbers(f"likelihood {given}" if isinstance(given, str) else type(given).__name__, schema)
    law = given if isinstance(given, Likelihood) else LIKELIHOODS.build(given or "bernoulli", **vars(parts))
    return Standardized(law, prod(parts.event_shape)) if standardize else law


def require_numbers(where: str, schema: TableSchema) -> None:
    """Raise InputError where a column of the table has levels, which only the law of such a column can take for what they are."""
    levels = [column.name for column in schema.columns if column.kind in ("ordered", "categorical")]
    if levels:
        named = ", ".join(levels[:5]) + ("…" if len(levels) > 5 else "")
        helps = "without a likelihood of its own, recipe mlp gives each column the law of its kind"
        raise InputError(f"{where} should be given a table of numbers, found the levels of {named}: {helps}")


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
    F = n_features(likelihood, event_shape)
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
        width = F * (1 + shows_mask) + (told or 0)  # columns that the encoder gets
        seen = tuple(event_shape) if width == prod(event_shape) else (width,)
        parts = Parts(seen, posterior.latent_dim, rng, encoder, posterior, told)
        given["prior"] = PRIORS.build(prior, **vars(parts))
    return MODELS.build(model, **given)
