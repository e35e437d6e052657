"""One JAX step that was read from its jaxpr, judged without the names of its layers.

jax is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.exchanged import Exchange
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.jax_flow import as_array
from scratchvae.reference.frameworks.jax_programs import is_real
from scratchvae.reference.frameworks.jax_traced import Traced
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.watched import Watched


class JaxWatched(Watched):
    """The graph behind one loss, and gradients of it, which are computed when they are asked for first."""

    def __init__(self, traced: Traced, *, training: bool = True) -> None:
        self.graph, self.parameters = traced.graph, traced.parameters
        self._kept: dict[tuple[Node, Node], Array] = {}
        # the arrays where the second example stands in the place of the first, too
        self._other: dict[Node, Any] | None = None
        super().__init__(traced.loss, traced.x, training=training)
        self._put_examples_first(traced.x)
        # parameters, and what they made of the batch
        used = sorted(lineage([self.loss]), key=lambda node: node.index)
        self._by = [n for n in used if n.kind == "parameter" or (n.learned and n.of_data and is_real(n))]
        roles = (self.roles.mean, self.roles.held, self.roles.z, self.roles.output, self.roles.before_sigmoid)
        self._of = list(dict.fromkeys(node for node in (self.loss, *roles) if node is not None))

    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others, zeros where none flows."""
        asked = [node for node in dict.fromkeys(by) if (of, node) not in self._kept]
        if asked:
            together = self._by if of is self.loss else []  # all will be asked for, and come from one run
            for nodes in (together, [node for node in asked if node not in together]):
                found = self._taken_back({of: np.ones(of.shape)}, nodes) if nodes else []
                self._kept |= {(of, node): gradient for node, gradient in zip(nodes, found, strict=True)}
        return [self._kept[of, node] for node in by]

    def pull(self, seeds: Sequence[tuple[Node, Array]], by: Sequence[Node]) -> list[Array]:
        """Σ ⟨g, ∂n/∂b⟩ over the nodes n and their seeds g, for each b of `by`."""
        found = self.graph.pull([n for n, _ in seeds], [np.reshape(g, n.shape) for n, g in seeds], by)
        return [gradient.astype(np.float64) for gradient in found]

    def of_parameters(self, step: Step) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
        """Gradients of the parameters: the step's own, and those made of the gradients at the ends.

        What reaches z from the output is in the gradients of mean and spread already. Terms that were taken
        out of the loss have ways of their own to the parameters.
        """
        by = list(self.parameters.values())
        out = [step.ends[name] for name in ("logits", "x_mean", "output", "second") if name in step.ends]
        if not by or not out:
            return {}, {}
        ends = list(dict.fromkeys(node for name, node in step.ends.items() if name != "z"))
        found = self.gradients(self.loss, by)
        at_ends = zip(ends, self.gradients(self.loss, ends), strict=True)
        seeds = {node: gradient for node, gradient in at_ends if gradient is not None}
        if step.taken:
            heads = [n for n in ends if n not in out]
            for node, beside in zip(heads, self.pull(step.taken, heads), strict=True):
                seeds[node] = seeds[node] - beside.reshape(node.shape)
        through = self._taken_back(seeds, by, shut="z" in step.ends)
        if step.taken:
            through = [one + other for one, other in zip(through, self.pull(step.taken, by), strict=True)]
        return _where_any(self.parameters, found), _where_any(self.parameters, through)

    def exchanged(self, step: Step) -> Iterator[Step]:
        """By gradients taken back through the equations."""
        return Exchange(step, self.roles, self.loss, self.gradients, self.pull).steps()

    def _taken_back(
        self, seeds: Mapping[Node, Array], by: Sequence[Node], *, shut: bool = False
    ) -> list[Array]:
        """Gradients by these nodes of the seeds' nodes, of which the loss is one, or the output.

        `shut`: what arrives at z goes no further. The program is the same for all of them where it can be: to
        run it takes less time than to compile another.
        """
        gate: dict[str, Any] = {"gate": self.roles.z, "shut": shut}
        whole = {self.loss, self.roles.output, self.roles.before_sigmoid} & set(seeds)
        if not whole or not set(seeds) <= set(self._of) or not set(by) <= set(self._by):
            return self.graph.pull(list(seeds), list(seeds.values()), by, **gate)
        given = [seeds[node] if node in seeds else np.zeros(node.shape, np.float32) for node in self._of]
        found = dict(zip(self._by, self.graph.pull(self._of, given, self._by, **gate), strict=True))
        return [found[node] for node in by]

    def _put_examples_first(self, x: Node | None) -> None:
        """Under vmap the last axis may be that of the examples, as where a layer is W @ x."""
        roles, data = self.roles, x or self.roles.target
        if roles.z is None or data is None or not data.shape:
            return
        B = data.shape[0]
        heads = (roles.mean, roles.joined, roles.std, roles.held, roles.z)
        made = (*heads, roles.output, roles.before_sigmoid, roles.target)
        turned = {
            node
            for node in made
            if node is not None and len(node.shape) == 2 and self._examples_last(node, B, x)
        }
        if roles.noise is not None and roles.z in turned and roles.noise.shape == roles.z.shape:
            turned.add(roles.noise)
        for node in turned:
            self.graph.put_examples_first(node)

    def _examples_last(self, node: Node, B: int, x: Node | None) -> bool:
        """Whether the columns of a matrix are the examples; of a square one, what one example changes."""
        if node.shape != (B, B):
            return node.shape[1] == B
        if x is None or B == 1:
            return False
        if self._other is None:
            self._other = self.graph.values({x: x.handle.at[0].set(x.handle[1])})
        changed = as_array(self._other.get(node, node.handle)) != node.value()
        return bool(changed[1:].any() and not changed[:, 1:].any())


def _where_any(parameters: Mapping[str, Node], gradients: Sequence[Array | None]) -> dict[str, Array | None]:
    """By name; None where no gradient arrives."""
    return {n: g if g is not None and g.any() else None for n, g in zip(parameters, gradients, strict=True)}
