"""Somebody's training step in PyTorch, watched: what passes by on the way, and the gradients that arrive.

torch is imported inside these functions only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from scratchvae.arrays import Array, InputError
from scratchvae.reference.frameworks.torch_flow import as_array
from scratchvae.reference.frameworks.torch_names import NORMAL, UNIFORM
from scratchvae.reference.frameworks.torch_quantities import quantities, shared, standardized

OTHER = {"bernoulli", "bernoulli_"}  # which are no noise of z


def observe(
    module: Any,
    x: Any,
    step: Callable[[Any, Any], Any],
    heads: tuple[str, ...],
    decoder: tuple[str, str],
    *,
    scale: str,
    output: str,
    noise: Any,
    entrance: str | None = None,
    replay: Sequence[Any] = (),
) -> Steps:
    """The step's quantities as tensors by canonical name, and the gradient of each parameter, or None.

    `decoder`: the children that take z and that give the output; `entrance`: the one that takes what the
    encoder sees. With `replay` what was drawn once is drawn again, in the dtype of the module. The module is
    left as it was.
    """
    with kept_as_it_is(module):
        seen = _run(module, x, step, heads, decoder, noise, entrance, replay)
        gradients = {
            n: None if p.grad is None else as_array(p.grad)
            for n, p in module.named_parameters()
            if p.requires_grad
        }
    found, interleaved = quantities(seen, x, scale, output)
    return Steps(found, gradients, interleaved, seen.get("entrance"), tuple(seen["drawn"]))


def copied(whole: Any) -> Any:
    """A deep copy of modules, in which what a step left on them, such as self.kl, is a constant.

    PyTorch copies no tensor that was computed with a graph.
    """
    import torch

    deeply: Any = torch.Tensor.__deepcopy__

    def cut(tensor: Any, memo: dict[int, Any]) -> Any:
        return deeply(tensor if tensor.is_leaf else tensor.detach().clone(), memo)

    with patch.object(torch.Tensor, "__deepcopy__", cut):
        return copy.deepcopy(whole)


@contextmanager
def kept_as_it_is(module: Any) -> Iterator[None]:
    """Afterwards the module, its gradients and torch's generator on the CPU are as before."""
    import torch

    before = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
    kept = [(p, p.grad) for p in module.parameters()]
    for p, _ in kept:
        p.grad = None
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        module.load_state_dict(before)
        for p, grad in kept:
            p.grad = grad


class Steps(NamedTuple):
    """What a step made: quantities, the parameters' gradients, and what its twin should do alike."""

    tensors: dict[str, Any]
    gradients: dict[str, Array | None]
    interleaved: bool  # one head gives (B, Z, 2)
    entrance: Any  # what the encoder saw
    drawn: tuple[Any, ...]  # all random tensors, in order


def _run(
    module: Any,
    x: Any,
    step: Callable[[Any, Any], Any],
    heads: tuple[str, ...],
    decoder: tuple[str, str],
    noise: Any,
    entrance: str | None,
    replay: Sequence[Any],
) -> dict[str, Any]:
    """Forward and backward: the heads' outputs, z, the output, the loss, and noise that was seen."""
    import torch

    seen: dict[str, Any] = {"drawn": []}
    again = list(replay)
    repeated: list[str] = []
    draws: dict[str, list[Any]] = {"normal": [], "uniform": []}

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc, unused-ignore]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            name = getattr(function, "__name__", "")
            if name in NORMAL | UNIFORM | OTHER:
                if again:
                    result = again.pop(0).to(result.dtype)
                seen["drawn"].append(result.detach().clone())
                if name not in OTHER and "z" not in seen:  # draws before the decoder is called
                    kind, drawn = "normal" if name in NORMAL else "uniform", result.detach().clone()
                    draws[kind].append(standardized(name, args, kwargs or {}, drawn))
            return result

    def keep(name: str, tensor: Any, whose: str) -> None:
        if name in seen:
            repeated.append(whose)
            return
        seen[name] = tensor
        if tensor.requires_grad:
            tensor.retain_grad()

    def enter(child: Any, inputs: Any) -> Any:
        z = inputs[0]
        if any(shared(z, seen[h]) for h in ("head 0", "head 1") if h in seen):
            z = z.view_as(z)  # the mean itself: its gradient through the decoder should be told from the KL's
        elif not z.requires_grad:
            z = z.detach().requires_grad_()  # detached by them: the decoder's gradient shows that
        keep("z", z, decoder[0])
        return (z, *inputs[1:])

    places = dict(module.named_modules(remove_duplicate=False))
    hooks = [
        places[h].register_forward_hook(lambda m, i, o, k=k, h=h: keep(f"head {k}", o, h))
        for k, h in enumerate(heads)
    ]
    hooks.append(places[decoder[0]].register_forward_pre_hook(enter))
    if entrance is not None:
        hooks.append(
            places[entrance].register_forward_pre_hook(
                lambda m, i: seen.setdefault("entrance", i[0].detach())
            )
        )
    hooks.append(places[decoder[1]].register_forward_hook(lambda m, i, o: keep("output", o, decoder[1])))
    try:
        with Watch():
            loss = step(module, x)
        if not repeated:
            _backward(loss)
    finally:
        for hook in hooks:
            hook.remove()
    names = {"z": decoder[0], "output": decoder[1], **{f"head {k}": head for k, head in enumerate(heads)}}
    missing = [whose for name, whose in names.items() if name not in seen]
    if repeated:
        never = f", and {', '.join(missing)} never: is one written for the other?" if missing else ""
        said = "; one pass through the model can be checked"
        raise InputError(
            f"check_torch: the step calls {repeated[0]} more than once{never}{'' if missing else said}"
        )
    if missing:
        raise InputError(f"check_torch: the step never called the module for {', '.join(missing)}")
    seen["loss"] = loss.reshape(())
    seen["draws"] = (
        [*reversed(draws["normal"]), *reversed(draws["uniform"])]
        if noise is None
        else [torch.as_tensor(noise)]
    )
    return seen


def _backward(loss: Any) -> None:
    import torch

    if not torch.is_tensor(loss):
        kind = "a " + type(loss).__name__
        raise InputError(
            f"check_torch: step should return the loss alone, a tensor that gradients flow from, found {kind}"
        )
    if loss.numel() != 1:
        raise InputError(
            "check_torch: step should return one number, the loss of the batch, found shape "
            f"{tuple(loss.shape)}"
        )
    try:
        torch.autograd.backward(loss)
    except RuntimeError as error:
        said = str(error).split(". ")[0]
        raise InputError(
            "check_torch: no backward pass from the loss, which step should return without one of its "
            f"own ({said})"
        ) from None
