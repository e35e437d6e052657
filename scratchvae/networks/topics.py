"""A decoder of topics, from plain numbers."""

from math import prod

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.layers import Topics
from scratchvae.likelihoods import Likelihood, Multinomial
from scratchvae.posteriors import Posterior


def topics_chosen(
    where: str,
    kind: str,
    posterior: Posterior,
    likelihood: Likelihood,
    event_shape: tuple[int, ...],
    condition_dim: int,
    init: str,
    rng: np.random.Generator,
) -> Topics:
    """A topic for each latent of the posterior, over the entries of an event.

    InputError where the likelihood is not multinomial, as topics are laws over words that are counted, and
    for a model that is told more than the latents.
    """
    if not isinstance(likelihood, Multinomial):
        found = type(likelihood).__name__
        raise InputError(f"{where}: topics are for counts of words, likelihood multinomial; found a {found}")
    if condition_dim:
        raise InputError(
            f"{where}: topics are for a model that is told nothing; found topics {kind} beside y"
        )
    return Topics(posterior.latent_dim, prod(event_shape), kind=kind, init=init, rng=rng)
