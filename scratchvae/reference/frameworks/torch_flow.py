"""Somebody's PyTorch code, watched call by call: what it computed, as a graph of arrays.

torch is imported inside these functions only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import SPREADS, VIEWS, Node
from scratchvae.reference.frameworks.scaled_draws import of_standard_noise
from scratchvae.reference.frameworks.torch_names import (
    FOREIGN,
    INTO,
    NORMAL,
    PURE,
    REVERSED,
    SPELLED,
    UNIFORM,
    moments,
)


class Watch:
    """Every call of torch is entered into a graph in the context that `mode()` gives."""

    def __init__(self, module: Any = None) -> None:
        self.nodes: list[Node] = []
        self.known: dict[int, Node] = {}
        self.alike: dict[Any, Node] = {}
        self.learned = dict(module.named_parameters()) if module is not None else {}
        self.parameters = {id(p): name for name, p in self.learned.items()}
        self.module = module
        self.x: Node | None = None  # what is known to be the data
        self.buffers = {id(b) for b in module.buffers()} if module is not None else set()
        self.ended: Callable[[Any], None] | None = None  # called with the loss before a backward pass

    @contextmanager
    def mode(self) -> Iterator[None]:
        """The context, in which functions of torch.jit.script run as they were written."""
        import torch

        scripted: Any = torch.jit.ScriptFunction
        compiled = scripted.__call__

        def as_written(function: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(function, "_torchdynamo_inline", partial(compiled, function))(*args, **kwargs)

        scripted.__call__ = as_written
        try:
            with self._watching():
                yield
        finally:
            scripted.__call__ = compiled

    def _watching(self) -> Any:
        import torch

        watch = self

        class Mode(torch.overrides.TorchFunctionMode):  # type: ignore[misc, unused-ignore]
            def __torch_function__(
                self, function: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                return watch.call(function, args, kwargs or {})

        return Mode()

    def call(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run the function and enter what it returns."""
        name = getattr(function, "__name__", "")
        if name == "backward":
            return self._backward(function, args, kwargs)
        writes = (name.endswith("_") and not name.endswith("__")) or kwargs.get("inplace") or name in INTO
        writes = writes or (name == "dropout" and any(a is True for a in args[3:]))
        given = [self._operand(a) for a in args] + [self._operand(a) for a in kwargs.values()]
        if writes and args and _is_tensor(args[0]):
            self._keep(args[0])
        result = function(*args, **kwargs)
        for tensor, position in _tensors(result):
            self._enter(name, tensor, position, given, args, kwargs, bool(writes))
        return result

    def node(self, tensor: Any) -> Node:
        """The node of a tensor; of one that no call made which was watched, it is a leaf."""
        found = self.known.get(id(tensor))
        if found is None:
            base = self.parameters.get(id(tensor))
            kind = "parameter" if base is not None or (tensor.is_leaf and tensor.requires_grad) else "data"
            kind = (
                "constant" if kind == "data" and (tensor.numel() == 1 or id(tensor) in self.buffers) else kind
            )
            made = not tensor.is_leaf  # by a scripted module, or a Function of the user's own
            kind = "" if made else kind
            found = Node(len(self.nodes), "leaf", (), tuple(tensor.shape), _value(tensor), kind, tensor)
            found.learned, found.of_data = made or kind == "parameter", made or kind == "data"
            found.names |= {base} if base else set()
            self.known[id(tensor)] = found
            self.nodes.append(found)
        return found

    def _operand(self, value: Any) -> Any:
        if _is_tensor(value):
            return self.node(value)
        if isinstance(value, list | tuple):
            return [self._operand(v) for v in value]
        return value

    def _keep(self, tensor: Any) -> None:
        """Before a tensor is written over: the node keeps the numbers that it had."""
        node = self.known.get(id(tensor))
        if node is not None:
            kept = tensor.detach().clone()
            node.value = _value(kept)

    def _enter(
        self,
        name: str,
        tensor: Any,
        position: int,
        given: list[Any],
        args: Any,
        kwargs: dict[str, Any],
        writes: bool,
    ) -> None:
        if id(tensor) in self.known and not writes:
            return  # a call that gives back what it got
        plain = name.strip("_")
        operands = list(_flat(given))
        if plain in REVERSED:
            plain, operands = REVERSED[plain], operands[::-1]
        op = SPELLED.get(plain, plain)
        if op == "pick" and isinstance(operands[0], Node) and operands[0].size == tensor.numel():
            op = "view"  # x[:, None]
        if name == "broadcast_tensors":
            operands = operands[position : position + 1]  # each gives its own
        elif op in VIEWS | SPREADS:
            operands = operands[:1]  # view_as and expand_as take their shape alone from another
        if name == "__get__":  # .data, .T and their like
            op = "copy" if operands and operands[0].shape == tuple(tensor.shape) else "view"
            cut = op == "copy" and operands[0].handle is not None and operands[0].handle.requires_grad
            op = "detach" if cut and not tensor.requires_grad else op  # .data
        if op in {"maximum", "minimum"} and len([o for o in operands if isinstance(o, Node)]) < 2:
            op = "amax"
        if op in {"add", "sub"} and "alpha" in kwargs:
            op = "weighted_sum"
        if op == "div" and kwargs.get("rounding_mode"):
            op = "floor_div"
        drawn = name in NORMAL | UNIFORM
        made = [o for o in operands if isinstance(o, Node)]
        shaped = name.endswith("_like") or name.startswith("new_")  # which takes no more than shape and dtype
        if shaped or (drawn and not (name == "normal" and made)):
            operands, made = [], []
        op = f"draw {'normal' if name in NORMAL else 'uniform'}" if drawn else op
        key = (op, position, tuple(tensor.shape), _signature(given))
        node = Node(len(self.nodes), op, tuple(operands), tuple(tensor.shape), _value(tensor), handle=tensor)
        node.kind = "draw" if drawn else "constant" if not made else ""
        node.half = tensor.is_floating_point() and tensor.itemsize == 2
        node.learned = any(o.learned for o in made)
        node.of_data = any(o.of_data for o in made) and not drawn
        if not made or all(o.kind == "constant" for o in made):
            node.kind = node.kind or "constant"
            node.learned = node.of_data = False
        node.place = self._named(args, kwargs)
        twin = None if drawn or writes else self.alike.get(key)
        if twin is not None and op in PURE:
            node.operands, node.op = (twin,), "copy"  # the same computed twice
            twin.twins.append(tensor)
        self.alike.setdefault(key, node)
        self.nodes.append(node)
        if drawn and not made and name in NORMAL:
            self.nodes += of_standard_noise(node, *moments(name, args, kwargs))
            node = self.nodes[-1]
        self.known[id(tensor)] = node

    def _named(self, args: Any, kwargs: dict[str, Any]) -> str:
        """The place of the user's code that made the call, whose variables give tensors their names."""
        frame = sys._getframe(3)
        while frame is not None and _foreign(frame.f_code.co_filename):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is None:
            return ""
        mine = {id(a): a for a in [*args, *kwargs.values()] if _is_tensor(a)}
        for name, value in frame.f_locals.items():
            if id(value) in mine and id(value) in self.known:
                self.known[id(value)].names.add(name)
        return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"

    def _backward(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """A backward pass inside the watched code: what it would free is looked at before."""
        if self.ended is not None and args and _is_tensor(args[0]):
            self.ended(args[0])
        return function(*args, **{**kwargs, "retain_graph": True})


def _foreign(filename: str) -> bool:
    parts = Path(filename).parts
    return any(part in FOREIGN for part in parts[-8:]) and "tests" not in parts


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _tensors(result: Any) -> Iterable[tuple[Any, int]]:
    found = list(result) if isinstance(result, list | tuple) else [result]
    return [(tensor, i) for i, tensor in enumerate(found) if _is_tensor(tensor)]


def _flat(values: list[Any]) -> Iterable[Any]:
    """The nodes and numbers among the arguments, in order."""
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif isinstance(value, Node) or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield value


def _signature(given: Any) -> Any:
    """What tells two calls of one function apart: which arrays they took, and all else by its repr."""
    if isinstance(given, list):
        return tuple(_signature(one) for one in given)
    while isinstance(given, Node) and given.op == "copy" and given.operands:
        given = given.operands[0]
    return given.index if isinstance(given, Node) else repr(given)


def as_array(tensor: Any) -> Array:
    """As NumPy holds it, which has no bfloat16."""
    held = tensor.detach().cpu()
    return np.asarray(held.float() if held.is_floating_point() and held.itemsize == 2 else held)


def _value(tensor: Any) -> Callable[[], Array]:
    return lambda: as_array(tensor)
