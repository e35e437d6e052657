"""A JAX function of parameters and data, traced: its graph, its loss, and what it returned besides.

jax and flax are imported inside these functions only.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis import canonical
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.jax_differentiated import up_to_gradients
from scratchvae.reference.frameworks.jax_flow import Graph, is_number_or_key
from scratchvae.reference.frameworks.perturbation import SIZE

ADDRESS = re.compile(r"0x[0-9a-f]+")
LOSSES = ("loss", "total_loss", "objective", "nelbo", "neg_elbo")  # what a dict of results may call the loss


@dataclass(frozen=True)
class Leaf:
    """An array that a function was given: "parameter", "data", "constant" or "draw", and its dotted path."""

    array: Any
    kind: str
    name: str
    is_x: bool = False


@dataclass(frozen=True)
class Function:
    """The jaxpr of a function of arrays, the paths of its results, and what was compiled of it."""

    jaxpr: Any
    paths: tuple[str, ...]
    programs: dict[Any, Any]


@dataclass(frozen=True)
class Traced:
    """A function of arrays as a graph: the nodes of its arguments' arrays, and its results by their path."""

    graph: Graph
    parameters: dict[str, Node]
    loss: Node
    returned: dict[str, Node]  # beside the loss, by the last part of their path
    x: Node | None
    function: Function
    leaves: tuple[Leaf, ...]

    @classmethod
    def of(cls, function: Function, leaves: Sequence[Leaf]) -> Traced:
        """The function at these arrays. InputError where it does not return its loss."""
        graph, nodes = Graph(function.programs), []
        for leaf in leaves:
            node = graph.leaf(leaf.array, leaf.kind, leaf.name)
            node.op = "draw normal" if leaf.kind == "draw" else "leaf"
            nodes.append(node)
        results = graph.run(function.jaxpr.jaxpr, function.jaxpr.consts, nodes)
        loss, returned = _loss(function.paths, results)
        for name, node in returned.items():
            if canonical(name, {}):
                node.names.add(name)
        own = {leaf.name: node for leaf, node in zip(leaves, nodes, strict=True) if leaf.kind == "parameter"}
        x = next((node for leaf, node in zip(leaves, nodes, strict=True) if leaf.is_x), None)
        return cls(graph, own, loss, returned, x, function, tuple(leaves))

    def moved(self) -> Traced:
        """The same function where normal numbers are added to each parameter."""
        rng = np.random.default_rng(0)
        leaves = [replace(x, array=_moved(x.array, rng)) if x.kind == "parameter" else x for x in self.leaves]
        return Traced.of(self.function, leaves)


def moved(parameters: Any) -> Any:
    """The parameters with normal numbers added to each, so that what is too small to be seen may be seen."""
    import jax

    rng = np.random.default_rng(0)
    return jax.tree_util.tree_map(lambda leaf: _moved(leaf, rng), parameters)


def _moved(array: Any, rng: np.random.Generator) -> Any:
    import jax

    if not jax.numpy.issubdtype(getattr(array, "dtype", np.int64), jax.numpy.floating):
        return array
    return array + (SIZE * rng.normal(size=np.shape(array))).astype(array.dtype)


def trace(
    step: Callable[..., Any], parameters: Any, *arguments: Any, noise: Any = None, owner: Any = None
) -> Traced:
    """The graph of `step(parameters, *arguments)`.

    x is the first argument after the parameters that is an array and no key.
    Of a step that takes gradients itself, by jax.grad or jax.value_and_grad, the function that it
    differentiates first is read. `noise` is an argument that was drawn outside. What was compiled is kept for
    the next time that the same step, or the `owner` of it, comes to the same equations. InputError where the
    step does not return its loss.
    """
    import jax

    opened = [_opened(argument) for argument in (parameters, *arguments)]
    paths, structure = jax.tree_util.tree_flatten_with_path([tree for tree, _ in opened])
    traced = [i for i, (_, leaf) in enumerate(paths) if hasattr(leaf, "dtype") and hasattr(leaf, "shape")]

    def run(arrays: list[Any]) -> Any:
        leaves = [leaf for _, leaf in paths]
        for i, array in zip(traced, arrays, strict=True):
            leaves[i] = array
        trees = jax.tree_util.tree_unflatten(structure, leaves)
        return up_to_gradients(
            lambda: step(*(build(tree) for (_, build), tree in zip(opened, trees, strict=True)))
        )

    arrays = [jax.numpy.asarray(paths[i][1]) for i in traced]
    closed, shapes = jax.make_jaxpr(run, return_shape=True)(arrays)
    names = tuple(_dotted(path) for path, _ in jax.tree_util.tree_flatten_with_path(shapes)[0])
    leaves: list[Leaf] = []
    for i, array, learned in zip(
        traced, arrays, _learned([paths[i][0] for i in traced], arrays), strict=True
    ):
        path = paths[i][0]
        first = path[0].idx == 0
        kind = "parameter" if learned else "constant" if first or is_number_or_key(array) else "data"
        if (
            noise is not None
            and not first
            and array.shape == np.shape(noise)
            and np.array_equal(array, noise)
        ):
            kind = "draw"
        first_of_all = all(getattr(part, "idx", None) == 0 for part in path[1:])  # of (x, y) and the like
        is_x = kind == "data" and first_of_all and not any(leaf.is_x for leaf in leaves)
        name = _dotted(path[1:]) or ("parameters" if learned else "")
        leaves.append(Leaf(array, kind, name, is_x))
    return Traced.of(Function(closed, names, _kept(owner or step, closed.jaxpr)), leaves)


# the owner, its equations in words, and what was compiled of them, of the last few steps
_PROGRAMS: deque[tuple[Any, str, dict[Any, Any]]] = deque(maxlen=2)


def _kept(owner: Any, jaxpr: Any) -> dict[Any, Any]:
    """What was compiled of these equations for the same owner, or an empty mapping, which is kept.

    Addresses in memory, by which the equations show functions, differ from one trace to the next. Equations
    that hold arrays which they do not show are compiled anew.
    """
    if _hides_arrays(jaxpr):
        return {}
    equations = ADDRESS.sub("", str(jaxpr))
    for known, words, programs in _PROGRAMS:
        if known is owner and words == equations:
            return programs
    _PROGRAMS.append((owner, equations, {}))
    return _PROGRAMS[-1][2]


def _hides_arrays(jaxpr: Any) -> bool:
    """Whether an equation calls a function that closes over arrays."""
    inner = [
        value for equation in jaxpr.eqns for value in equation.params.values() if hasattr(value, "consts")
    ]
    return any(closed.consts or _hides_arrays(closed.jaxpr) for closed in inner)


def _learned(paths: Sequence[Any], arrays: Sequence[Any]) -> list[bool]:
    """Which arrays of the first argument are parameters: the floating ones, under "params" where it is."""
    import jax

    first = [path[0].idx == 0 for path in paths]
    under = ["params" in [str(_key(part)) for part in path] for path in paths]
    some = any(u and f for u, f in zip(under, first, strict=True))
    floating = [jax.numpy.issubdtype(array.dtype, jax.numpy.floating) for array in arrays]
    return [f and g and (u or not some) for f, g, u in zip(first, floating, under, strict=True)]


def _loss(names: Sequence[str], results: Sequence[Any]) -> tuple[Node, dict[str, Node]]:
    """The loss among the results: the first of a tuple, or "loss" of a dict; and the other arrays by name."""
    found = [(name, node) for name, node in zip(names, results, strict=True) if isinstance(node, Node)]
    single = {name: node for name, node in found if node.size == 1 and node.learned}
    loss = next((single[name] for name in LOSSES if name in single), None)
    if loss is None and found and found[0][0] in {"", "0"} and found[0][0] in single:
        loss = found[0][1]
    if loss is None:
        shown = (
            ", ".join(f"{name or 'one result'} of shape {node.shape}" for name, node in found) or "no array"
        )
        raise InputError(
            "check_jax: the step should return its loss, one number that depends on the parameters, by "
            "itself, first in a "
            f"tuple or as 'loss' of a dict, found {shown}"
        )
    return loss, {name.rpartition(".")[2]: node for name, node in found if node is not loss}


def _opened(argument: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A tree of arrays, and what builds the argument of it again, such as a Flax module (nnx)."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is None or not isinstance(argument, (nnx.Module, nnx.Rngs)):
        return argument, lambda tree: tree
    graph, learned, other = nnx.split(argument, nnx.Param, ...)
    return {"params": nnx.to_pure_dict(learned), "other": other}, lambda tree: _merged(
        nnx, graph, learned, tree
    )


def _merged(nnx: Any, graph: Any, learned: Any, tree: Mapping[str, Any]) -> Any:
    import jax

    state = jax.tree_util.tree_map(lambda leaf: leaf, learned)  # a copy
    nnx.replace_by_pure_dict(state, tree["params"])
    return nnx.merge(graph, state, tree["other"])


def _key(part: Any) -> Any:
    """What a part of a path is called."""
    return next((getattr(part, name) for name in ("key", "name", "idx") if hasattr(part, name)), part)


def _dotted(path: Sequence[Any]) -> str:
    return ".".join(str(_key(part)) for part in path)
