"""One training step of a JAX VAE, a function of a parameter tree, held against this library.

jax is imported inside these functions only; `pip install jax` is the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import Array, InputError
from scratchvae.layers import EVALUATION, Layer, Parameter, cast
from scratchvae.reference.diagnosis import NOISE_MISSING, RIGHT, Pieces, Report, examine, read, std_read_as
from scratchvae.reference.frameworks.comparison import CLOSE, HALF_CLOSE, Observed, compared
from scratchvae.reference.frameworks.jax_step import by_arrays, noise_drawn, shown_by
from scratchvae.reference.frameworks.jax_traced import Traced, moved, trace
from scratchvae.reference.frameworks.jax_watched import JaxWatched
from scratchvae.reference.frameworks.parts import (
    activation,
    as_heads,
    as_parts,
    as_scale,
    known_activations,
    require_settings,
)
from scratchvae.reference.frameworks.perturbation import seen_enough
from scratchvae.reference.frameworks.twin_step import TwinStep

WEIGHTS, BIASES = ("kernel", "weight", "w", "W"), ("bias", "b")


def check_jax(
    step: Callable[..., Any],
    parameters: Any,
    x: Any,
    *arguments: Any,
    encoder: Sequence[str] | str | None = None,
    heads: tuple[str, str] | str | None = None,
    decoder: Sequence[str] | str | None = None,
    scale: str | None = None,
    likelihood: str | None = None,
    noise: Any = None,
    **settings: Any,
) -> Report:
    """Judge the step `step(parameters, x, *arguments)` -> loss, (loss, arrays) or a dict with "loss".

    With no name of a layer, every equation is computed, and mean, spread, noise, z, output and the parts of
    the loss are found from what was done with each array, as `capture` finds them in PyTorch. The gradients
    are those of the rest of the jaxpr, and any setting that is not given is taken from the step's own
    arithmetic. The parameters may be any tree of arrays, such as the variables of a Flax module, or a module
    of `flax.nnx`; of a tree with a part "params" only that is learned. x and a key may come in either order,
    and the step may be jitted or vmapped over examples. Such a report names a mistake only where what was
    found proves it; what departs otherwise is "unproven". Arrays that the step returns are known by their
    names.

    With names, the layers are computed here too, in float64. `encoder` and `decoder` name what happens in
    order: dense layers by the dotted path of their part of the tree, a (W, b) pair or a dict of kernel and
    bias with W (in, out), and activations ("relu", "tanh", …, or jax's functions); `heads` are the layers of
    the mean and of the spread, by default log σ², or the one layer that gives both, the mean in the first
    half. `settings` are those of diagnose. From the loss and its gradients alone mistakes of sampling are
    rehearsed; arrays show more.

    The noise is what `arrays` hold as noise, what is handed over as `noise`, or what the step draws by
    functions of jax.random. Where the KL is too small to be seen, as at initialization, the step is checked
    once more at perturbed weights.
    """
    names = {"encoder": encoder, "heads": heads, "decoder": decoder}
    missing = [name for name, value in names.items() if value is None]
    if missing and len(missing) < len(names):
        raise InputError(
            f"check_jax: encoder, heads and decoder should be named all three or not at all, {missing[0]} "
            "is not"
        )
    require_settings("check_jax", settings)
    settings |= {"likelihood": likelihood, "noise": noise}
    if missing:
        settings |= {"scale": scale}
        traced = trace(step, parameters, x, *arguments, noise=noise)
        return seen_enough(
            _watched(traced, x, **settings), lambda: _watched(traced.moved(), x, perturbed=True, **settings)
        )
    settings |= names | {"scale": scale or "log_var", "likelihood": likelihood or "bernoulli"}
    return seen_enough(
        _checked(step, parameters, x, arguments, **settings),
        lambda: _checked(step, moved(parameters), x, arguments, **settings),
    )


def _watched(traced: Traced, x: Any, *, noise: Any, perturbed: bool = False, **settings: Any) -> Report:
    """The step read from its jaxpr, at the parameters that it was traced with or moved to."""
    watched = JaxWatched(traced)
    meant = {name: value for name, value in settings.items() if value is not None and name != "names"}
    by_equations = watched.report(**meant)
    if watched.step(meant).settings or perturbed:
        return by_equations
    settings.pop("scale")
    return by_arrays(traced, x, noise=noise, **settings) or by_equations


def _checked(
    step: Callable[..., Any],
    parameters: Any,
    x: Any,
    arguments: Any,
    *,
    encoder: Any,
    heads: Any,
    decoder: Any,
    scale: Any,
    likelihood: str,
    noise: Any,
    **settings: Any,
) -> Report:
    """The step compared with its twin, at these parameters."""
    scale, ends = as_scale("check_jax", scale), as_heads("check_jax", heads)
    encoder, decoder = (
        as_parts("check_jax", "encoder", encoder),
        list(as_parts("check_jax", "decoder", decoder)),
    )
    while likelihood == "bernoulli" and isinstance(activation(decoder[-1]), layers.Sigmoid):
        decoder.pop()  # a Bernoulli's sigmoid is the loss's
    twins: dict[str, tuple[Parameter, str]] = {}
    chains = [_chain(parameters, parts, twins) for parts in (encoder, decoder, *([head] for head in ends))]
    twin = TwinStep(chains[0], tuple(chains[2:]), chains[1], scale, likelihood)
    traced = trace(step, parameters, x, *arguments)
    loss, x = traced.loss.value(), np.asarray(x)
    shown = shown_by(traced, settings.get("names") or {})
    latents = _latents(chains[2]) // (3 - len(chains[2:]))
    drawn = noise_drawn(traced, shown.get("noise", noise), (len(x), latents))

    def rehearse(pieces: Pieces) -> tuple[dict[str, Array], dict[str, Array]] | None:
        made = twin.run(x, drawn, settings, EVALUATION, pieces)
        received = {name: ours.grad for name, (ours, _) in twins.items() if ours.grad is not None}
        return None if made is None else (made, received)

    values, _ = rehearse(RIGHT) or ({}, {})
    dtype = str(loss.dtype)
    known = {"x": x, "loss": loss, **({} if drawn is None else {"noise": drawn.astype(dtype)}), **shown}
    if "z" not in shown and drawn is not None and "mean" in shown and scale in shown:
        known["z"] = (shown["mean"] + std_read_as(scale, shown[scale].astype(np.float64)) * drawn).astype(
            dtype
        )
    seen = {
        **{name: value.astype(dtype) for name, value in values.items() if name not in {*known, "d_z"}},
        **known,
    }
    if (
        drawn is None
        and not settings.get("evaluation")
        and "z" not in shown
        and not _agrees(loss, values.get("loss"), dtype)
    ):
        raise InputError(
            f"check_jax: no noise of shape (B, Z) = {(len(x), latents)} was seen; hand it over as noise="
        )
    meant = {name: value for name, value in settings.items() if name != "names"}
    examination = examine(read(seen, names=settings.get("names") or {}, likelihood=likelihood, **meant))
    theirs = {"loss", "noise", "x", *shown}  # the others are the twin's
    kept = tuple(line for line in examination.report.lines if line.quantity in theirs)
    report = replace(examination.report, lines=kept)
    if drawn is None and not settings.get("evaluation") and NOISE_MISSING.name not in report.causes:
        raise InputError(
            f"check_jax: no noise of shape (B, Z) = {(len(x), latents)} was seen; hand it over as noise="
        )
    named = [traced.parameters[path] for _, path in twins.values()]
    gradients = dict(zip(twins, traced.graph.pull([traced.loss], [np.ones(())], named), strict=True))
    hint = (
        "; a step that returns (loss, {'mean': mean, 'z': z, …}) shows more, as whether the layers are "
        "named as they are"
    )
    hint = "" if {"z", "mean"} <= set(shown) else hint
    observed = Observed(
        {name: shown[name] for name in values if name in shown and name != "loss"}, gradients, loss, dtype
    )
    return compared(examination, report, observed, rehearse, hint)


def _agrees(loss: Array, other: Array | None, dtype: str) -> bool:
    return other is not None and bool(abs(loss - other) <= CLOSE.get(dtype, HALF_CLOSE) * abs(other))


def _latents(head: layers.Sequential) -> int:
    last = head.layers[-1]
    return int(last.weight.value.shape[1]) if isinstance(last, layers.Linear) else 0


def _chain(tree: Any, parts: Sequence[str], twins: dict[str, tuple[Parameter, str]]) -> layers.Sequential:
    """The layers that the parts name, in float64; their Parameters are entered into `twins` by their path."""
    chain: list[Layer] = []
    for part in parts:
        known = activation(part)
        if known is not None:
            chain.append(known)
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
            f"check_jax: {path} should hold a dense layer, a (W, b) pair or a dict of kernel and bias "
            "with W (in, out)"
        )
    return np.asarray(W), None if bias is None else np.asarray(_at(node, bias)), (weight, bias or "")


def _at(tree: Any, path: str) -> Any:
    """The part of a tree of dicts, tuples and lists at a dotted path."""
    for step in str(path).split("."):
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
            found = f"at {step!r} there is {known or 'no tree'}; activations are {known_activations()}"
            raise InputError(f"check_jax: the parameters have no {path!r}; {found}") from None
    return tree
