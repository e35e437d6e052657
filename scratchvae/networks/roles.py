"""Likelihoods, posteriors and priors by name: the roles that a user chooses, and what their choice asks of
the networks.
"""

from dataclasses import dataclass
from math import prod
from typing import cast

import numpy as np

from scratchvae.arrays import InputError, require_flag, require_seed
from scratchvae.choices import Table
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
from scratchvae.networks import flows
from scratchvae.networks.discrete import (
    codes,
    concrete,
    concrete_prior,
    gumbel_softmax,
    joint,
    one_hot,
    product,
)
from scratchvae.networks.layered import hierarchical, ladder
from scratchvae.objectives import Ramp, Schedule
from scratchvae.posteriors import (
    Density,
    DiagonalGaussian,
    FullGaussian,
    MixturePosterior,
    Point,
    Posterior,
    VectorQuantized,
    VonMisesFisher,
)
from scratchvae.priors import (
    ConditionalGaussian,
    GaussianMixture,
    Prior,
    StandardGaussian,
    UniformSphere,
    VampPrior,
)


@dataclass(frozen=True)
class Parts:
    """What is known of a model when one of its roles is built. A role's builder takes those by name that it
    needs.

    The likelihood and the posterior come first, while there is no encoder yet. The prior comes last, and its
    `event_shape` is the shape of what the encoder gets.
    """

    event_shape: tuple[int, ...]
    latent_dim: int
    rng: np.random.Generator
    encoder: Layer | None = None
    posterior: Posterior | None = None
    condition_dim: int | None = None  # how many numbers a conditional model is told of each example


def gaussian_diagonal(
    event_shape: tuple[int, ...], *, variance: float = 1.0, min_variance: float = 1e-6
) -> GaussianDiagonal:
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
    """A mixture of the densities q(z|u_k) of learned pseudo-inputs u_k, which begin as draws from
    N(mean, std²).
    """
    return VampPrior(
        event_shape, encoder, posterior, components=components, bounds=bounds, mean=mean, std=std, rng=rng
    )


def conditional_gaussian(latent_dim: int, condition_dim: int | None) -> ConditionalGaussian:
    """p(z|y) = N(mean(y), diag σ²(y)), by one linear layer: the prior of a conditional_vae that depends on y."""
    if condition_dim is None:
        raise InputError(
            "prior conditional_gaussian is for the model conditional_vae, which is told y; found another model"
        )
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
POSTERIORS = Table(
    "posterior",
    {
        "concrete": concrete,
        "coupling": flows.coupling,
        "diagonal_gaussian": DiagonalGaussian,
        "full_gaussian": FullGaussian,
        "gaussian_mixture": MixturePosterior,
        "gumbel_softmax": gumbel_softmax,
        "householder": flows.householder,
        "iaf": flows.iaf,
        "joint": joint,
        "ladder": ladder,
        "planar": flows.planar,
        "radial": flows.radial,
        "von_mises_fisher": VonMisesFisher,
        "vq": VectorQuantized,
    },
    given=PARTS,
    inner={Schedule: Table("schedule", {"ramp": Ramp})},
)
PRIORS = Table(
    "prior",
    {
        "codes": codes,
        "concrete": concrete_prior,
        "conditional_gaussian": conditional_gaussian,
        "flow": flows.flow,
        "gaussian_mixture": GaussianMixture,
        "hierarchical": hierarchical,
        "one_hot": one_hot,
        "product": product,
        "standard_gaussian": StandardGaussian,
        "uniform_sphere": UniformSphere,
        "vamp": vamp,
    },
    given=PARTS,
)
POSTERIOR, PRIOR = "diagonal_gaussian", "standard_gaussian"  # unless others are chosen


def weights_generator(seed: int, where: str = "recipe") -> np.random.Generator:
    """What the first weights are drawn from: a stream apart from those that draw data and noise by the same
    seed.

    InputError, which begins with `where`, for a seed that is no whole number, or is below 0.
    """
    require_seed(where, "seed", seed)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))


def likelihood_chosen(
    given: str | Likelihood | None,
    parts: Parts,
    *,
    standardize: bool | None = False,
    schema: TableSchema | None = None,
) -> Likelihood:
    """The likelihood that a text chooses, for events of that shape; a Likelihood is returned as it is.

    None chooses the laws of the schema's columns, which standardize for themselves, and Bernoulli where there
    is no schema. With `standardize` the likelihood becomes that of the standardized columns:
    likelihoods.Standardized. With None it does so where it was chosen by a text and is one of real values,
    which is what Standardized takes.
    """
    if standardize is not None:
        require_flag("recipe", "standardize", standardize)
    if schema is not None and given is None:
        if standardize:
            raise InputError(
                "recipe: standardize should be left out with a table, each law of which does it; found standardize"
            )
        return of_schema(schema)
    if schema is not None:
        require_numbers(f"likelihood {given}" if isinstance(given, str) else type(given).__name__, schema)
    law = given if isinstance(given, Likelihood) else LIKELIHOODS.build(given or "bernoulli", **vars(parts))
    if standardize is None:
        try:
            return given if isinstance(given, Likelihood) else Standardized(law, prod(parts.event_shape))
        except InputError:  # of counts, bits or shares
            return cast(Likelihood, law)
    return Standardized(law, prod(parts.event_shape)) if standardize else law


def require_numbers(where: str, schema: TableSchema) -> None:
    """Raise InputError where a column of the table has levels, which only the law of such a column can take
    for what they are.
    """
    levels = [column.name for column in schema.columns if column.kind in ("ordered", "categorical")]
    if levels:
        named = ", ".join(levels[:5]) + ("…" if len(levels) > 5 else "")
        helps = "without a likelihood of its own, recipe mlp gives each column the law of its kind"
        raise InputError(f"{where} should be given a table of numbers, found the levels of {named}: {helps}")


def posterior_chosen(given: str | Posterior | None, parts: Parts) -> Posterior:
    """The posterior that a text chooses; a Posterior is returned as it is, and None stands for the Point of
    an autoencoder.
    """
    if given is None:
        return Point(parts.latent_dim)
    return given if isinstance(given, Posterior) else POSTERIORS.build(given, **vars(parts))


def prior_chosen(
    given: str | Prior,
    *,
    event_shape: tuple[int, ...],
    features: int,
    encoder: Layer,
    posterior: Posterior,
    rng: np.random.Generator,
    shows_mask: bool,
    condition_dim: int | None,
) -> Prior:
    """The prior that a text chooses for latents that `encoder` and `posterior` infer; a Prior is returned as
    it is.

    A prior that is made of the encoder, such as vamp, has to know how many numbers the encoder gets: the
    `features` that the likelihood shows it of x, as many more for what was observed where the model
    `shows_mask`, and those of the condition.
    """
    if isinstance(given, Prior):
        return given
    width = features * (1 + shows_mask) + (condition_dim or 0)  # columns that the encoder gets
    seen = event_shape if width == prod(event_shape) else (width,)
    parts = Parts(seen, posterior.latent_dim, rng, encoder, posterior, condition_dim)
    return cast(Prior, PRIORS.build(given, **vars(parts)))
