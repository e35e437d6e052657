"""One JAX step that was read from its jaxpr, judged without the names of its layers.

jax and flax are imported inside these functions only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import canonical
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.jax_differentiated import up_to_gradients
from scratchvae.reference.frameworks.jax_flow import Graph, is_number_or_key
from scratchvae.reference.frameworks.perturbation import SIZE
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.watched import Watched

LOSSES = ("loss", "total_loss", "objective", "nelbo", "neg_elbo")  # what a dict of results may call the loss


@dataclass(frozen=True)
class Traced:
    """A function of arrays as a graph: the nodes of its arguments' arrays, and its results by their path."""

    graph: Graph
    parameters: dict[str, Node]
    loss: Node
    returned: dict[str, Node]  # beside the loss, by the last part of their path
    x: Node | None


class JaxWatched(Watched):
    """The graph behind one loss, and gradients of it, which are computed when they are asked for first."""

    def __init__(self, traced: Traced, *, training: bool = True) -> None:
        self.graph, self.parameters = traced.graph, traced.parameters
        self._kept: dict[tuple[Node, Node], Array] = {}
        super().__init__(traced.loss, traced.x, training=training)
        self._put_examples_first()

    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others, zeros where none flows."""
        asked = [node for node in dict.fromkeys(by) if (of, node) not in self._kept]
        if asked:
            found = self.graph.pull([of], [np.ones(of.shape)], asked)
            self._kept |= {(of, node): gradient for node, gradient in zip(asked, found, strict=True)}
        return [self._kept[of, node] for node in by]

    def of_parameters(self, step: Step) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
        """Gradients of the parameters: the step's own, and those that its own code makes of the gradients at
        the ends.
        """
        by, z = list(self.parameters.values()), step.ends.get("z")
        out = next((step.ends[name] for name in ("logits", "x_mean") if name in step.ends), None)
        if not by or out is None:
            return {}, {}
        ends = [node for name, node in step.ends.items() if name != "z"]
        found = self.gradients(self.loss, by)
        seeds = [s for s in self.gradients(self.loss, ends) if s is not None]
        if z is not None:  # what reaches z from the output is in the gradients of mean and spread already
            seeds.append(-self.graph.pull([out], [seeds[ends.index(out)]], [z])[0])
            ends.append(z)
        through = self.graph.pull(ends, seeds, by)
        return _where_any(self.parameters, found), _where_any(self.parameters, through)

    def exchanged(self, step: Step) -> Iterator[Step]:
        """None: of JAX's steps no term is taken out yet."""
        return iter(())

    def _put_examples_first(self) -> None:
        """Under vmap the last axis may be that of the examples, as where a layer is W @ x."""
        roles = self.roles
        if roles.z is None or roles.target is None:
            return
        B = len(roles.target.value()) if roles.target.shape else 0
        known = (
            roles.mean,
            roles.joined,
            roles.std,
            roles.held,
            roles.noise,
            roles.z,
            roles.output,
            roles.before_sigmoid,
        )
        for node in known:
            if node is not None and len(node.shape) == 2 and node.shape[0] != B == node.shape[1]:
                self.graph.put_examples_first(node)


def moved(parameters: Any) -> Any:
    """The parameters with normal numbers added to each, so that what is too small to be seen may be seen."""
    import jax

    rng = np.random.default_rng(0)

    def move(leaf: Any) -> Any:
        if not jax.numpy.issubdtype(getattr(leaf, "dtype", np.int64), jax.numpy.floating):
            return leaf
        return leaf + (SIZE * rng.normal(size=np.shape(leaf))).astype(leaf.dtype)

    return jax.tree_util.tree_map(move, parameters)


def trace(
    step: Callable[..., Any], parameters: Any, *arguments: Any, noise: Any = None, perturbed: bool = False
) -> Traced:
    """The graph of `step(parameters, *arguments)`; x is the first argument after the parameters that is an
    array and no key.

    Of a step that takes gradients itself, by jax.grad or jax.value_and_grad, the function that it
    differentiates first is read. `noise` is an argument that was drawn outside. InputError where the step
    does not return its loss.
    """
    import jax

    opened = [_opened(argument) for argument in (parameters, *arguments)]
    if perturbed:
        tree, build = opened[0]
        parts = (
            {**tree, "params": moved(tree["params"])}
            if isinstance(tree, dict) and "params" in tree
            else moved(tree)
        )
        opened[0] = parts, build
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
    graph, own, x = Graph(), {}, None
    learned = _learned([paths[i][0] for i in traced], arrays)
    leaves = []
    for i, array, is_learned in zip(traced, arrays, learned, strict=True):
        path = paths[i][0]
        name = _dotted(path[1:])
        first = path[0].idx == 0
        kind = "parameter" if is_learned else "constant" if first or is_number_or_key(array) else "data"
        if (
            noise is not None
            and not first
            and array.shape == np.shape(noise)
            and np.array_equal(array, noise)
        ):
            kind = "draw"
        leaves.append(graph.leaf(array, kind, name))
        leaves[-1].op = "draw normal" if kind == "draw" else "leaf"
        if kind == "parameter":
            own[name or "parameters"] = leaves[-1]
            leaves[-1].names.add(name or "parameters")
        if x is None and kind == "data" and len(path) == 1:
            x = leaves[-1]
    results = graph.run(closed.jaxpr, closed.consts, leaves)
    names = [_dotted(path) for path, _ in jax.tree_util.tree_flatten_with_path(shapes)[0]]
    loss, returned = _loss(names, results)
    for name, node in returned.items():
        if canonical(name, {}):
            node.names.add(name)
    return Traced(graph, own, loss, returned, x)


def _learned(paths: Sequence[Any], arrays: Sequence[Any]) -> list[bool]:
    """Which arrays of the first argument are parameters: the floating ones, and only those under "params"
    where there is one.
    """
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
            "check_jax: the step should return its loss, one number that depends on the parameters, by itself, first in a "
            f"tuple or as 'loss' of a dict, found {shown}"
        )
    return loss, {name.rpartition(".")[2]: node for name, node in found if node is not loss}


def _opened(argument: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A tree of arrays, and what builds the argument of it again: a Flax module (nnx) is an object with a
    state.
    """
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


def _where_any(parameters: Mapping[str, Node], gradients: Sequence[Array | None]) -> dict[str, Array | None]:
    """By name; None where no gradient arrives."""
    return {n: g if g is not None and g.any() else None for n, g in zip(parameters, gradients, strict=True)}


def _key(part: Any) -> Any:
    """What a part of a path is called."""
    return next((getattr(part, name) for name in ("key", "name", "idx") if hasattr(part, name)), part)


def _dotted(path: Sequence[Any]) -> str:
    return ".".join(str(_key(part)) for part in path)
