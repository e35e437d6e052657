"""A convolutional encoder and its mirror image as the decoder, for images of any size."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import InputError, require_choice, require_count, sizes_of
from scratchvae.layers import (
    ACTIVATIONS,
    Bypass,
    Conv2d,
    ConvTranspose2d,
    Flatten,
    Layer,
    Linear,
    Reshape,
    Sequential,
)
from scratchvae.likelihoods import Likelihood
from scratchvae.models import Classes, LatentVariableModel
from scratchvae.networks import (
    POSTERIOR,
    PRIOR,
    Parts,
    classifier_chosen,
    critic_chosen,
    decoded_width,
    encoder_inputs,
    first_layers,
    last_layers,
    likelihood_chosen,
    posterior_chosen,
    q_params_layers,
    weights_generator,
)
from scratchvae.recipes.assembly import assemble, condition_of, posterior_given

KERNEL, STRIDE, PADDING = 4, 2, 1  # each layer halves the image


def convolutional(
    event_shape: Sequence[int],
    *,
    latent_dim: int = 16,
    channels: Sequence[int] | int = (32, 64),
    hidden: int = 256,
    activation: str = "relu",
    code_activation: str | None = None,
    model: str = "vae",
    classes: int | None = None,
    condition_dim: int | None = None,
    posterior: str = POSTERIOR,
    log_var_bounds: tuple[float, float] | None = None,
    likelihood: str | Likelihood = "bernoulli",
    standardize: bool = False,
    prior: str = PRIOR,
    critic: Sequence[int] | int | None = None,
    classifier: Sequence[int] | int | None = None,
    fill: str = "zero",
    init: str = "pytorch",
    seed: int = 0,
) -> LatentVariableModel:
    """Images (C, H, W) -> convolutions of 4 × 4 with stride 2 -> hidden -> q_params, and all of it backwards.

    A "conditional_vae" is told one of so many `classes`, or `condition_dim` real numbers. They go around the
    convolutions, and are further inputs of both layers that have `hidden` outputs. Where a halved size was
    rounded down, the transposed convolution pads its output back to it. The same seed gives the same weights.
    `fill` says what the encoder sees where a pixel is missing: "zero", a "learned" number for each pixel, or
    "zero_and_mask", which is zero and C further channels that say which pixels were observed.
    `log_var_bounds`, `standardize` and `critic` are those of `mlp`, and so is `classifier`, which has no
    convolutions.
    """
    require_choice("convolutional", "activation", activation, ACTIVATIONS)
    event_shape = sizes_of("convolutional", "event_shape", event_shape, least=1)
    channels = sizes_of("convolutional", "channels", channels)
    for name, number in (("latent_dim", latent_dim), ("hidden", hidden)):
        require_count("convolutional", name, number)
    if len(event_shape) != 3:
        raise InputError(
            f"convolutional: events should be images (C, H, W), found shape {tuple(event_shape)}"
        )
    if not channels:
        raise InputError(
            "convolutional: channels should be one number for each "
            "convolution, at least 1 of them; found none"
        )
    rng = weights_generator(seed, "convolutional")
    parts = Parts(tuple(event_shape), latent_dim, rng)
    law = likelihood_chosen(likelihood, parts, standardize=standardize)
    q = posterior_chosen(posterior_given(model, posterior), parts)
    C, H, W = event_shape
    sizes = [(H, W)]
    for _ in channels:
        rows, columns = sizes[-1]
        if min(rows, columns) < 2:
            limit = (
                f"{len(channels)} halvings need images of at least {2 ** len(channels)} "
                f"x {2 ** len(channels)} pixels"
            )
            raise InputError(f"convolutional: {limit}, found {H} x {W}; give fewer channels, or use mlp")
        sizes.append((_halved(rows), _halved(columns)))
    smallest = (channels[-1], *sizes[-1])
    x_channels = law.n_params((C, H, W)) // (H * W)

    condition = condition_of(model, classes, condition_dim)
    known = condition.width if condition else 0
    inputs, filled = encoder_inputs(fill, C * H * W)

    down: list[Layer] = [*filled, Reshape(inputs // (H * W), H, W)]
    for before, after in zip((inputs // (H * W), *channels[:-1]), channels, strict=True):
        conv = Conv2d(before, after, KERNEL, stride=STRIDE, padding=PADDING, init=init, rng=rng)
        down += [conv, ACTIVATIONS[activation]()]
    down += [Flatten()]
    encoder: list[Layer] = [Bypass(Sequential(*down), known)] if known else down
    encoder += [Linear(prod(smallest) + known, hidden, init=init, rng=rng), ACTIVATIONS[activation]()]
    encoder += [
        *q_params_layers(q, hidden, activation, init, rng),
        *last_layers(q, code_activation, log_var_bounds),
    ]

    decoder: list[Layer] = [
        *first_layers(q, known),
        Linear(decoded_width(q) + known, hidden, init=init, rng=rng),
    ]
    decoder += [ACTIVATIONS[activation](), Linear(hidden, prod(smallest), init=init, rng=rng)]
    decoder += [ACTIVATIONS[activation](), Reshape(*smallest)]
    widths = [*reversed(channels), x_channels]
    for i, (rows, columns) in enumerate(reversed(sizes[:-1])):
        decoder += [_doubling(widths[i], widths[i + 1], rows, columns, init, rng), ACTIVATIONS[activation]()]
    decoder[-1] = Flatten()
    told = known if isinstance(condition, Classes) else 0
    of_head: dict[str, Any] = {"activation": activation, "init": init, "rng": rng}
    return assemble(
        model,
        condition=condition,
        event_shape=(C, H, W),
        encoder=Sequential(*encoder),
        posterior=q,
        decoder=Sequential(*decoder),
        likelihood=law,
        critic=critic_chosen("convolutional", q.latent_dim, critic, **of_head),
        classifier=classifier_chosen("convolutional", C * H * W, told, classifier, fill=fill, **of_head),
        prior=prior,
        rng=rng,
        fill=fill,
    )


def _halved(size: int) -> int:
    return (size + 2 * PADDING - KERNEL) // STRIDE + 1


def _doubling(before: int, after: int, rows: int, columns: int, init: str, rng: np.random.Generator) -> Layer:
    """The transposed convolution whose output is rows × columns."""
    odd = (rows % 2, columns % 2)
    return ConvTranspose2d(
        before, after, KERNEL, stride=STRIDE, padding=PADDING, output_padding=odd, init=init, rng=rng
    )
