"""Equations of a jaxpr computed all at once, and gradients through them, each by one compiled program.

XLA needs some fifty milliseconds for each program that it compiles, and JAX makes one of each equation that
is computed alone. So all equations are one program whose results are all their arrays, and gradients are
another. Both are run a few times at most, so that they are compiled with as little optimization as there is.

jax is imported inside these functions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.reference.frameworks.flow import Node

QUICK: dict[str, str | bool] = {  # compiles in a fifth of the time
    "xla_backend_optimization_level": "0",
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": "1",
    "xla_allow_excess_precision": False,  # what is cast to half precision loses its digits there
}
# Convolutions of other forms than this are loops, which take tens of times as long without any optimization.
NO_LOOP = re.compile(
    r"\[b, [\d, ]+, f\]x\[[\d, ]+, i, o\]->\[b, [\d, ]+, f\].*"
    r"batch_group_count = 1 : i64, feature_group_count = 1 : i64"
)
WITH_LOOPS: dict[str, str | bool] = {**QUICK, "xla_backend_optimization_level": "1"}
Program = Callable[..., list[Any]]


@dataclass(frozen=True)
class Equation:
    """One equation, as a jaxpr of its own, with the arrays and numbers that go in and what comes out."""

    jaxpr: Any
    operands: tuple[Any, ...]
    results: tuple[Node, ...] = ()

    @classmethod
    def of(cls, jaxpr: Any, equation: Any, operands: Sequence[Any]) -> Equation:
        """The equation of this jaxpr, given these."""
        given = {v: o for v, o in zip(equation.invars, operands, strict=True) if not hasattr(v, "val")}
        ends = {"constvars": [], "invars": list(given), "outvars": equation.outvars}
        return cls(jaxpr.replace(eqns=[equation], effects=equation.effects, **ends), tuple(given.values()))

    @property
    def arrays(self) -> list[Node]:
        """The arrays that go in."""
        return [operand for operand in self.operands if isinstance(operand, Node)]

    def run(self, value: Callable[[Node], Any]) -> list[Any]:
        """The results, where the arrays that go in have these values."""
        from jax.core import eval_jaxpr

        return list(
            eval_jaxpr(self.jaxpr, (), *(value(o) if isinstance(o, Node) else o for o in self.operands))
        )


def forward(equations: Sequence[Equation], leaves: Sequence[Node]) -> Program:
    """The program that computes all results of the equations, in order, from the arrays of the leaves."""

    def run(arrays: Sequence[Any]) -> list[Any]:
        known = dict(zip(leaves, arrays, strict=True))
        for equation in equations:
            known.update(zip(equation.results, equation.run(known.__getitem__), strict=True))
        return [known[node] for equation in equations for node in equation.results]

    return compiled(run, [leaf.handle for leaf in leaves])


def backward(
    equations: Sequence[Equation],
    of: Sequence[Node],
    by: Sequence[Node],
    seeds: Sequence[Any],
    gate: Node | None,
) -> tuple[Program, list[Node]]:
    """The program that takes gradients back to some arrays, and the arrays that it needs beside the seeds.

    It is called with those arrays, the seeds, and whether the gate is shut: then nothing but its own seed
    goes back from the gate.
    """
    live = set(by)  # what depends on an array that a gradient is asked for
    for equation in equations:
        if live.intersection(equation.arrays):
            live.update(node for node in equation.results if is_real(node))
    wanted, between = set(of), []  # what a gradient comes from
    for equation in reversed(equations):
        if wanted.intersection(equation.results) and live.intersection(equation.arrays):
            between.append(equation)
            wanted.update(equation.arrays)
    held = list(dict.fromkeys(node for equation in between for node in equation.arrays))

    def run(arrays: Sequence[Any], seeds: Sequence[Any], shut: Any) -> list[Any]:
        import jax

        values = dict(zip(held, arrays, strict=True))
        arrived: dict[Node, Any] = {}
        for node, seed in zip(of, seeds, strict=True):
            arrived[node] = arrived[node] + seed if node in arrived else seed
        own: Any = None if gate is None else arrived.get(gate, 0.0)
        for equation in between:
            if gate in arrived and gate in equation.results:
                arrived[gate] = jax.numpy.where(shut, own, arrived[gate])
            given = [arrived.get(node) for node in equation.results]
            if all(gradient is None for gradient in given):
                continue
            ends = [node for node in dict.fromkeys(equation.arrays) if node in live]
            for node, gradient in zip(ends, _through(jax, equation, ends, values, given), strict=True):
                arrived[node] = arrived[node] + gradient if node in arrived else gradient
        return [
            arrived[node] if node in arrived else jax.numpy.zeros(node.handle.shape, node.handle.dtype)
            for node in by
        ]

    return compiled(run, [node.handle for node in held], list(seeds), False), held


def compiled(run: Callable[..., Any], *arguments: Any) -> Program:
    """The function compiled for arguments of these shapes."""
    import jax

    lowered = jax.jit(run).lower(*arguments)
    try:
        program: Program = lowered.compile(compiler_options=options(lowered.as_text()))
    except (RuntimeError, ValueError):  # an XLA that has not all of these options
        program = lowered.compile()
    return program


def options(program: str) -> dict[str, str | bool]:
    """XLA's options for a program, which is given in words."""
    convolutions = [line for line in program.splitlines() if "stablehlo.convolution" in line]
    return QUICK if all(map(NO_LOOP.search, convolutions)) else WITH_LOOPS


def _through(
    jax: Any, equation: Equation, ends: list[Node], values: dict[Node, Any], given: list[Any]
) -> list[Any]:
    """Gradients by these arrays that go into the equation, of those by its results (None: zero)."""

    def results(arrays: list[Any]) -> list[Any]:
        new = dict(zip(ends, arrays, strict=True))
        return equation.run(lambda node: new[node] if node in new else values[node])

    found, pullback = jax.vjp(results, [values[node] for node in ends])
    seeds = [_zero(jax, f) if g is None else g.astype(f.dtype) for f, g in zip(found, given, strict=True)]
    return list(pullback(seeds)[0])


def _zero(jax: Any, result: Any) -> Any:
    if jax.numpy.issubdtype(result.dtype, jax.numpy.inexact):
        return jax.numpy.zeros_like(result)
    return np.zeros(result.shape, jax.dtypes.float0)


def is_real(node: Node) -> bool:
    """Whether gradients by it can be taken."""
    import jax

    return bool(jax.numpy.issubdtype(node.handle.dtype, jax.numpy.inexact))
