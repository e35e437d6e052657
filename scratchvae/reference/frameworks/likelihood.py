"""The likelihood of a step that was watched: which law, by which arrays, and what the loss weighs it by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels import sigmoid
from scratchvae.reference.frameworks import laws, spread_laws
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import LOSSES, Node, bare, heirs, history, laws_of, lineage
from scratchvae.reference.frameworks.laws import Law, by_rows
from scratchvae.reference.frameworks.logistic_law import LogisticLaw, of_logistic
from scratchvae.reference.frameworks.masks import masks
from scratchvae.reference.frameworks.proportions import CLOSE, HALF_CLOSE, fitted, near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.spread import Gradients

PLAIN = ("bernoulli", "gaussian", "laplace")
MOST_SPREADS = 24  # arrays that are tried as a second parameter of the law


@dataclass(frozen=True)
class Likelihood:
    """The law, the node that it takes as output, and what second array it takes, where it takes one."""

    law: Law
    node: Node
    second: Node | None = None


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

    def recognized(self) -> Likelihood | None:
        """The first law that the gradient by the output is of; else that of the call, or None."""
        said = self.given.get("likelihood")
        found = next((one for one in self._plain() if said in (None, one.law.likelihood)), None)
        if (
            found is not None
            and found.law.likelihood in {"gaussian", "laplace"}
            and not found.law.more
            and self.draws.K == 1
        ):
            found = self._with_learned_number(found.law.likelihood) or found
        if found is None and said in (None, "own") and self.draws.K == 1:
            found = next(
                (
                    one
                    for one in (*self._of_one_output(), *self._of_two())
                    if said in (None, one.law.likelihood)
                ),
                None,
            )
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
                slopes.append(("bernoulli", logits or self.output, by_logits, sigmoid(inside) - x))
            for mask in (None, *masks(self.used, by_output, x)):
                for law, node, gradient, slope in slopes:
                    seen, more = (slope, {}) if mask is None else (slope * mask, {"mask": mask})
                    a = None if gradient is None else fitted(gradient, seen, rows=rows, close=self.close)
                    if a is not None and a > 0:
                        yield self._as(law, a, node, x, more)

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
                yield from (Likelihood(law, node) for law in (*found, *weighted))

    def _with_learned_number(self, law: str) -> Likelihood | None:
        """The law whose spread is one learned number, in which the weight is that of a mean or a sum."""
        B = self.draws.B
        plain = [1 / n for n in (1, B, self.output.size, self.output.size // B)]
        for one in self._of_two():
            learned = one.second is not None and one.second.size == 1
            wanted = one.law.likelihood == ("own" if law == "laplace" else law)
            if learned and wanted and any(near(one.law.a or 0.0, w) for w in plain):
                return one
        return None

    def _before_softmax(self) -> Iterator[Node]:
        """What a log-softmax that leads to the output, or takes it, was taken of."""
        for node in [self.output, *(n for n in self.used if self.output in n.parents)]:
            at = bare(node)
            if at.op in {"log_softmax", "softmax"} or (
                at.op == "log" and at.parents and bare(at.parents[0]).op == "softmax"
            ):
                at = bare(at.parents[0]) if at.op == "log" else at
                yield bare(at.parents[0])

    def _of_two(self) -> Iterator[Likelihood]:
        """A law with a second array of the step, such as its spread."""
        z = {node for node in (self.roles.z,) if node is not None}
        after = heirs(self.output, self.used)
        ends = [term.node for term in self.roles.terms if term.role == "reconstruction"]
        others = sorted((n for n in lineage(ends, z) - after if n.learned), key=lambda n: -n.index)
        (gradient,) = self.gradients(self.loss, [self.output])
        if gradient is None or not gradient.any():
            return
        for _, x in self._targets():
            if x.size != self.output.size:
                continue
            x = x.astype(np.float64)
            mean, g = self.output.value().reshape(x.shape).astype(np.float64), gradient.reshape(x.shape)
            tried = [n for n in others if n.size in {x.size, 1, x[0].size} and n is not self.output][
                :MOST_SPREADS
            ]
            yield from self._with_spread(mean, g, x, tried[::-1])

    def _with_spread(self, mean: Array, g: Array, x: Array, tried: list[Node]) -> Iterator[Likelihood]:
        B = self.draws.B
        for node in tried:
            held = node.value().astype(np.float64)
            for kind, a, std in spread_laws.of_spread(mean, g, x, held, self.close):
                name = kind if kind in ("log_var", "log_std", "std") else "std"
                array = (
                    std
                    if name == "std"
                    else np.broadcast_to(held.reshape(x.shape) if held.size == x.size else held, x.shape)
                )
                said = (
                    "the likelihood is a Gaussian's with the step's own σ "
                    f"({node.place or 'a parameter'}), taken as {kind}"
                )
                more = {f"x_{name}": by_rows(np.asarray(array), B)}
                if kind == name and node.size == x.size:
                    (d,) = self.gradients(self.loss, [node])
                    more |= {} if d is None else {f"d_x_{name}": by_rows(d, B)}
                yield Likelihood(Law("gaussian", a, "x_mean", x, more=more, said=said), self.output, node)
            for a, piece, said in self._logistic(mean, g, x, held):
                law = Law("own", a, "x_mean", by_rows(x, B), piece, said=said)
                yield Likelihood(law, self.output, node)
            for kind, a, log_s in spread_laws.of_laplace(mean, g, x, held, self.close):
                said = (
                    "the likelihood is a Laplace law's with the step's own s "
                    f"({node.place or 'a parameter'}), taken as {kind}"
                )
                law = Law(
                    "own", a, "x_mean", by_rows(x, B), spread_laws.laplace_of(by_rows(log_s, B)), said=said
                )
                yield Likelihood(law, self.output, node)
            for a, log_r in spread_laws.of_overdispersed(mean, g, x, held, self.close):
                law = Law("own", a, "x_mean", by_rows(x, B), spread_laws.overdispersed(by_rows(log_r, B)))
                said = (
                    "the likelihood is negative binomial, with the dispersion of "
                    f"{node.place or 'a parameter'}"
                )
                yield Likelihood(replace(law, said=said), self.output, node)

    def _logistic(self, mean: Array, g: Array, x: Array, held: Array) -> list[tuple[float, LogisticLaw, str]]:
        """Discretized logistic laws, where a σ is taken of what the output became, the nearest value first.

        The gradient hardly tells how wide a bin is where it is narrow beside s, but the value does.
        """
        curved = heirs(self.output, self.used) - {self.output}
        if not any(node.op in {"sigmoid", "logsigmoid", "softplus"} for node in curved):
            return []
        ends = [term.node for term in self.roles.terms if term.role == "reconstruction"]
        weights = self.gradients(self.loss, ends)
        whole = sum(float((w * n.value()).sum()) for n, w in zip(ends, weights, strict=True) if w is not None)
        numbers = [number for node in self.used for number in node.numbers]
        found = list(of_logistic(mean, g, x, held, numbers, self.close))
        return sorted(found, key=lambda one: abs(one[0] * one[1].of(x, mean).value.sum() - whole))

    def _called(self, said: str | None) -> Likelihood | None:
        """By the name of the call, or as it was said, where no gradient tells."""
        after = heirs(self.output, self.used)
        formed = laws_of(after - {self.output})
        law = said if said not in (None, "own") else next((name for name in PLAIN if name in formed), None)
        assert self.roles.target is not None
        x = next(self._targets())[1]
        if law is None or x.size != self.output.size:
            return None
        called = any(LOSSES.get(node.op) == law for node in after)
        if law == "bernoulli" and said is None and not called and not 0 <= x.min() <= x.max() <= 1:
            return None  # log σ is in other laws too, such as a logistic one
        logits = self.roles.before_sigmoid
        value = self.output.value()
        probability = law == "bernoulli" and logits is None and 0 <= value.min() <= value.max() <= 1
        node = self.output if law != "bernoulli" or probability else logits or self.output
        found = self._as(law, None, node, x, {})
        return replace(found, law=replace(found.law, output="x_mean")) if probability else found
