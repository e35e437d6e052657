"""Fully connected encoder and decoder."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scratchvae.arrays import require_choice
from scratchvae.data import TableSchema
from scratchvae.layers import ACTIVATIONS, Layer, Linear, Sequential
from scratchvae.likelihoods import Likelihood
from scratchvae.models import LatentVariableModel
from scratchvae.recipes.encoder_ends import encoder_inputs, last_layers, n_features
from scratchvae.recipes.roles import (
    POSTERIOR,
    PRIOR,
    Parts,
    assemble,
    condition_of,
    likelihood_chosen,
    posterior_chosen,
    require_sizes,
    weights_generator,
)


def mlp(
    event_shape: Sequence[int],
    *,
    latent_dim: int = 20,
    hidden: Sequence[int] = (400,),
    activation: str = "relu",
    code_activation: str | None = None,
    model: str = "vae",
    classes: int | None = None,
    condition_dim: int | None = None,
    posterior: str = POSTERIOR,
    log_var_bounds: tuple[float, float] | None = None,
    likelihood: str | Likelihood | None = None,
    standardize: bool = False,
    prior: str = PRIOR,
    fill: str = "zero",
    init: str = "pytorch",
    schema: TableSchema | None = None,
    seed: int = 0,
) -> LatentVariableModel:
    """D -> hidden … -> q_params, and z -> … hidden -> x_params: the decoder mirrors the encoder. Same seed, same weights.

    A "conditional_vae" is told one of so many `classes`, or `condition_dim` real numbers: C more inputs of both networks.
    `fill` says what the encoder sees where an entry is missing: "zero", a "learned" number for each entry, or
    "zero_and_mask", zero and, as further D inputs, which entries were observed.
    `log_var_bounds`, as (−10, 10), keep log σ² of q(z|x) between them: layers.BoundedLogVar. `standardize` is for tables
    whose columns have units of their own: training measures their means and deviations, the networks see columns of mean
    0 and deviation 1, and what comes out is in the units of the data again: likelihoods.Standardized.
    The `likelihood` is bernoulli unless another is chosen. With the `schema` of a table each column has the law of its kind
    instead: likelihoods.of_schema.
    """
    require_choice("mlp", "activation", activation, ACTIVATIONS)
    require_sizes("mlp", event_shape=event_shape, latent_dim=(latent_dim,), hidden=hidden)
    rng = weights_generator(seed)
    parts = Parts(tuple(event_shape), latent_dim, rng)
    law = likelihood_chosen(likelihood, parts, standardize=standardize, schema=schema)
    q = posterior_chosen(model, posterior, parts)
    condition = condition_of(model, classes, condition_dim)
    C = condition.width if condition else 0
    inputs, before = encoder_inputs(fill, n_features(law, event_shape))
    encoder = [inputs + C, *hidden, q.n_params]
    decoder = [latent_dim + C, *reversed(hidden), law.n_params(tuple(event_shape))]
    return assemble(
        model,
        condition=condition,
        event_shape=tuple(event_shape),
        encoder=Sequential(*before, *_chain(encoder, activation, init, rng), *last_layers(q, code_activation, log_var_bounds)),
        posterior=q,
        decoder=Sequential(*_chain(decoder, activation, init, rng)),
        likelihood=law,
        prior=prior,
        rng=rng,
        fill=fill,
    )


def _chain(widths: Sequence[int], activation: str, init: str, rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for wide, narrow in pairwise(widths):
        layers += [Linear(wide, narrow, init=init, rng=rng), ACTIVATIONS[activation]()]
    return layers[:-1]
