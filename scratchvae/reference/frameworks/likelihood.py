"""The likelihood of a step that was watched: which law, by which arrays, and what the loss weighs it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.frameworks import huber_law, laws
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import LOSSES, Node, bare, heirs, history, laws_of, lineage
from scratchvae.reference.frameworks.laws import Law
from scratchvae.reference.frameworks.masks import masks
from scratchvae.reference.frameworks.optimal_sigma import of_errors
from scratchvae.reference.frameworks.proportions import CLOSE, HALF_CLOSE, fitted, near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.second_arrays import EXACT, Likelihood, SecondArrays
from scratchvae.reference.frameworks.spread import Gradients

TINY = 1e-6  # what may be added to a probability before its logarithm is taken
PLAIN = ("bernoulli", "gaussian", "laplace")


class Comparison:
    """How the output of one step was compared with its target."""

    def __init__(
        self,
        roles: Roles,
        loss: Node,
        gradients: Gradients,
        draws: Draws,
        given: Mapping[str, Any],
        numbers: list[float],
    ) -> None:
        assert roles.output is not None
        assert roles.target is not None
        self.roles, self.loss, self.gradients, self.draws = roles, loss, gradients, draws
        self.output, self.given, self.numbers = roles.output, given, numbers
        self.close = HALF_CLOSE if self.output.half else CLOSE
        self.used = lineage([loss])
        self._second = SecondArrays(roles, loss, gradients, draws, self._targets, self._once)

    def recognized(self) -> Likelihood | None:
        """The first law that the gradient by the output is of; else that of the call, or None."""
        said = self.given.get("likelihood")
        called = self._of_huber() if any(node.op in huber_law.CALLS for node in self.used) else ()
        found = next((one for one in (*called, *self._plain()) if said in (None, one.law.likelihood)), None)
        if (
            found is not None
            and found.law.likelihood in {"gaussian", "laplace"}
            and not found.law.more
            and self.draws.K == 1
        ):
            found = self._with_learned_number(found.law.likelihood) or found
        if said in (None, "own") and (found is None or found.law.likelihood == "gaussian"):
            found = next(self._of_errors(), found)
        if found is None and said in (None, "own", "gaussian"):
            by_name = self._is_called("bernoulli")
            of_one = (*self._of_one_output(), *self._of_huber()) if self.draws.K == 1 else ()
            others = (*of_one, *(() if by_name else self._second.laws()))
            found = next((one for one in others if said in (None, one.law.likelihood)), None)
        return found or self._called(said)

    def _targets(self) -> Iterator[tuple[Node, Array]]:
        """The target, and what it was made of, once for each draw."""
        target = self.roles.target
        assert target is not None
        for node in [target, *(n for n in history(target)[1:] if n.size == target.size)]:
            x = node.value()
            yield node, self.draws.repeated(x) if x.size * self.draws.K == self.output.size != x.size else x

    def _plain(self) -> Iterator[Likelihood]:
        """Bernoulli, Gaussian and Laplace, with a mask where there is one."""
        logits = self.roles.before_sigmoid
        by_output, by_logits = self.gradients(self.loss, [self.output, logits or self.output])
        rows = self.roles.log_w is not None
        for _, x in self._targets():
            if x.size != self.output.size:
                continue
            x = x.astype(np.float64)
            value, inside = (
                n.value().reshape(x.shape).astype(np.float64) for n in (self.output, logits or self.output)
            )
            slopes = [
                ("gaussian", self.output, by_output, value - x),
                ("laplace", self.output, by_output, np.sign(value - x)),
            ]
            if x.min() >= -CLOSE and x.max() <= 1 + CLOSE:
                slopes.append(("bernoulli", logits or self.output, by_logits, kernels.sigmoid(inside) - x))
            for mask in (None, *masks(self.used, by_output, x)):
                for law, node, gradient, slope in slopes:
                    seen, more = (slope, {}) if mask is None else (slope * mask, {"mask": mask})
                    a = None if gradient is None else fitted(gradient, seen, rows=rows, close=self.close)
                    if a is not None and a > 0:
                        yield self._as(law, a, node, x, more)
            if by_logits is not None and len(slopes) == 3:  # x log p alone, which diagnose has a name for
                a = fitted(by_logits, -x * kernels.sigmoid(-inside), rows=rows, close=self.close)
                if a is not None and a > 0:
                    yield self._as("bernoulli", a, logits or self.output, x, {})

    def _as(self, law: str, a: float | None, node: Node, x: Array, more: dict[str, Array]) -> Likelihood:
        name = "logits" if law == "bernoulli" else "x_mean"
        return Likelihood(Law(law, a, name, self._once(x), more=more), node)

    def _once(self, x: Array) -> Array:
        """x once for each example."""
        B, K = self.draws.B, self.draws.K
        target = self.roles.target
        assert target is not None
        if K > 1 and len(x) != B and x.size % (B * K) == 0:
            return self.draws.by_example(x)[:, 0]
        return target.value() if K > 1 else x

    def _of_one_output(self) -> Iterator[Likelihood]:
        """Counts and categories; of a log-softmax, by what it was taken of."""
        B = self.draws.B
        views = [n for n in self.used if n.op == "view" and bare(n) is self.output]
        for node in dict.fromkeys((self.output, *views, *self._before_softmax(), self.roles.before_sigmoid)):
            (gradient,) = self.gradients(self.loss, [node]) if node is not None else (None,)
            if node is None or gradient is None or not gradient.any():
                continue
            for _, x in self._targets():
                found = laws.of_one_output(node.value(), gradient.reshape(node.shape), x, B, self.close)
                weighted = laws.weighted_bernoulli(
                    node.value(), gradient.reshape(node.shape), x, B, self.numbers, self.close
                )
                of_one = weighted if self._is_called("bernoulli") else (*found, *weighted)
                yield from (Likelihood(law, node) for law in of_one)

    def _of_huber(self) -> Iterator[Likelihood]:
        """Huber's law, which is torch's smooth_l1_loss or huber_loss, or written out."""
        (g,) = self.gradients(self.loss, [self.output])
        smooth = any(node.op == "smooth_l1_loss" for node in self.used)
        if g is None or not g.any() or self.draws.K > 1:
            return
        mean = self.output.value().astype(np.float64)
        for _, x in self._targets():
            g = g.reshape(mean.shape)
            laws_of_x = huber_law.of_huber(mean, g, x, self.draws.B, self.numbers, self.close, smooth=smooth)
            yield from (Likelihood(law, self.output) for law in laws_of_x)

    def _of_errors(self) -> Iterator[Likelihood]:
        """A Gaussian whose σ was computed from the errors."""
        if self.draws.K > 1 or self.roles.log_w is not None or self.output.size % self.draws.B:
            return
        x = next(self._targets())[1]
        given = self.output, x, self.loss, self.draws.B, self.gradients, EXACT
        yield from (Likelihood(law, self.output) for law in of_errors(*given))

    def _with_learned_number(self, law: str) -> Likelihood | None:
        """The law whose spread is one learned number, in which the weight is that of a mean or a sum."""
        B = self.draws.B
        plain = [1 / n for n in (1, B, self.output.size, self.output.size // B)]
        for one in self._second.laws():
            learned = one.second is not None and one.second.size == 1
            wanted = one.law.likelihood == ("own" if law == "laplace" else law)
            if learned and wanted and any(near(one.law.a or 0.0, w) for w in plain):
                return one
        return None

    def _before_softmax(self) -> Iterator[Node]:
        """What a log-softmax that leads to the output, or takes it, was taken of."""
        for node in [self.output, *(n for n in self.used if self.output in n.parents)]:
            at = bare(node)
            if at.op == "log" and at.parents:
                at = _unheld(at.parents[0])
            if at.op in {"add", "clamp", "maximum"}:  # of a softmax, before its logarithm
                at = _unheld(at)
            if at.op in {"log_softmax", "softmax"}:
                yield bare(at.parents[0])

    def _is_called(self, law: str) -> bool:
        """Whether a function of this law's name takes the output."""
        return any(LOSSES.get(node.op) == law for node in heirs(self.output, self.used))

    def _called(self, said: str | None) -> Likelihood | None:
        """By the name of the call, or as it was said, where no gradient tells."""
        after = heirs(self.output, self.used)
        formed = laws_of(after - {self.output})
        law = said if said not in (None, "own") else next((name for name in PLAIN if name in formed), None)
        assert self.roles.target is not None
        x = next(self._targets())[1]
        if law is None or x.size != self.output.size:
            return None
        called = self._is_called(law)
        if law == "bernoulli" and said is None and not called and not 0 <= x.min() <= x.max() <= 1:
            return None  # log σ is in other laws too, such as a logistic one
        logits = self.roles.before_sigmoid
        value = self.output.value()
        probability = law == "bernoulli" and logits is None and 0 <= value.min() <= value.max() <= 1
        node = self.output if law != "bernoulli" or probability else logits or self.output
        of_call = [p for n in after if n.op == "binary_cross_entropy" for p in n.parents if p in after]
        if logits is None and not probability and of_call:  # which takes a probability, whatever made it
            node, probability = of_call[0], True
        found = self._as(law, None, node, x, {})
        return replace(found, law=replace(found.law, output="x_mean")) if probability else found


def _unheld(node: Node) -> Node:
    """What was held above 0 by a tiny number that was added, or by a floor, before its logarithm is taken."""
    at = bare(node)
    while at.op in {"add", "clamp", "maximum"} and at.parents and any(0 <= n <= TINY for n in at.numbers):
        at = bare(max(at.parents, key=lambda n: n.learned))
    return at


def whole_output(roles: Roles, output: Node) -> Node:
    """The last array that all ways from z to the reconstruction go through before x is met."""
    z, target = roles.z, roles.target
    ends = [term.node for term in roles.terms if term.role == "reconstruction"]
    if z is None or not ends:
        return output
    for node in sorted(heirs(z, lineage(ends)), key=lambda n: -n.index):
        if z not in lineage(ends, [node]) and target not in lineage([node], [z]):
            return node
    return output


SQUASHED = {
    "tanh": "lie between 0.27 and 0.73",
    "softsign": "lie between 0.27 and 0.73",
    "relu": "are never below ½",
    "softplus": "are never below ½",
}


def squashed(law: Law, node: Node) -> dict[str, str]:
    """The output that can't be right as it is, such as logits that can't be every number, and why; or {}."""
    at = bare(node)
    if law.doubt:
        return {law.output: law.doubt}
    if law.likelihood != "bernoulli":
        return {}
    if law.output == "logits" and at.op in SQUASHED:
        why = f"the logits come out of {at.op} ({at.place}), so that the probabilities {SQUASHED[at.op]}"
        return {"logits": f"{why}: give the cross-entropy the numbers before it"}
    while at.op == "clamp":
        at = bare(at.parents[0])
    if law.output == "x_mean" and at.op == "tanh":
        why = f"the probabilities come out of a tanh ({at.place}), which is negative for half of all inputs"
        return {"x_mean": f"{why}: take a sigmoid, or the cross-entropy with logits"}
    return {}
