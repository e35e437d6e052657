"""Roles that a text chooses, built for a model of which some parts are known."""

from math import prod
from typing import cast

import numpy as np

from scratchvae.arrays import InputError, require_flag, require_seed
from scratchvae.data import TableSchema
from scratchvae.layers import Layer
from scratchvae.likelihoods import (
    Likelihood,
    Standardized,
    of_schema,
)
from scratchvae.networks.roles import LIKELIHOODS, POSTERIORS, PRIORS, Parts
from scratchvae.posteriors import (
    Point,
    Posterior,
)
from scratchvae.priors import (
    Prior,
)


def weights_generator(seed: int, where: str = "recipe") -> np.random.Generator:
    """The generator that draws the first weights.

    With the same seed its numbers differ from those that draw data and noise.

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
    """The likelihood that a text chooses, for events of that shape. A Likelihood is returned as it is.

    None chooses the laws of the schema's columns, which standardize by themselves, and Bernoulli where there
    is no schema. With `standardize` the likelihood is put inside likelihoods.Standardized, the law of the
    standardized columns. With standardize=None this happens where a text chose a law of real numbers, which
    are what Standardized takes.
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
        except InputError:  # a law of counts, bits or shares can't be standardized
            return cast(Likelihood, law)
    return Standardized(law, prod(parts.event_shape)) if standardize else law


def require_numbers(where: str, schema: TableSchema) -> None:
    """Raise InputError where a column of the table has levels.

    Only the law of such a column knows that its levels are names and no numbers.
    """
    levels = [column.name for column in schema.columns if column.kind in ("ordered", "categorical")]
    if levels:
        named = ", ".join(levels[:5]) + ("…" if len(levels) > 5 else "")
        helps = "without a likelihood of its own, recipe mlp gives each column the law of its kind"
        raise InputError(f"{where} should be given a table of numbers, found the levels of {named}: {helps}")


def posterior_chosen(given: str | Posterior | None, parts: Parts) -> Posterior:
    """The posterior that a text chooses. None chooses the Point of an autoencoder.

    A Posterior is returned as it is.
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
    """The prior that a text chooses for latents that `encoder` and `posterior` infer.

    A Prior is returned as it is. A prior that is made of the encoder, such as vamp, has to know how many
    numbers the encoder gets. These are the `features` that the likelihood shows it of x, as many more for
    what was observed where the model `shows_mask`, and those of the condition.
    """
    if isinstance(given, Prior):
        return given
    width = features * (1 + shows_mask) + (condition_dim or 0)  # columns that the encoder gets
    seen = event_shape if width == prod(event_shape) else (width,)
    parts = Parts(seen, posterior.latent_dim, rng, encoder, posterior, condition_dim)
    return cast(Prior, PRIORS.build(given, **vars(parts)))
