"""One training step of a JAX VAE, a function of a parameter tree, held against this library.

jax is imported inside these functions only; `pip install jax` is the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import Array, InputError
from scratchvae.layers import ACTIVATIONS, EVALUATION, Layer, Parameter, cast
from scratchvae.reference.diagnosis import Report, diagnose
from scratchvae.reference.diagnosis.quantities import canonical
from scratchvae.reference.twin_step import CLOSE, TwinStep, extended

WEIGHTS, BIASES = ("kernel", "weight", "w", "W"), ("bias", "b")


def check_jax(
    step: Callable[..., Any],
    parameters: Any,
    x: Any,
    *arguments: Any,
    encoder: Sequence[str],
    heads: tuple[str, str],
    decoder: Sequence[str],
    scale: str = "log_var",
    likelihood: str = "bernoulli",
    **settings: Any,
) -> Report:
    """Differentiate `step(parameters, x, *arguments)` -> loss or (loss, arrays), and compare with the same weights and noise.

    `arrays`, where the step returns them, are quantities for diagnose: mean, log_var, z, logits, kl, … `encoder` and `decoder`
    name what happens in order: dense layers by the dotted path of their part of the tree, a (W, b) pair or a dict of kernel and
    bias with W (in, out), and activations ("relu", "tanh", …); `heads` are the layers of the mean and of the spread, by default
    log σ². `settings` are those of diagnose. The noise is what the step draws by jax.random.normal; the step must not be jitted.
    """
    import jax

    noises: list[Array] = []
    normal = jax.random.normal

    def watched(*given: Any, **named: Any) -> Any:
        draw = normal(*given, **named)
        if isinstance(draw, jax.core.Tracer):
            raise InputError("check_jax: the step should not be jitted, or vmapped over its keys: its noise can't be seen then")
        noises.append(np.asarray(draw))
        return draw

    def split(tree: Any) -> tuple[Any, dict[str, Any]]:
        result = step(tree, x, *arguments)
        return result if isinstance(result, tuple) else (result, {})

    jax.random.normal = watched
    try:
        (loss, arrays), gradient = jax.value_and_grad(split, has_aux=True)(parameters)
    finally:
        jax.random.normal = normal
    twins: dict[str, tuple[Parameter, str]] = {}
    chains = [_chain(parameters, parts, twins) for parts in (encoder, heads[:1], heads[1:], decoder)]
    twin = TwinStep(chains[0], chains[1], chains[2], chains[3], scale=scale, likelihood=likelihood)
    x = np.asarray(x)
    fitting = [noise for noise in noises if noise.size == len(x) * _latents(chains[1])]
    noise = fitting[-1].reshape(len(x), -1) if fitting else None
    values = twin.run(x, noise, settings, EVALUATION)
    shown = {canonical(name, settings.get("names") or {}) or name: np.asarray(array) for name, array in arrays.items()}
    dtype = str(np.asarray(loss).dtype)
    theirs: dict[str, Any] = {"x": x, "loss": np.asarray(loss), **({} if noise is None else {"noise": noise}), **shown}
    seen = {**{name: value.astype(dtype) for name, value in values.items() if name not in shown}, **theirs}
    report = diagnose(seen, likelihood=likelihood, **settings)
    gradients = {name: np.asarray(_at(gradient, path)) for name, (_, path) in twins.items()}
    expected = {name: ours.grad for name, (ours, _) in twins.items() if ours.grad is not None}
    return extended(report, shown, values, gradients, expected, CLOSE.get(dtype, 1e-2))


def _latents(head: layers.Sequential) -> int:
    last = head.layers[-1]
    return int(last.weight.value.shape[1]) if isinstance(last, layers.Linear) else 0


def _chain(tree: Any, parts: Sequence[str], twins: dict[str, tuple[Parameter, str]]) -> layers.Sequential:
    """The layers that the parts name, in float64; their Parameters are entered into `twins` by their path."""
    chain: list[Layer] = []
    for part in parts:
        if part in ACTIVATIONS:
            chain.append(ACTIVATIONS[part]())
            continue
        W, b, names = _dense(_at(tree, part), part)
        layer = layers.Linear(W.shape[0], W.shape[1], bias=b is not None)
        for parameter, array, name in ((layer.weight, W, names[0]), (layer.bias, b, names[1])):
            if parameter is not None and array is not None:
                parameter.value = array
                twins[f"{part}.{name}"] = (parameter, f"{part}.{name}")
        chain.append(layer)
    sequential = layers.Sequential(*chain)
    cast(sequential, np.float64)
    return sequential


def _dense(node: Any, path: str) -> tuple[Array, Array | None, tuple[str, str]]:
    if isinstance(node, dict):
        weight = next((name for name in WEIGHTS if name in node), None)
        bias = next((name for name in BIASES if name in node), None)
    else:
        size = len(node) if isinstance(node, tuple | list) else 0
        weight, bias = ("0" if size in (1, 2) else None), ("1" if size == 2 else None)
    W = None if weight is None else _at(node, weight)
    if weight is None or getattr(W, "ndim", 0) != 2:
        raise InputError(
            f"check_jax: {path} should hold a dense layer, a (W, b) pair or a dict of kernel and bias with W (in, out)"
        )
    return np.asarray(W), None if bias is None else np.asarray(_at(node, bias)), (weight, bias or "")


def _at(tree: Any, path: str) -> Any:
    """The part of a tree of dicts, tuples and lists at a dotted path."""
    for step in path.split("."):
        try:
            tree = tree[step] if isinstance(tree, dict) else tree[int(step)]
        except (KeyError, ValueError, IndexError, TypeError):
            known = (
                ", ".join(map(str, tree))
                if isinstance(tree, dict)
                else f"0 to {len(tree) - 1}"
                if isinstance(tree, tuple | list)
                else ""
            )
            raise InputError(f"check_jax: the parameters have no {path!r}; at {step!r} there is {known or 'no tree'}") from None
    return tree
