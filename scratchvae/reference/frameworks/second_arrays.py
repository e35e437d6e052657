"""The likelihood of a watched step whose law takes a second array of the step, such as the decoder's σ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks import spread_laws
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import Node, chain, heirs, lineage
from scratchvae.reference.frameworks.laws import Law, by_rows
from scratchvae.reference.frameworks.logistic_law import LogisticLaw, of_logistic
from scratchvae.reference.frameworks.masks import masks
from scratchvae.reference.frameworks.proportions import CLOSE, HALF_CLOSE
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.spread import Gradients

EXACT = 1e-5  # of the largest entry: what rounding in float32 leaves
MOST_SPREADS = 24  # arrays that are tried as a second parameter of the law


@dataclass(frozen=True)
class Likelihood:
    """The law, the node that it takes as output, and what second array it takes, where it takes one."""

    law: Law
    node: Node
    second: Node | None = None


@dataclass(frozen=True)
class SecondArrays:
    """The arrays of one step that may be a second parameter of its likelihood.

    `targets` gives what the output may have been compared with, `once` an array of draws once an example.
    """

    roles: Roles
    loss: Node
    gradients: Gradients
    draws: Draws
    targets: Callable[[], Iterator[tuple[Node, Array]]]
    once: Callable[[Array], Array]

    @property
    def output(self) -> Node:
        """The decoder's output."""
        assert self.roles.output is not None
        return self.roles.output

    def laws(self) -> Iterator[Likelihood]:
        """The laws whose gradient by the output the loss has: first to rounding, then in a few digits."""
        used = lineage([self.loss])
        z = {node for node in (self.roles.z,) if node is not None}
        ends = [term.node for term in self.roles.terms if term.role == "reconstruction"]
        of_output = heirs(self.output, used) | set(chain(self.output))  # of which no σ of its own is
        learned = [n for n in lineage(ends, z) - of_output if n.learned]
        others = sorted(learned, key=lambda n: -n.index)
        (gradient,) = self.gradients(self.loss, [self.output])
        if gradient is None or not gradient.any():
            return
        for _, x in self.targets():
            if x.size != self.output.size:
                continue
            x = x.astype(np.float64)
            g = gradient.reshape(x.shape)
            tried = [n for n in others if n.size in {x.size, 1, x[0].size}]
            hidden = [(mask, {"mask": self.once(mask)}) for mask in masks(used, gradient, x)]
            for close in (EXACT, HALF_CLOSE if self.output.half else CLOSE):
                for node in tried[:MOST_SPREADS][::-1]:
                    for mask, more in ((np.ones(()), {}), *hidden):
                        yield from self._gaussian(g, x, node, close, mask, more)
                    if self.draws.K == 1:
                        yield from self._others(g, x, node, close)

    def _gaussian(
        self, g: Array, x: Array, node: Node, close: float, mask: Array, more: dict[str, Array]
    ) -> Iterator[Likelihood]:
        """A Gaussian whose σ is the node, in some reading, where the mask is 1."""
        mean, held = (n.value().astype(np.float64) for n in (self.output, node))
        shaped = self.draws.by_example if self.draws.K > 1 else partial(by_rows, B=self.draws.B)
        rows = self.roles.log_w is not None
        for kind, a, std in spread_laws.of_spread(mean.reshape(x.shape), g, x, held, close, mask, rows=rows):
            name = kind if kind in ("log_var", "log_std", "std") else "std"
            wide = held.reshape(x.shape) if held.size == x.size else held
            array = std if name == "std" else np.broadcast_to(wide, x.shape)
            said = f"the likelihood is a Gaussian's with the step's own σ ({_place(node)}), taken as {kind}"
            known = {**more, f"x_{name}": shaped(np.array(array))}
            if kind == name and node.size == x.size and self.draws.K == 1:
                (d,) = self.gradients(self.loss, [node])
                known |= {} if d is None else {f"d_x_{name}": by_rows(d, self.draws.B)}
            law = Law("gaussian", a, "x_mean", self.once(x), more=known, said=said)
            yield Likelihood(law, self.output, node)

    def _others(self, g: Array, x: Array, node: Node, close: float) -> Iterator[Likelihood]:
        """Discretized logistic, Laplace and negative binomial laws with the node as their second array."""
        B = self.draws.B
        mean, held = self.output.value().reshape(x.shape).astype(np.float64), node.value().astype(np.float64)
        for a, piece, said in self._logistic(mean, g, x, held, close):
            law = Law("own", a, "x_mean", by_rows(x, B), piece, said=said)
            yield Likelihood(law, self.output, node)
        for kind, a, log_s in spread_laws.of_laplace(mean, g, x, held, close):
            said = (
                f"the likelihood is a Laplace law's with the step's own s ({_place(node)}), taken as {kind}"
            )
            of_laplace = spread_laws.laplace_of(by_rows(log_s, B))
            yield Likelihood(Law("own", a, "x_mean", by_rows(x, B), of_laplace, said=said), self.output, node)
        for a, log_r in spread_laws.of_overdispersed(mean, g, x, held, close):
            law = Law("own", a, "x_mean", by_rows(x, B), spread_laws.overdispersed(by_rows(log_r, B)))
            said = f"the likelihood is negative binomial, with the dispersion of {_place(node)}"
            yield Likelihood(replace(law, said=said), self.output, node)

    def _logistic(
        self, mean: Array, g: Array, x: Array, held: Array, close: float
    ) -> list[tuple[float, LogisticLaw, str]]:
        """Discretized logistic laws, where a σ is taken of what the output became, the nearest value first.

        The gradient hardly tells how wide a bin is where it is narrow beside s, but the value does.
        """
        used = lineage([self.loss])
        curved = heirs(self.output, used) - {self.output}
        if not any(node.op in {"sigmoid", "logsigmoid", "softplus"} for node in curved):
            return []
        ends = [term.node for term in self.roles.terms if term.role == "reconstruction"]
        weights = self.gradients(self.loss, ends)
        whole = sum(float((w * n.value()).sum()) for n, w in zip(ends, weights, strict=True) if w is not None)
        numbers = [number for node in used for number in node.numbers]
        found = list(of_logistic(mean, g, x, held, numbers, close))
        return sorted(found, key=lambda one: abs(one[0] * one[1].of(x, mean).value.sum() - whole))


def _place(node: Node) -> str:
    return node.place or "a parameter"
