"""The use of codes by a model with discrete latents, and how even it is."""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel
from scratchvae.posteriors import Choices


def code_usage(model: LatentModel, data: Dataset, *, batch_size: int = 500) -> Array:
    """The share of the examples for which each code is the nearest or most probable one  ->  (G, K).

    The rows sum to 1. InputError for a posterior that makes no choices.
    """
    require_count("code_usage", "batch_size", batch_size)
    q = model.posterior
    if not isinstance(q, Choices):
        raise InputError(
            f"code_usage: the posterior should be one of choices, such as VectorQuantized; found {type(q).__name__}"
        )
    counts = np.zeros((q.groups, q.categories))
    for batch in data.batches(batch_size, dtype_of(model)):
        indices = q.indices(model.encoder(model.seen(batch))[0])
        np.add.at(counts, (np.arange(q.groups), indices), 1)
    return counts / len(data)


def perplexity(shares: Array) -> Array:
    """exp(−Σ_k p_k log p_k) over the last axis, which is K for K equal shares and 1 for a single code."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log(shares), 0)
    found: Array = np.exp(-terms.sum(axis=-1))
    return found
