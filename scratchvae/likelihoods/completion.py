"""The missing entries under a likelihood, given a code and the observed entries: their mean and draws."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.data import Batch
from scratchvae.likelihoods.interface import Likelihood
from scratchvae.likelihoods.multinomial import Multinomial
from scratchvae.likelihoods.negative_binomial import NegativeBinomial


def missing_mean(likelihood: Likelihood, x_params: Array, batch: Batch) -> Array:
    """E[x|z] (B, D), or the numbers that the likelihood averages in its place (B, E), for missing entries.

    Given z, the entries of most likelihoods do not depend on each other.

    The counts of a Multinomial depend on each other by their sum n. With the prior 1/n, under which n_o = Σ_o
    x_d says nothing of z, the missing counts are negative multinomial:

        E[x_d|z, x_o] = n_o p_d / Σ_o p_d        p = softmax(logits)

    If no word was observed, they are expected to be 0. For a NegativeBinomial with an offset, the size of an
    example is taken from its observed entries.
    """
    x_params = _sized(likelihood, x_params, batch)
    if isinstance(likelihood, Multinomial):
        odds, n = _odds(x_params, batch)
        return n[:, None] * odds
    return likelihood.expected(x_params).reshape(len(batch), -1)


def missing_sample(likelihood: Likelihood, x_params: Array, batch: Batch, rng: np.random.Generator) -> Array:
    """A draw x ~ p(x|z, x_o) (B, D), for missing entries.

    For a Multinomial it is x_d ~ Poisson(g p_d / Σ_o p_d) with one g ~ Gamma(n_o) for each row, so that the
    draws are negative multinomial.
    """
    x_params = _sized(likelihood, x_params, batch)
    if isinstance(likelihood, Multinomial):
        odds, n = _odds(x_params, batch)
        return rng.poisson(rng.gamma(n)[:, None] * odds).astype(x_params.dtype)
    return likelihood.sample(x_params, rng).reshape(batch.x.shape)


def _sized(likelihood: Likelihood, x_params: Array, batch: Batch) -> Array:
    return (
        likelihood.sized(x_params, batch.x, batch.observed)
        if isinstance(likelihood, NegativeBinomial)
        else x_params
    )


def _odds(logits: Array, batch: Batch) -> tuple[Array, Array]:
    """p_d / Σ_o p_d where an entry is missing, else 0 (B, D), and n_o = Σ_o x_d (B,), in float64."""
    seen = np.ones(batch.x.shape, np.bool_) if batch.observed is None else batch.observed != 0
    logits = logits.astype(np.float64)
    normalizer, _ = ops.log_sum_exp(np.where(seen, logits, -np.inf), axis=1)
    none = np.isneginf(normalizer)
    odds = np.exp(np.where(seen | none[:, None], -np.inf, logits - np.where(none, 0, normalizer)[:, None]))
    return odds, np.where(seen, batch.x, 0).sum(axis=1, dtype=np.float64)
