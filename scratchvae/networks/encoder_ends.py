"""The layers at the ends of networks: they fill in missing numbers, bound log σ², or begin a decoder."""

from collections.abc import Sequence
from math import prod

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import (
    ACTIVATIONS,
    BoundedLogVar,
    Bypass,
    FirstColumns,
    GroupSoftmax,
    GroupSum,
    Heads,
    Layer,
    LearnedFill,
    Linear,
    Sequential,
)
from scratchvae.likelihoods import Likelihood
from scratchvae.posteriors import Concrete, DiagonalGaussian, Ladder, Point, Posterior, VectorQuantized

FILLS = ("learned", "zero", "zero_and_mask")  # what an encoder sees where an entry is missing


def n_features(likelihood: Likelihood, event_shape: Sequence[int]) -> int:
    """How many numbers the encoder gets for one event."""
    # no event is needed, whose units may be unknown yet
    features, _ = likelihood.features(np.ones((0, prod(event_shape)), np.float32), None)
    return features.shape[1]


def encoder_inputs(fill: str, entries: int) -> tuple[int, list[Layer]]:
    """How many numbers an encoder gets that fills in missing entries by `fill`, and the layers that do so.

    `entries` counts the likelihood's features of an event, which for most likelihoods are the D entries
    themselves. "zero" puts 0 where an entry is missing. "learned" puts a learned number there, one for each
    entry. "zero_and_mask" puts 0 there, and adds as many numbers that say which entries were observed.
    """
    require_choice("recipe", "fill", fill, FILLS)
    if fill == "learned":
        return entries, [LearnedFill(entries)]
    return (2 * entries if fill == "zero_and_mask" else entries), []


def first_layers(posterior: Posterior, condition_dim: int = 0) -> list[Layer]:
    """The layers before a decoder.

    A decoder of a Concrete posterior gets logarithms of shares, of which the layer makes shares. A decoder of
    latents in layers gets only the first layer of them. A decoder of a VectorQuantized posterior with a depth
    gets the sums of the codes that were chosen one after another. Any other decoder has no such layer. The
    last `condition_dim` numbers that the decoder gets are no codes, and go around the layer.
    """
    first: Layer
    if isinstance(posterior, Ladder):
        first = FirstColumns(decoded_width(posterior))
    elif isinstance(posterior, Concrete):
        first = GroupSoftmax(posterior.groups)
    elif isinstance(posterior, VectorQuantized) and posterior.depth > 1:
        first = GroupSum(posterior.groups // posterior.depth, posterior.depth)
    else:
        return []
    return [Bypass(first, condition_dim) if condition_dim else first]


def decoded_width(posterior: Posterior) -> int:
    """How many latents a decoder gets after its `first_layers`."""
    if isinstance(posterior, VectorQuantized):
        return posterior.latent_dim // posterior.depth
    return posterior.top_down.sizes[0] if isinstance(posterior, Ladder) else posterior.latent_dim


def q_params_layers(
    posterior: Posterior, width: int, activation: str, init: str, rng: np.random.Generator
) -> list[Layer]:
    """The layers that make q_params of the last hidden layer of an encoder, which has `width` numbers.

    They are one Linear layer, but for a Ladder. A Ladder has an estimate of each layer of latents, from the
    bottom up. The first is made of that hidden layer, and each one above it of a further hidden layer of the
    same width: Sønderby et al. 2016, equations 4 to 6.
    """
    if not isinstance(posterior, Ladder):
        return [Linear(width, posterior.n_params, init=init, rng=rng)]
    sizes = posterior.top_down.sizes
    made = [Linear(width, 2 * sizes[0], init=init, rng=rng)]
    for size in sizes[1:]:
        made += [Linear(width, width, init=init, rng=rng), Linear(width, 2 * size, init=init, rng=rng)]
    estimates, hidden = made[::2], made[1::2]
    upwards: Layer = estimates.pop()
    while hidden:
        upwards = Heads(estimates.pop(), Sequential(hidden.pop(), ACTIVATIONS[activation](), upwards))
    return [upwards]


def last_layers(
    posterior: Posterior, activation: str | None, log_var_bounds: tuple[float, float] | None
) -> list[Layer]:
    """The layers behind an encoder: bounds of log σ², an activation of an autoencoder's codes, or none."""
    bounds: list[Layer] = []
    if log_var_bounds is not None:
        if not isinstance(posterior, DiagonalGaussian):
            found = f"found a {type(posterior).__name__}"
            raise InputError(f"recipe: log_var_bounds are for the log σ² of a diagonal_gaussian; {found}")
        if np.shape(log_var_bounds) != (2,):
            raise InputError(
                f"recipe: log_var_bounds should be two numbers, low and high; found {log_var_bounds!r}"
            )
        bounds = [BoundedLogVar(*log_var_bounds)]
    if activation is None:
        return bounds
    require_choice("recipe", "code_activation", activation, ACTIVATIONS)
    if not isinstance(posterior, Point):
        found = f"found one whose posterior is a {type(posterior).__name__}"
        raise InputError(
            f"recipe: code_activation is for a model whose encoder puts out codes, the autoencoder; {found}"
        )
    return [ACTIVATIONS[activation]()]
