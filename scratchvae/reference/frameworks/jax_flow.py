"""Somebody's JAX function as the graph of the equations of its jaxpr, each computed, and differentiated where
it is asked for.

jax is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node
from scratchvae.reference.frameworks.jax_calls import called, held_inside, is_draw

# not the user's own
FOREIGN = {"jax", "flax", "haiku", "keras", "equinox", "optax", "distrax", "scratchvae", "site-packages"}


@dataclass(frozen=True)
class Equation:
    """One equation, as a jaxpr of its own; which of the graph's arrays and numbers go in, and what comes out."""

    jaxpr: Any
    operands: tuple[Any, ...]
    results: tuple[Node, ...] = ()

    @classmethod
    def of(cls, jaxpr: Any, equation: Any, operands: Sequence[Any]) -> Equation:
        """The equation of this jaxpr, given these."""
        given = {v: o for v, o in zip(equation.invars, operands, strict=True) if not hasattr(v, "val")}
        ends = {"constvars": [], "invars": list(given), "outvars": equation.outvars}
        return cls(jaxpr.replace(eqns=[equation], effects=equation.effects, **ends), tuple(given.values()))

    def run(self, value: Callable[[Node], Any]) -> list[Any]:
        """The results, where the arrays that go in have these values."""
        from jax.core import eval_jaxpr

        return list(
            eval_jaxpr(self.jaxpr, (), *(value(o) if isinstance(o, Node) else o for o in self.operands))
        )


class Graph:
    """The equations of a jaxpr, those of the functions it calls among them, in order; equal ones are entered
    once.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.equations: list[Equation] = []
        self._alike: dict[Any, tuple[Node, ...]] = {}
        self._last: set[Node] = set()  # whose examples are the last axis, as under vmap

    def leaf(self, array: Any, kind: str, name: str = "") -> Node:
        """An array that no equation made."""
        node = Node(len(self.nodes), "leaf", (), tuple(array.shape), lambda: as_array(array), kind, array)
        node.learned, node.of_data = kind == "parameter", kind == "data"
        node.names |= {name} if name else set()
        self.nodes.append(node)
        return node

    def run(self, jaxpr: Any, constants: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Enter the equations of a jaxpr that is given these nodes and numbers; its results as nodes and
        numbers.
        """
        known = dict(zip(jaxpr.constvars, [self._constant(c) for c in constants], strict=True))
        known |= dict(zip(jaxpr.invars, given, strict=True))

        def read(variable: Any) -> Any:
            return variable.val if hasattr(variable, "val") else known[variable]

        for equation in jaxpr.eqns:
            results = self._enter(jaxpr, equation, [read(v) for v in equation.invars])
            known |= dict(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def pull(self, of: Sequence[Node], seeds: Sequence[Array], by: Sequence[Node]) -> list[Array]:
        """Σ seed · d(of)/d(by): the rest of the jaxpr as a function of these arrays, differentiated."""
        import jax

        ancestors, at = set(of), {node: i for i, node in enumerate(by)}
        for equation in reversed(self.equations):
            if ancestors & set(equation.results):
                ancestors |= {o for o in equation.operands if isinstance(o, Node)}

        def rest(changes: list[Any]) -> list[Any]:
            new = {node: node.handle + changes[i] for node, i in at.items()}

            def value(node: Node) -> Any:
                return new.get(node, node.handle)

            for equation in self.equations:
                if not ancestors & set(equation.results) or not any(
                    o in new for o in equation.operands if isinstance(o, Node)
                ):
                    continue
                for node, found in zip(equation.results, equation.run(value), strict=True):
                    new[node] = found + changes[at[node]] if node in at else found
            return [value(node) for node in of]

        handed = [
            self._as_held(node, seed).astype(node.handle.dtype) for node, seed in zip(of, seeds, strict=True)
        ]
        _, pullback = jax.vjp(rest, [jax.numpy.zeros_like(node.handle) for node in by])
        return [
            self._as_shown(node, as_array(found)) for node, found in zip(by, pullback(handed)[0], strict=True)
        ]

    def put_examples_first(self, node: Node) -> None:
        """Show an array whose last axis is that of the examples with this axis first."""
        if node not in self._last:
            self._last.add(node)
            node.shape = (node.shape[-1], *node.shape[:-1])
            node.value = lambda: self._as_shown(node, as_array(node.handle))

    def _as_shown(self, node: Node, array: Array) -> Array:
        return np.moveaxis(array, -1, 0) if node in self._last else array

    def _as_held(self, node: Node, array: Array) -> Array:
        return np.moveaxis(array, 0, -1) if node in self._last else array

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
            found = self._compute(jaxpr, equation, operands, draw)
            if key is None:
                return found
            self._alike[key] = tuple(found)
        return list(self._alike[key])

    def _compute(self, jaxpr: Any, equation: Any, operands: list[Any], draw: str) -> list[Node]:
        op, shown = (draw, []) if draw else called(equation, operands)
        made = [o for o in operands if isinstance(o, Node)]
        unmade = all(node.kind == "constant" for node in made)
        place = _place(equation)
        one = Equation.of(jaxpr, equation, operands)
        results = []
        for array in one.run(lambda node: node.handle):
            kind = "draw" if draw else "constant" if unmade else ""
            node = self.leaf(array, kind)
            node.op, node.operands, node.place = op, tuple(shown), place
            node.half = array.dtype.name in {"float16", "bfloat16"}
            node.learned = any(n.learned for n in made) and not draw
            node.of_data = any(n.of_data for n in made) and not draw
            results.append(node)
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
