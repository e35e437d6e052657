"""What stands at the ends of networks: what fills in missing numbers, what bounds an encoder's output, what begins a decoder."""

from collections.abc import Sequence
from math import prod

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import ACTIVATIONS, BoundedLogVar, Bypass, GroupSoftmax, Layer, LearnedFill
from scratchvae.likelihoods import Likelihood
from scratchvae.posteriors import Concrete, DiagonalGaussian, Point, Posterior

FILLS = ("learned", "zero", "zero_and_mask")  # what an encoder sees where an entry is missing


def n_features(likelihood: Likelihood, event_shape: Sequence[int]) -> int:
    """How many numbers the encoder gets for one event."""
    features, _ = likelihood.features(np.ones((0, prod(event_shape)), np.float32), None)  # of no event: units may be unknown yet
    return features.shape[1]


def encoder_inputs(fill: str, entries: int) -> tuple[int, list[Layer]]:
    """How many numbers the first layer of an encoder gets that fills in missing entries so, and what comes before it.

    `entries` counts the likelihood's features of an event, which are D, the entries themselves, for most. "zero" puts 0 where
    one is missing. "learned" puts a number of its own there for each of them. "zero_and_mask" puts 0 there, and shows which
    of them were observed as so many more numbers.
    """
    require_choice("recipe", "fill", fill, FILLS)
    if fill == "learned":
        return entries, [LearnedFill(entries)]
    return (2 * entries if fill == "zero_and_mask" else entries), []


def first_layers(posterior: Posterior, condition_dim: int = 0) -> list[Layer]:
    """What stands before a decoder: nothing, or what makes shares of the logarithms of shares that a Concrete posterior draws.

    The last `condition_dim` numbers that the decoder gets are no codes, and go around it.
    """
    if not isinstance(posterior, Concrete):
        return []
    shares = GroupSoftmax(posterior.groups)
    return [Bypass(shares, condition_dim) if condition_dim else shares]


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
