"""Discrete posteriors and their priors from plain numbers: how many choices, among how many categories."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import InputError, require_count
from scratchvae.networks.matching import require_posterior
from scratchvae.objectives import Schedule
from scratchvae.posteriors import (
    Concrete,
    DiagonalGaussian,
    GumbelSoftmax,
    JointPosterior,
    Posterior,
    VectorQuantized,
)
from scratchvae.priors import (
    AutoregressiveCodes,
    Codes,
    ConcretePrior,
    OneHot,
    ProductPrior,
    StandardGaussian,
)


def gumbel_softmax(
    latent_dim: int,
    categories: int = 10,
    *,
    temperature: float | Schedule = 0.5,
    straight_through: bool = False,
) -> GumbelSoftmax:
    """latent_dim / categories choices, drawn one-hot or relaxed at a temperature. The prior is one_hot."""
    groups = _groups("gumbel_softmax", latent_dim, categories)
    return GumbelSoftmax(groups, categories, temperature=temperature, straight_through=straight_through)


def concrete(latent_dim: int, categories: int = 10, *, temperature: float | Schedule = 0.5) -> Concrete:
    """latent_dim / categories relaxed choices, which have a density. The prior is concrete too."""
    return Concrete(_groups("concrete", latent_dim, categories), categories, temperature=temperature)


def joint(
    latent_dim: int,
    categories: int = 10,
    choices: int = 1,
    *,
    temperature: float | Schedule = 0.5,
    straight_through: bool = False,
) -> JointPosterior:
    """Gaussian latents, followed by so many `choices` among `categories`. The prior is product.

    Gaussians and choices have latent_dim numbers together.
    """
    for name, count in (("categories", categories), ("choices", choices)):
        require_count("posterior joint", name, count)
    continuous = latent_dim - choices * categories
    if continuous < 1:
        expected = f"latent_dim should be more than the {choices * categories} numbers of its choices"
        raise InputError(f"posterior joint: {expected}; found {latent_dim}")
    chosen = GumbelSoftmax(choices, categories, temperature=temperature, straight_through=straight_through)
    return JointPosterior(DiagonalGaussian(continuous), chosen)


def product(posterior: Posterior, *, learned: bool = False) -> ProductPrior:
    """N(0, I) for the Gaussian latents of a joint posterior, and one_hot for its choices."""
    gaussian, chosen = require_posterior("product", "joint", JointPosterior, posterior).parts
    return ProductPrior(StandardGaussian(gaussian.latent_dim), one_hot(chosen, learned=learned))


def codes(posterior: Posterior, *, learned: bool = False) -> Codes:
    """A probability for each code of a vq posterior. They are all equal, or learned."""
    return Codes(require_posterior("codes", "vq", VectorQuantized, posterior), learned=learned)


def autoregressive(
    posterior: Posterior, rng: np.random.Generator, *, hidden: int | Sequence[int] = 128
) -> AutoregressiveCodes:
    """A probability for each code of a vq posterior given those before it, by a masked network.

    `hidden` counts the hidden units of the network.
    """
    quantized = require_posterior("autoregressive", "vq", VectorQuantized, posterior)
    return AutoregressiveCodes(quantized, hidden=hidden, rng=rng)


def one_hot(posterior: Posterior, *, learned: bool = False) -> OneHot:
    """A probability for each category of a gumbel_softmax posterior. They are all equal, or learned."""
    chosen = require_posterior("one_hot", "gumbel_softmax", GumbelSoftmax, posterior)
    return OneHot(chosen.groups, chosen.categories, learned=learned)


def concrete_prior(posterior: Posterior, *, temperature: float = 0.5, learned: bool = False) -> ConcretePrior:
    """A Concrete law for each choice of a concrete posterior, with a temperature of its own."""
    chosen = require_posterior("concrete", "concrete", Concrete, posterior)
    return ConcretePrior(chosen.groups, chosen.categories, temperature=temperature, learned=learned)


def _groups(where: str, latent_dim: int, categories: int) -> int:
    require_count(f"posterior {where}", "categories", categories)
    if latent_dim % categories:
        expected = f"latent_dim should be a multiple of the {categories} categories, as many for each choice"
        raise InputError(f"posterior {where}: {expected}; found {latent_dim}")
    return latent_dim // categories
