"""Convolutional encoder and its mirror image as the decoder, for images of any size."""

from collections.abc import Sequence
from math import prod

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.layers import ACTIVATIONS, Conv2d, ConvTranspose2d, Flatten, Layer, Linear, Reshape, Sequential
from scratchvae.likelihoods import Likelihood
from scratchvae.models import LatentVariableModel
from scratchvae.recipes.roles import (
    POSTERIOR,
    PRIOR,
    Parts,
    assemble,
    last_layers,
    likelihood_chosen,
    posterior_chosen,
    weights_generator,
)

KERNEL, STRIDE, PADDING = 4, 2, 1  # each layer halves the image


def convolutional(
    event_shape: Sequence[int],
    *,
    latent_dim: int = 16,
    channels: Sequence[int] = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    code_activation: str | None = None,
    model: str = "vae",
    posterior: str = POSTERIOR,
    log_var_bounds: tuple[float, float] | None = None,
    likelihood: str | Likelihood = "bernoulli",
    standardize: bool = False,
    prior: str = PRIOR,
    init: str = "pytorch",
    seed: int = 0,
) -> LatentVariableModel:
    """Images (C, H, W) -> convolutions of 4 × 4 with stride 2 -> hidden -> q_params, and all of it backwards.

    Where a halved size was rounded down, the transposed convolution pads its output back to it. Same seed, same weights.
    `log_var_bounds` and `standardize` are those of `mlp`.
    """
    require_choice("convolutional", "activation", activation, ACTIVATIONS)
    if len(event_shape) != 3:
        raise InputError(f"convolutional: events should be images (C, H, W), found shape {tuple(event_shape)}")
    if latent_dim < 1 or hidden < 1 or not channels or min(channels) < 1:
        found = f"{latent_dim}, {hidden}, {tuple(channels)}"
        raise InputError(f"convolutional: latent_dim, hidden and every one of channels should be at least 1, found {found}")
    rng = weights_generator(seed)
    parts = Parts(tuple(event_shape), latent_dim, rng)
    law = likelihood_chosen(likelihood, parts, standardize=standardize)
    q = posterior_chosen(model, posterior, parts)
    C, H, W = event_shape
    sizes = [(H, W)]
    for _ in channels:
        rows, columns = sizes[-1]
        if min(rows, columns) < 2:
            limit = f"{len(channels)} halvings need images of at least {2 ** len(channels)} x {2 ** len(channels)} pixels"
            raise InputError(f"convolutional: {limit}, found {H} x {W}; give fewer channels, or use mlp")
        sizes.append((_halved(rows), _halved(columns)))
    smallest = (channels[-1], *sizes[-1])
    x_channels = law.n_params((C, H, W)) // (H * W)

    encoder: list[Layer] = [Reshape(C, H, W)]
    for before, after in zip((C, *channels[:-1]), channels, strict=True):
        conv = Conv2d(before, after, KERNEL, stride=STRIDE, padding=PADDING, init=init, rng=rng)
        encoder += [conv, ACTIVATIONS[activation]()]
    encoder += [Flatten(), Linear(prod(smallest), hidden, init=init, rng=rng), ACTIVATIONS[activation]()]
    encoder += [Linear(hidden, q.n_params, init=init, rng=rng), *last_layers(q, code_activation, log_var_bounds)]

    decoder: list[Layer] = [Linear(latent_dim, hidden, init=init, rng=rng), ACTIVATIONS[activation]()]
    decoder += [Linear(hidden, prod(smallest), init=init, rng=rng), ACTIVATIONS[activation](), Reshape(*smallest)]
    widths = [*reversed(channels), x_channels]
    for i, (rows, columns) in enumerate(reversed(sizes[:-1])):
        decoder += [_doubling(widths[i], widths[i + 1], rows, columns, init, rng), ACTIVATIONS[activation]()]
    decoder[-1] = Flatten()
    return assemble(
        model,
        event_shape=(C, H, W),
        encoder=Sequential(*encoder),
        posterior=q,
        decoder=Sequential(*decoder),
        likelihood=law,
        prior=prior,
        rng=rng,
    )


def _halved(size: int) -> int:
    return (size + 2 * PADDING - KERNEL) // STRIDE + 1


def _doubling(before: int, after: int, rows: int, columns: int, init: str, rng: np.random.Generator) -> Layer:
    """The transposed convolution whose output is rows × columns."""
    odd = (rows % 2, columns % 2)
    return ConvTranspose2d(before, after, KERNEL, stride=STRIDE, padding=PADDING, output_padding=odd, init=init, rng=rng)
