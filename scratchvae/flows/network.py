"""The network inside a step: it computes, from some latents and a context, how other latents move.

With an `order` it is a MADE, a masked autoencoder for distribution estimation (Germain et al. 2015): each
output depends only on latents of a lower place in the order. A hidden unit has a place too, which is the
highest place that it may depend on.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, InputError, Pullback, generator_from, require_shapes, sizes_of
from scratchvae.layers import Parameter
from scratchvae.layers.initializers import initial_weight_and_bias

Order = tuple[int, ...]


@differentiable
def network(
    x: Array, context: Array, V: Array, *layers: Array, order: Order | None = None
) -> tuple[Array, Pullback]:
    """y = h_L (W_L ∘ M_L) + b_L,  h_l = elu(h_(l−1) (W_(l−1) ∘ M_(l−1)) + b_(l−1)),  h_0 = x.

    The argument of the first elu has the term context V too. x (B, D), context (B, C), V (C, H), layers W, b,
    W, b, … from D numbers to P  ->  y (B, P). Without an `order` every mask M is 1. With an order, the place
    of each of D latents, y has as many outputs for each latent, two in the flows, and P is D times their
    number. The outputs for a latent depend on the latents of lower places alone.
    """
    y, _, pullback = differentiated(x, context, V, *layers, order=order)
    return y, pullback


def differentiated(
    x: Array, context: Array, V: Array, *layers: Array, order: Order | None
) -> tuple[Array, Callable[[Array], Array], Pullback]:
    """The y of `network`, the function that takes a gradient of y to x alone, and the pullback.

    No weight receives a gradient from the second.
    """
    _require_fitting(x, context, V, layers, order)
    weights, biases = layers[::2], layers[1::2]
    masks = masks_of(order, tuple(len(b) for b in biases), bool(len(V))) if order is not None else None
    held = weights if masks is None else [W * M for W, M in zip(weights, masks, strict=True)]
    inputs, activations = [x], []
    for i, (W, b) in enumerate(zip(held[:-1], biases, strict=False)):
        before = inputs[-1] @ W + b
        h, activation_pullback = ops.elu(before + context @ V if i == 0 else before)
        inputs.append(h)
        activations.append(activation_pullback)

    def down(dy: Array) -> tuple[Array, list[Array]]:
        """The gradient at x, and the gradients at the output of each layer before its activation."""
        found = [dy]
        for W, activation_pullback in zip(held[:0:-1], activations[::-1], strict=True):
            found.append(activation_pullback(found[-1] @ W.T))  # dh_(l−1) = (dh_l Wᵀ) elu′
        return found[-1] @ held[0].T, found[::-1]

    def to_x(dy: Array) -> Array:
        return down(dy)[0]

    def pullback(dy: Array) -> tuple[Array, ...]:
        dx, dlayers = down(dy)
        dcontext, dV = dlayers[0] @ V.T, context.T @ dlayers[0]  # dcontext = dh_1 Vᵀ,  dV = contextᵀ dh_1
        gradients: list[Array] = []
        for i, (h, d) in enumerate(zip(inputs, dlayers, strict=True)):
            dW = h.T @ d  # dW = (hᵀ dh) ∘ M
            gradients += [dW if masks is None else dW * masks[i], d.sum(axis=0)]  # db = Σ_b dh
        return dx, dcontext, dV, *gradients

    return inputs[-1] @ held[-1] + biases[-1], to_x, pullback


def _require_fitting(
    x: Array, context: Array, V: Array, layers: Sequence[Array], order: Order | None
) -> None:
    """Raise InputError unless each layer fits the one before, and the order has a place for each latent."""
    if len(layers) < 4 or len(layers) % 2:
        expected = "layers should be W and b of a hidden layer, of any others, and of the last"
        raise InputError(f"flows.network: {expected}; found {len(layers)} arrays")
    widths = ("D", *(f"H{i}" for i in range(1, len(layers) // 2)), "P")
    shaped = {"x": (x, "B D"), "context": (context, "B C"), "V": (V, "C H1")}
    for i, (before, after) in enumerate(pairwise(widths)):
        shaped |= {f"W{i + 1}": (layers[2 * i], f"{before} {after}"), f"b{i + 1}": (layers[2 * i + 1], after)}
    n = require_shapes("flows.network", **shaped)
    if order is not None and (n["D"] != len(order) or not n["P"] or n["P"] % len(order)):
        expected = (
            f"an order of {len(order)} latents should come with as many, and with so many outputs for each"
        )
        raise InputError(f"flows.network: {expected}; found {n['D']} and {n['P']}")


@lru_cache(maxsize=256)
def masks_of(order: Order, widths: tuple[int, ...], contextual: bool) -> tuple[Array, ...]:
    """A mask of True and False for the weight of each layer, where `widths` are the layers' outputs.

    The last layer has as many outputs for each latent. A unit reads units of at most its own place, and the
    outputs for a latent read units of lower places. The places of hidden units repeat those from the lowest
    to the highest but one. The units of a network with a context begin one place below the lowest: such units
    read the context alone. Germain et al. 2015, equations 8 and 12.
    """
    low, high = min(order), max(order)
    first = low - 1 if contextual or low == high else low
    places = np.arange(first, max(high, first + 1))
    before, masks = np.array(order), []
    for width in widths[:-1]:
        after = np.resize(places, width)
        masks.append(before[:, None] <= after)
        before = after
    masks.append(before[:, None] < np.tile(order, widths[-1] // len(order)))
    return tuple(masks)


def first_weights(
    where: str,
    inputs: int,
    context: int,
    outputs: int,
    hidden: int | Sequence[int],
    rng: np.random.Generator | int | None,
) -> list[Parameter]:
    """V, and W, b of each layer, as `network` takes them.

    The last layer begins with zeros, and so the outputs are 0 at first.
    """
    rng = generator_from(where, "rng", rng)
    widths = sizes_of(where, "hidden", hidden, least=1)
    fan = inputs + context
    V, _ = initial_weight_and_bias("pytorch", (context, widths[0]), fan, widths[0], widths[0], rng)
    found = [Parameter(V)]
    for before, after in zip((inputs, *widths[:-1]), widths, strict=True):
        W, b = initial_weight_and_bias("pytorch", (before, after), fan, after, after, rng)
        found += [Parameter(W), Parameter(b)]
        fan = after
    zeros = np.zeros((widths[-1], outputs), np.float32)
    return [*found, Parameter(zeros), Parameter(zeros[0].copy())]
