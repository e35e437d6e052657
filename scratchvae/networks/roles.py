"""Likelihoods, posteriors and priors by name, as a user chooses them, and what each needs of the networks."""

from dataclasses import dataclass
from math import prod

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.choices import Table
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
    Multinomial,
    NegativeBinomial,
    Ordered,
    Poisson,
    StudentT,
)
from scratchvae.networks import flows
from scratchvae.networks.discrete import (
    autoregressive,
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
    Posterior,
    VectorQuantized,
    VonMisesFisher,
)
from scratchvae.priors import (
    ConditionalGaussian,
    GaussianMixture,
    LogisticNormal,
    StandardGaussian,
    TwoStage,
    UniformSphere,
    VampPrior,
)


@dataclass(frozen=True)
class Parts:
    """The parts of a model that are known when one of its roles is built.

    A role's builder takes those that it needs, by name. The likelihood and the posterior are built first,
    while there is no encoder yet. The prior is built last, and its `event_shape` is the shape of what the
    encoder gets.
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
    """N(mean, diag σ²), where each entry has a learned variance that does not depend on z."""
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
    """A mixture of the densities q(z|u_k) of learned pseudo-inputs u_k.

    They begin as draws from N(mean, std²).
    """
    return VampPrior(
        event_shape, encoder, posterior, components=components, bounds=bounds, mean=mean, std=std, rng=rng
    )


def conditional_gaussian(latent_dim: int, condition_dim: int | None) -> ConditionalGaussian:
    """p(z|y) = N(mean(y), diag σ²(y)), by one linear layer: a prior for a conditional_vae."""
    if condition_dim is None:
        raise InputError(
            "prior conditional_gaussian is for the model conditional_vae, "
            "which is told y; found another model"
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
        "autoregressive": autoregressive,
        "codes": codes,
        "concrete": concrete_prior,
        "conditional_gaussian": conditional_gaussian,
        "flow": flows.flow,
        "gaussian_mixture": GaussianMixture,
        "hierarchical": hierarchical,
        "logistic_normal": LogisticNormal,
        "one_hot": one_hot,
        "product": product,
        "standard_gaussian": StandardGaussian,
        "two_stage": TwoStage,
        "uniform_sphere": UniformSphere,
        "vamp": vamp,
    },
    given=PARTS,
)
POSTERIOR, PRIOR = "diagonal_gaussian", "standard_gaussian"  # unless others are chosen
