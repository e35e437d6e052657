"""One training step of a PyTorch VAE held against this library: values, every gradient, and the mistake if there is one.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import Array, InputError
from scratchvae.layers import ACTIVATIONS, Layer, Mode, cast
from scratchvae.reference.diagnosis import Finding, Report, diagnose
from scratchvae.reference.diagnosis.predictions import RIGHT, predict
from scratchvae.reference.diagnosis.quantities import read
from scratchvae.reference.diagnosis.report import Line
from scratchvae.reference.torch_twins import layer_from_torch, paired

Part = str | tuple[int, ...]  # a child's dotted name, an activation's, "flatten", or the shape that an example is given
CLOSE = {"float32": 1e-5, "float64": 1e-10}  # of the largest entry


def check_torch(
    module: Any,
    x: Any,
    step: Callable[[Any, Any], Any],
    *,
    encoder: Sequence[Part],
    heads: tuple[str, str],
    decoder: Sequence[Part],
    scale: str = "log_var",
    likelihood: str = "bernoulli",
    **settings: Any,
) -> Report:
    """Run `step(module, x) -> loss` and its backward pass, and compare with the same weights, batch and noise here.

    `encoder` and `decoder` name what happens in order: children of the module, activations that are functions in its code
    ("relu", "tanh", …), "flatten", or a shape for a view; `heads` are the children that give the mean and, by default as log σ²
    (`scale`: as in diagnose), the spread. A sigmoid at the decoder's end belongs to the loss and is not named. `settings` are
    those of diagnose: beta, reduction, variance, …

    The noise is what the step draws by torch.randn, randn_like or normal. InputError where a name or a layer isn't known.
    """
    import torch

    if any(isinstance(m, torch.nn.Dropout) and m.p > 0 and m.training for m in module.modules()):
        raise InputError("check_torch: dropout draws masks of its own: set its p to 0, or call module.eval()")
    before = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    theirs = _run(module, x, step, heads, decoder, scale, "logits" if likelihood == "bernoulli" else "x_mean")
    gradients = {name: p.grad.detach().cpu().numpy() for name, p in module.named_parameters() if p.grad is not None}
    report = diagnose(theirs, likelihood=likelihood, **settings)
    after = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    module.load_state_dict(before)  # running statistics as they were before the step
    try:
        values, expected = _ours(module, theirs, encoder, heads, decoder, scale, likelihood, settings)
    finally:
        module.load_state_dict(after)
    dtype = str(theirs["mean"].dtype).removeprefix("torch.")
    return _extended(report, theirs, values, gradients, expected, CLOSE.get(dtype, 1e-2))


def _run(
    module: Any, x: Any, step: Callable[[Any, Any], Any], heads: tuple[str, str], decoder: Sequence[Part], scale: str, output: str
) -> dict[str, Any]:
    """Their step, and what passes by on the way."""
    import torch

    seen: dict[str, Any] = {"x": x}
    draws: list[Any] = []

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            if getattr(function, "__name__", "") in {"randn", "randn_like", "normal", "normal_"}:
                draws.append(result.detach().clone())
            return result

    def keep(name: str, tensor: Any) -> None:
        seen[name] = tensor
        if tensor.requires_grad:
            tensor.retain_grad()

    named = [part for part in decoder if isinstance(part, str) and part not in ACTIVATIONS and part != "flatten"]
    hooks = [
        _child(module, n).register_forward_hook(lambda m, i, o, q=q: keep(q, o))
        for n, q in zip(heads, ("mean", scale), strict=True)
    ]
    hooks.append(_child(module, named[0]).register_forward_pre_hook(lambda m, i: keep("decoder_input", i[0])))
    hooks.append(_child(module, named[-1]).register_forward_hook(lambda m, i, o: keep(output, o)))
    module.zero_grad()
    try:
        with Watch():
            loss = step(module, x)
        loss.backward()
    finally:
        for hook in hooks:
            hook.remove()
    missing = [name for name in ("mean", scale, "decoder_input", output) if name not in seen]
    if missing:
        raise InputError(f"check_torch: the step never called the module for {', '.join(missing)}")
    seen["z"], seen["loss"] = seen.pop("decoder_input"), loss
    fitting = [draw for draw in draws if draw.numel() == seen["mean"].numel()]
    if fitting:
        seen["noise"] = fitting[-1].reshape(seen["mean"].shape)
    if seen["z"].shape != seen["mean"].shape:
        seen["z"] = seen["z"].reshape(seen["mean"].shape)
    return seen | {f"d_{name}": seen[name].grad for name in ("mean", scale, "z", output) if seen[name].grad is not None}


def _child(module: Any, name: str) -> Any:
    try:
        return module.get_submodule(name)
    except AttributeError:
        known = ", ".join(n for n, _ in module.named_modules() if n)
        raise InputError(f"check_torch: the module has no child {name!r}; it has {known}") from None


def _chain(module: Any, parts: Sequence[Part]) -> tuple[layers.Sequential, dict[str, Any]]:
    """The layers that the parts name, in float64, and their Parameters beside the module's by name."""
    chain: list[Layer] = []
    pairs: dict[str, Any] = {}
    for part in parts:
        if isinstance(part, tuple):
            chain.append(layers.Reshape(*part))
        elif part in ACTIVATIONS:
            chain.append(ACTIVATIONS[part]())
        elif part == "flatten":
            chain.append(layers.Flatten())
        else:
            child = _child(module, part)
            chain.append(layer_from_torch(child))
            pairs |= paired(chain[-1], child, f"{part}.")
    twin = layers.Sequential(*chain)
    cast(twin, np.float64)
    return twin, pairs


def _ours(
    module: Any,
    theirs: Mapping[str, Any],
    encoder: Sequence[Part],
    heads: tuple[str, str],
    decoder: Sequence[Part],
    scale: str,
    likelihood: str,
    settings: Mapping[str, Any],
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Our step by the twins: its values, and the gradient of every parameter by its name in the module."""
    mode = Mode(np.random.default_rng(0)) if module.training else Mode()
    x = theirs["x"].detach().cpu().numpy().astype(np.float64)
    output = "logits" if likelihood == "bernoulli" else "x_mean"
    trunk, trunk_pairs = _chain(module, encoder)
    mean_head, mean_pairs = _chain(module, heads[:1])
    scale_head, scale_pairs = _chain(module, heads[1:])
    body, body_pairs = _chain(module, decoder)
    h, trunk_pullback = trunk(x if not _begins_flat(trunk) else x.reshape(len(x), -1), mode=mode)
    mean, mean_pullback = mean_head(h, mode=mode)
    held, scale_pullback = scale_head(h, mode=mode)
    arrays = {"x": x, "mean": mean, scale: held}
    if "noise" in theirs:
        arrays["noise"] = theirs["noise"].cpu().numpy().astype(np.float64)
    everything = {"variance": 1.0, "beta": 1.0, "reduction": "mean", "free_bits": 0.0, "constants": True, "evaluation": False}
    everything |= {name: value for name, value in settings.items() if name != "names"}
    given = read(arrays | {"z": mean}, names={}, likelihood=likelihood, **everything)
    z = predict("z", given, RIGHT)[0].value if "noise" in theirs or given.evaluation else mean
    out, body_pullback = body(z, mode=mode)
    given = read(arrays | {"z": z, output: out}, names={}, likelihood=likelihood, **everything)
    dz = body_pullback(predict(f"d_{output}", given, RIGHT)[0].value.reshape(out.shape))
    given = read(arrays | {"z": z, output: out, "d_z": dz}, names={}, likelihood=likelihood, **everything)
    dmean, dheld = (predict(f"d_{name}", given, RIGHT)[0].value for name in ("mean", scale))
    trunk_pullback(mean_pullback(dmean) + scale_pullback(dheld))
    pairs = trunk_pairs | mean_pairs | scale_pairs | body_pairs
    gradients = {name: ours.grad.T if turned else ours.grad for name, (ours, _, turned) in pairs.items() if ours.grad is not None}
    return {"mean": mean, scale: held, "z": z, output: out.reshape(len(out), -1)}, gradients


def _begins_flat(trunk: layers.Sequential) -> bool:
    return bool(trunk.layers) and isinstance(trunk.layers[0], layers.Linear)


def _extended(
    report: Report,
    theirs: Mapping[str, Any],
    values: Mapping[str, Array],
    gradients: Mapping[str, Array],
    expected: Mapping[str, Array],
    close: float,
) -> Report:
    """The diagnosis, with a line for each value and each parameter's gradient by the twins."""
    lines, departing = [], []
    flat = {name: theirs[name].detach().cpu().numpy().reshape(value.shape) for name, value in values.items()}
    for kind, found, wanted in (("by the layers", flat, values), ("gradient", gradients, expected)):
        for name in wanted:
            label = f"{name} {kind}" if kind != "gradient" else f"d_{name}"
            apart = _apart(found.get(name), name, wanted)
            agrees = apart <= close
            lines.append(
                Line(label, "agrees" if agrees else f"DEPARTS by {apart:.2g}", found.get(name, np.zeros(0)), wanted[name])
            )
            if not agrees:
                departing.append(label)
    unknown = sorted(set(gradients) - set(expected))
    notes = (*report.notes, *([f"not named, so not compared: {', '.join(unknown)}"] if unknown else []))
    findings = report.findings
    if departing and not findings:
        where = "encoder, heads and decoder should name all that happens in order; if they do, the cause is unknown"
        findings = (Finding(departing[0], (), where),)
    return Report((*report.lines, *lines), findings, notes)


def _apart(found: Array | None, name: str, wanted: Mapping[str, Array]) -> float:
    """The largest difference, over the largest entry of the child's tensors: a bias before a batch norm has gradient 0 alone."""
    if found is None or found.shape != wanted[name].shape:
        return float("inf")
    child = name.rpartition(".")[0]
    largest = max(np.abs(array).max(initial=0) for other, array in wanted.items() if other.rpartition(".")[0] == child)
    return float(np.abs(found - wanted[name]).max(initial=0) / (largest or 1))
