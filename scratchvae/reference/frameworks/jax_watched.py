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
        self._other: dict[Node, Any] | None = (
            None  # the arrays where the second example stands in the place of the first, too
        )
        super().__init__(traced.loss, traced.x, training=training)
        self._put_examples_first(traced.x)

    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others, zeros where none flows."""
        asked = [node for node in dict.fromkeys(by) if (of, node) not in self._kept]
        if asked:
            if of is self.loss:  # to take them back together takes less than to compile that again
                asked = [
                    node for node in dict.fromkeys([*asked, *self._likely()]) if (of, node) not in self._kept
                ]
            found = self.graph.pull([of], [np.ones(of.shape)], asked)
            self._kept |= {(of, node): gradient for node, gradient in zip(asked, found, strict=True)}
        return [self._kept[of, node] for node in by]

    def pull(self, seeds: Sequence[tuple[Node, Array]], by: Sequence[Node]) -> list[Array]:
        """Σ ⟨g, ∂n/∂b⟩ over the nodes n and their seeds g, for each b of `by`."""
        found = self.graph.pull([n for n, _ in seeds], [np.reshape(g, n.shape) for n, g in seeds], by)
        return [gradient.astype(np.float64) for gradient in found]

    def of_parameters(self, step: Step) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
        """Gradients of the parameters: the step's own, and those that its own code makes of the gradients at the ends.

        What reaches z from the output goes no further, for the gradients of mean and spread hold it already. Terms that were
        taken out of the loss have ways of their own to the parameters.
        """
        by, z = list(self.parameters.values()), step.ends.get("z")
        if not by or not {"logits", "x_mean"} & set(step.ends):
            return {}, {}
        ends = list(dict.fromkeys(node for name, node in step.ends.items() if name != "z"))
        found = self.gradients(self.loss, by)
        seeds = [s for s in self.gradients(self.loss, ends) if s is not None]
        if step.taken:
            heads = [n for name, n in step.ends.items() if name not in {"z", "logits", "x_mean", "second"}]
            beside = dict(zip(heads, self.pull(step.taken, heads), strict=True))
            seeds = [
                s - beside[n].reshape(s.shape) if n in beside else s for n, s in zip(ends, seeds, strict=True)
            ]
        through = self.graph.pull(ends, seeds, by, [] if z is None else [z])
        if step.taken:
            through = [one + other for one, other in zip(through, self.pull(step.taken, by), strict=True)]
        return _where_any(self.parameters, found), _where_any(self.parameters, through)

    def exchanged(self, step: Step) -> Iterator[Step]:
        """By gradients taken back through the equations."""
        return Exchange(step, self.roles, self.loss, self.gradients, self.pull).steps()

    def _likely(self) -> list[Node]:
        """What the loss's gradient is asked for by, sooner or later: parameters, and what the batch and parameters made."""
        return [
            n
            for n in lineage([self.loss])
            if n.kind == "parameter" or (n.learned and n.of_data and is_real(n))
        ]

    def _put_examples_first(self, x: Node | None) -> None:
        """Under vmap the last axis may be that of the examples, as where a layer is W @ x."""
        roles, data = self.roles, x or self.roles.target
        if roles.z is None or data is None or not data.shape:
            return
        B = data.shape[0]
        made = (
            roles.mean,
            roles.joined,
            roles.std,
            roles.held,
            roles.z,
            roles.output,
            roles.before_sigmoid,
            roles.target,
        )
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
        """Whether the columns of a matrix are the examples: of a square one, whether one example alone changes one column."""
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
