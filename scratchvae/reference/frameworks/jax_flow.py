"""Somebody's JAX function as the graph of its jaxpr, computed and differentiated when it is asked for.

jax is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.jax_calls import called, held_inside, is_draw, is_number
from scratchvae.reference.frameworks.jax_programs import Equation, backward, forward

FOREIGN = {
    "jax",
    "flax",
    "haiku",
    "keras",
    "equinox",
    "optax",
    "distrax",
    "scratchvae",
    "site-packages",
}  # not the user's own


class Graph:
    """The equations of a jaxpr and of the functions that it calls, in order; equal ones are entered once.

    `programs` keeps what was compiled, for another graph of the same jaxpr at other arrays.
    """

    def __init__(self, programs: dict[Any, Any] | None = None) -> None:
        self.nodes: list[Node] = []
        self.equations: list[Equation] = []
        self.programs: dict[Any, Any] = {} if programs is None else programs
        self._computed = False
        self._alike: dict[Any, tuple[Node, ...]] = {}
        self._last: set[Node] = set()  # whose examples are the last axis, as under vmap

    def leaf(self, array: Any, kind: str, name: str = "") -> Node:
        """An array that no equation made."""
        node = self._node(array, kind)
        node.learned, node.of_data = kind == "parameter", kind == "data"
        node.names |= {name} if name else set()
        return node

    def run(self, jaxpr: Any, constants: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Enter the equations of a jaxpr of these nodes and numbers, and return its results."""
        known = dict(zip(jaxpr.constvars, [self._constant(c) for c in constants], strict=True))
        known |= dict(zip(jaxpr.invars, given, strict=True))

        def read(variable: Any) -> Any:
            return variable.val if hasattr(variable, "val") else known[variable]

        for equation in jaxpr.eqns:
            results = self._enter(jaxpr, equation, [read(v) for v in equation.invars])
            known |= dict(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def values(self, leaves: dict[Node, Any]) -> dict[Node, Any]:
        """The results of all equations, where these leaves hold other arrays than their own."""
        made = {node for equation in self.equations for node in equation.results}
        ends = [node for node in self.nodes if node not in made and self._is_computed(node)]
        if "values" not in self.programs:
            self.programs["values"] = forward(self.equations, ends)
        found = self.programs["values"]([leaves.get(node, node.handle) for node in ends])
        return dict(
            zip([node for equation in self.equations for node in equation.results], found, strict=True)
        )

    def pull(
        self,
        of: Sequence[Node],
        seeds: Sequence[Array],
        by: Sequence[Node],
        *,
        gate: Node | None = None,
        shut: bool = False,
    ) -> list[Array]:
        """Σ seed · d(of)/d(by): gradients taken back through the equations.

        Where the gate is shut, nothing but its own seed goes back from it.
        """
        self._compute()
        handed = [
            self._as_held(node, seed).astype(node.handle.dtype) for node, seed in zip(of, seeds, strict=True)
        ]
        key = tuple(tuple(node.index for node in nodes) for nodes in (of, by, [] if gate is None else [gate]))
        if key not in self.programs:
            program, held = backward(self.equations, of, by, handed, gate)
            self.programs[key] = program, [node.index for node in held]
        program, indices = self.programs[key]
        found = program([self.nodes[i].handle for i in indices], handed, shut)
        return [self._as_shown(node, as_array(array)) for node, array in zip(by, found, strict=True)]

    def put_examples_first(self, node: Node) -> None:
        """Show an array whose last axis is that of the examples with this axis first."""
        if node not in self._last:
            self._last.add(node)
            node.shape = (node.shape[-1], *node.shape[:-1])

    def _compute(self) -> None:
        """Give every node its array."""
        if not self._computed:
            self._computed = True
            for node, array in self.values({}).items():
                node.handle = array

    def _as_shown(self, node: Node, array: Array) -> Array:
        return np.moveaxis(array, -1, 0) if node in self._last else array

    def _as_held(self, node: Node, array: Array) -> Array:
        return np.moveaxis(array, 0, -1) if node in self._last else array

    def _node(self, array: Any, kind: str) -> Node:
        """A node of this array, or of this shape and dtype until the arrays are computed."""
        node = Node(len(self.nodes), "leaf", (), tuple(array.shape), lambda: self._value(node), kind, array)
        self.nodes.append(node)
        return node

    def _value(self, node: Node) -> Array:
        if not self._is_computed(node):
            self._compute()
        return self._as_shown(node, as_array(node.handle))

    @staticmethod
    def _is_computed(node: Node) -> bool:
        import jax

        return isinstance(node.handle, jax.Array)

    def _constant(self, array: Any) -> Node:
        """An array that a function closes over."""
        import jax

        array = array if isinstance(array, jax.Array) else jax.numpy.asarray(array)
        return self.leaf(array, "constant" if is_number_or_key(array) else "data")

    def _enter(self, jaxpr: Any, equation: Any, operands: list[Any]) -> list[Any]:
        inner = held_inside(equation)
        draw = is_draw(equation, operands)
        if inner is not None and not draw:
            return self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), operands)
        key = _signature(equation, operands)
        if key is None or key not in self._alike:
            found = self._made(jaxpr, equation, operands, draw)
            if key is None:
                return found
            self._alike[key] = tuple(found)
        return list(self._alike[key])

    def _made(self, jaxpr: Any, equation: Any, operands: list[Any], draw: str) -> list[Node]:
        """The nodes of its results; a number that no array enters is computed at once."""
        op, shown = (draw, []) if draw else called(equation, operands)
        made = [o for o in operands if isinstance(o, Node)]
        unmade = all(node.kind == "constant" for node in made)
        place = _place(equation)
        one = Equation.of(jaxpr, equation, operands)
        ends: list[Any] = [variable.aval for variable in equation.outvars]
        number = (
            unmade and not draw and all(is_number(end) for end in ends) and all(map(self._is_computed, made))
        )
        if number:
            ends = one.run(lambda node: node.handle)
        results = []
        for end in ends:
            node = self._node(end, "draw" if draw else "constant" if unmade else "")
            node.op, node.operands, node.place = op, tuple(shown), place
            node.half = end.dtype.name in {"float16", "bfloat16"}
            node.learned = any(n.learned for n in made) and not draw
            node.of_data = any(n.of_data for n in made) and not draw
            results.append(node)
        if not number:
            self.equations.append(replace(one, results=tuple(results)))
        return results


def is_number_or_key(array: Any) -> bool:
    """Whether it is no data: one number, or a key, which may be held as two words."""
    import jax

    words = array.dtype == np.uint32 and array.shape == (2,)
    return bool(array.size == 1 or words or jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key))


def as_array(array: Any) -> Array:
    """As NumPy holds it, which has no bfloat16; a key is shown by its data."""
    import jax

    if jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return np.asarray(array, np.float32) if array.dtype.name in {"float16", "bfloat16"} else np.asarray(array)


def _signature(equation: Any, operands: list[Any]) -> Any:
    """What tells two equations apart; None of one that holds functions."""
    if any(callable(v) or hasattr(v, "eqns") or hasattr(v, "jaxpr") for v in equation.params.values()) and (
        equation.primitive.name not in {"jit", "pjit"}
    ):
        return None
    settings = str(sorted((k, str(v)) for k, v in equation.params.items()))
    given = tuple(o.index if isinstance(o, Node) else repr(o) for o in operands)
    return equation.primitive.name, settings, given


def _place(equation: Any) -> str:
    """The file and line of the user's code that the equation is from."""
    for frame in getattr(equation.source_info.traceback, "frames", ()):
        parts = Path(frame.file_name).parts[-8:]
        if "tests" in parts or not FOREIGN & set(parts):
            return f"{Path(frame.file_name).name}:{frame.line_num}"
    return ""
