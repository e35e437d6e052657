"""A posterior and a prior over latents in layers, from plain numbers."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scratchvae.arrays import InputError, sizes_of
from scratchvae.layers import Layer, Linear, Sequential, Tanh
from scratchvae.networks.matching import require_posterior
from scratchvae.posteriors import Ladder, Posterior, TopDown
from scratchvae.priors import HierarchicalGaussian


def ladder(
    latent_dim: int,
    rng: np.random.Generator,
    sizes: Sequence[int] | None = None,
    *,
    hidden: int | Sequence[int] = 64,
) -> Ladder:
    """Latents in layers of these `sizes`, the layer nearest to x first.

    Each layer is inferred from x and the layer above.

    The sizes should sum to latent_dim. None makes two layers, of which the upper one has a third of the
    latents. Steps from layer to layer have so many `hidden` units. The prior is hierarchical. Sønderby et al.
    2016.
    """
    if sizes is None:
        upper = -(-latent_dim // 3)
        if upper == latent_dim:
            raise InputError(f"posterior ladder: two layers need latent_dim 2 or more; found {latent_dim}")
        sizes = (latent_dim - upper, upper)
    widths = sizes_of("posterior ladder", "sizes", sizes, least=1)
    if sum(widths) != latent_dim:
        expected = f"sizes should sum to latent_dim = {latent_dim}"
        raise InputError(
            f"posterior ladder: {expected}; found {', '.join(map(str, widths))}, which sum to {sum(widths)}"
        )
    inner = sizes_of("posterior ladder", "hidden", hidden)
    steps = [_step([above, *inner, 2 * below], rng) for below, above in pairwise(widths)]
    return Ladder(TopDown(*steps, sizes=widths))


def hierarchical(posterior: Posterior) -> HierarchicalGaussian:
    """N(0, I) over a ladder's topmost layer of latents, and a Gaussian of each lower one given the next."""
    return HierarchicalGaussian(require_posterior("hierarchical", "ladder", Ladder, posterior).top_down)


def _step(widths: Sequence[int], rng: np.random.Generator) -> Layer:
    layers: list[Layer] = []
    for wide, narrow in pairwise(widths):
        layers += [Linear(wide, narrow, rng=rng), Tanh()]
    return Sequential(*layers[:-1])
