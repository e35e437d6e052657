"""Fully connected encoder and decoder, and the roles that they feed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_choice, require_count, sizes_of
from scratchvae.data import TableSchema
from scratchvae.layers import ACTIVATIONS, Layer, Linear, Sequential
from scratchvae.likelihoods import Likelihood
from scratchvae.networks.chosen_roles import likelihood_chosen, posterior_chosen
from scratchvae.networks.encoder_ends import (
    decoded_width,
    encoder_inputs,
    first_layers,
    last_layers,
    n_features,
    q_params_layers,
)
from scratchvae.networks.modalities import experts
from scratchvae.networks.roles import Parts
from scratchvae.networks.topics import topics_chosen
from scratchvae.posteriors import Posterior


@dataclass(frozen=True)
class Networks:
    """The parts of a model but for its prior, which may itself be made of the encoder and the posterior."""

    encoder: Layer
    posterior: Posterior
    decoder: Layer
    likelihood: Likelihood


def mlp_networks(
    where: str,
    event_shape: tuple[int, ...],
    *,
    latent_dim: int,
    hidden: Sequence[int] | int,
    activation: str,
    code_activation: str | None,
    posterior: str | Posterior | None,
    log_var_bounds: tuple[float, float] | None,
    likelihood: str | Likelihood | None,
    standardize: bool | None,
    schema: TableSchema | None = None,
    fill: str,
    init: str,
    condition_dim: int,
    modalities: int | Sequence[int] | None = None,
    topics: str | None = None,
    rng: np.random.Generator,
) -> Networks:
    """D -> hidden … -> q_params, and z -> … hidden -> x_params: the decoder mirrors the encoder.

    Both networks get `condition_dim` C more numbers, 0 where the model is told nothing. A `posterior` of None
    is the Point of an autoencoder. With `modalities` each has an encoder of its own, D_m -> hidden … -> 2Z,
    and an expert's say in q(z|x). With `topics` the decoder is a layers.Topics of that kind. Messages begin
    with `where`, and weights are drawn from `rng`.
    """
    require_choice(where, "activation", activation, ACTIVATIONS)
    require_count(where, "latent_dim", latent_dim)
    widths = sizes_of(where, "hidden", hidden)
    parts = Parts(event_shape, latent_dim, rng)
    law = likelihood_chosen(likelihood, parts, standardize=standardize, schema=schema)
    q = posterior_chosen(posterior, parts)
    last = last_layers(q, code_activation, log_var_bounds)
    if modalities is None:
        inputs, before = encoder_inputs(fill, n_features(law, event_shape))
        down, width = [], inputs + condition_dim
        for narrow in widths:
            down += [Linear(width, narrow, init=init, rng=rng), ACTIVATIONS[activation]()]
            width = narrow
        down += q_params_layers(q, width, activation, init, rng)
        encoder: Layer = Sequential(*before, *down, *last)
    elif condition_dim:
        raise InputError(
            f"{where}: modalities are for a model that is told nothing; found {modalities} beside y"
        )
    else:

        def expert(inputs: int, outputs: int) -> Layer:
            return Sequential(*_chain([inputs, *widths, outputs], activation, init, rng), *last)

        shown: dict[str, Any] = {
            "entries": prod(event_shape),
            "likelihood": law,
            "posterior": q,
            "fill": fill,
        }
        encoder = experts(where, modalities, expert, **shown)
    if topics is not None:
        return Networks(
            encoder, q, topics_chosen(where, topics, q, law, event_shape, condition_dim, init, rng), law
        )
    up = _chain(
        [decoded_width(q) + condition_dim, *reversed(widths), law.n_params(event_shape)],
        activation,
        init,
        rng,
    )
    return Networks(encoder, q, Sequential(*first_layers(q, condition_dim), *up), law)


def critic_chosen(
    where: str,
    latent_dim: int,
    hidden: Sequence[int] | int | Layer | None,
    *,
    activation: str,
    init: str,
    rng: np.random.Generator,
) -> Layer | None:
    """Z -> hidden … -> T: by this number a critic says whether a vector of latents is the code of an example.

    A Layer is returned as it is, and None stands for no critic.
    """
    if hidden is None or isinstance(hidden, Layer):
        return hidden
    return Sequential(*_chain([latent_dim, *sizes_of(where, "critic", hidden), 1], activation, init, rng))


def classifier_chosen(
    where: str,
    features: int,
    classes: int,
    hidden: Sequence[int] | int | Layer | None,
    *,
    fill: str,
    activation: str,
    init: str,
    rng: np.random.Generator,
) -> Layer | None:
    """D -> hidden … -> C: by these scores a classifier says what class an example has whose class is hidden.

    D is how many `features` the likelihood shows of x, with the numbers that `fill` adds to them. InputError
    where there are no `classes`. A Layer is returned as it is, and None stands for no classifier.
    """
    if hidden is None or isinstance(hidden, Layer):
        return hidden
    if not classes:
        raise InputError(
            f"{where}: a classifier is for a model that is told classes; found one for another model"
        )
    inputs, before = encoder_inputs(fill, features)
    widths = [inputs, *sizes_of(where, "classifier", hidden), classes]
    return Sequential(*before, *_chain(widths, activation, init, rng))


def _chain(widths: Sequence[int], activation: str, init: str, rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for wide, narrow in pairwise(widths):
        layers += [Linear(wide, narrow, init=init, rng=rng), ACTIVATIONS[activation]()]
    return layers[:-1]
