"""A chain of layers of binary units, each drawn given the one before: s_i ~ Bernoulli(σ(layer_i(s_{i−1}))).

Both halves of a Helmholtz machine are such chains: recognition leads from x upwards, and generation from the
top downwards.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.distributions import bernoulli
from scratchvae.layers import EVALUATION, Layer, Mode


def draw(
    layers: Sequence[Layer], first: Array, uniforms: Sequence[Array], *, mode: Mode = EVALUATION
) -> tuple[tuple[list[Array], Array], Pullback]:
    """The states after `first` (B, ·), and Σ_i log p(s_i|s_{i−1}) (B,) in nats.

    Each state is drawn by uniform numbers of its shape. pullback(dlog_p) fills the layers' Parameters, and
    the states stay what they are.
    """
    state, states, log_p, pullbacks = first, [], np.zeros(len(first), first.dtype), []
    for layer, uniform in zip(layers, uniforms, strict=True):
        logits, layer_pullback = layer(state, mode=mode, needs_dx=False)
        state = bernoulli.sample(logits, uniform=uniform)
        term, law_pullback = bernoulli.log_prob(logits, x=state)
        log_p = log_p + term
        states.append(state)
        pullbacks.append((layer_pullback, law_pullback))

    def pullback(dlog_p: Array) -> None:
        for layer_pullback, law_pullback in pullbacks:
            layer_pullback(law_pullback(dlog_p))

    return (states, log_p), pullback


def log_prob(
    layers: Sequence[Layer], states: Sequence[Array], *, observed: Array | None = None, mode: Mode
) -> tuple[tuple[Array, ...], Pullback]:
    """log p(s_i|s_{i−1}) of each layer, (B,) in nats each.

    An entry of the last state is missing where `observed` is 0, and its probability counts for nothing.
    pullback(dlog_p₁, …) fills the layers' Parameters.

    With Linear layers the gradient is the delta rule: dW_jk = Σ_b dlog_p_b s_{i−1,bj} (s_{i,bk} − σ(l_bk)).
    """
    terms, pullbacks = [], []
    for i, (layer, (before, after)) in enumerate(zip(layers, pairwise(states), strict=True)):
        logits, layer_pullback = layer(before, mode=mode, needs_dx=False)
        log_p, law_pullback = bernoulli.log_prob(
            logits, x=after, observed=observed if i == len(layers) - 1 else None
        )
        terms.append(log_p)
        pullbacks.append((layer_pullback, law_pullback))

    def pullback(*dterms: Array) -> None:
        for dlog_p, (layer_pullback, law_pullback) in zip(dterms, pullbacks, strict=True):
            layer_pullback(law_pullback(dlog_p))  # states are data, and so no gradient leaves the layer

    return tuple(terms), pullback


def require_widths(where: str, layers: Sequence[Layer], widths: Sequence[int]) -> None:
    """Raise InputError unless each layer maps one of the `widths`, in units, to the next one, in logits."""
    for i, (layer, (before, after)) in enumerate(zip(layers, pairwise(widths), strict=True)):
        expected = f"{where}[{i}] should map {before} units to {after}"
        try:
            logits, _ = layer(np.zeros((1, before), np.float32))
        except InputError as error:
            raise InputError(f"{expected}: {error}") from error
        if logits.shape != (1, after):
            raise InputError(f"{expected}, found an output of shape {logits.shape} for one example")


def require_binary(where: str, **arrays: Array) -> None:
    """Raise InputError unless every entry is 0 or 1."""
    for name, array in arrays.items():
        binary = (array == 0) | (array == 1)
        if not binary.all():
            found = f"found {array[~binary][0]:g}; data.binarize, or binarized=True in training, draws such from grey"
            raise InputError(f"HelmholtzMachine.{where}: {name} should be 0 or 1 everywhere, {found}")
