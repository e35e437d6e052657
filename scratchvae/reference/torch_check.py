"""One training step of a PyTorch VAE held against this library: values, every gradient, and the mistake if there is one.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scratchvae import layers
from scratchvae.arrays import InputError
from scratchvae.layers import ACTIVATIONS, Layer, Mode, cast
from scratchvae.reference.diagnosis import Report, diagnose
from scratchvae.reference.torch_twins import layer_from_torch, paired
from scratchvae.reference.twin_step import CLOSE, TwinStep, extended

Part = str | tuple[int, ...]  # a child's dotted name, an activation's, "flatten", or the shape that an example is given


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
    pairs: dict[str, Any] = {}
    chains: list[layers.Sequential] = []
    for parts in (encoder, heads[:1], heads[1:], decoder):
        chain, named = _chain(module, parts)
        chains.append(chain)
        pairs |= named
    module.load_state_dict(after)
    twin = TwinStep(chains[0], chains[1], chains[2], chains[3], scale=scale, likelihood=likelihood)
    found = {name: array.detach().cpu().numpy() for name, array in theirs.items()}
    mode = Mode(np.random.default_rng(0)) if module.training else Mode()
    values = twin.run(found["x"], found.get("noise"), settings, mode)
    expected = {name: ours.grad.T if turned else ours.grad for name, (ours, _, turned) in pairs.items() if ours.grad is not None}
    return extended(report, found, values, gradients, expected, CLOSE.get(str(found["mean"].dtype), 1e-2))


def _run(
    module: Any, x: Any, step: Callable[[Any, Any], Any], heads: tuple[str, str], decoder: Sequence[Part], scale: str, output: str
) -> dict[str, Any]:
    """Their step, and what passes by on the way."""
    import torch

    seen: dict[str, Any] = {"x": x}
    draws: list[Any] = []

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc, unused-ignore]  # (torch may be there or not)
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
