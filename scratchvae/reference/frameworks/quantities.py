"""The arrays of a step that was watched, by the names of diagnose, and how its own arithmetic reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import SCALES
from scratchvae.reference.frameworks.draw_gradients import of_each_draw
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import Node, heirs, lineage
from scratchvae.reference.frameworks.forms import said_of_likelihood, said_of_others, with_gradient
from scratchvae.reference.frameworks.kl_floor import floor_of
from scratchvae.reference.frameworks.laws import Law
from scratchvae.reference.frameworks.likelihood import Comparison, squashed, whole_output
from scratchvae.reference.frameworks.log_weights import add_constant
from scratchvae.reference.frameworks.meant import Meant, capacity_of
from scratchvae.reference.frameworks.plain_kl import plain_kl
from scratchvae.reference.frameworks.proportions import near
from scratchvae.reference.frameworks.role_sampling import as_added
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import Gradients
from scratchvae.reference.frameworks.terms import outer_weight


class Quantities:
    """The quantities of one step, while they are read off its graph."""

    def __init__(
        self, step: Step, roles: Roles, loss: Node, draws: Draws, gradients: Gradients, given: dict[str, Any]
    ) -> None:
        self.step, self.roles, self.loss, self.draws = step, roles, loss, draws
        self.gradients, self.given, self.B = gradients, given, draws.B

    def take(self, mean: Node, z: Node, output: Node, target: Node, kind: str | None) -> None:
        """Enter all that is known."""
        roles, step = self.roles, self.step
        at = {"mean": mean, "z": z, **({} if roles.held is None or kind is None else {kind: roles.held})}
        step.ends = dict(at)
        if roles.held is not None and roles.held.size != mean.size:
            step.unknown.append(
                f"the spread: it has shape {roles.held.shape} beside a mean of shape {mean.shape}"
            )
            return
        values = {"mean": self._head(mean.value()), "z": self._drawn(z.value())}
        if roles.held is not None and kind is not None:
            values[kind] = self._head(roles.held.value())
        elif roles.std is not None and roles.std.size == mean.size:
            values["std"] = self._head(roles.std.value())
        if (noise := self._noise(z)) is not None:
            values["noise"] = noise
        values["loss"] = self.loss.value().reshape(()) if self.loss.size == 1 else self.loss.value()
        values["x"] = self._target(target)
        step.arrays = {name: np.asarray(value) for name, value in values.items()}
        step.places = {name: node.place for name, node in at.items()} | {"loss": self.loss.place}
        found = self.gradients(self.loss, list(at.values()))
        for name, gradient in zip(at, found, strict=True):
            if gradient is None:
                step.unknown.append(
                    f"a gradient of {name}, for none reaches it: is it detached, or made under no_grad?"
                )
            else:
                step.arrays[f"d_{name}"] = self._drawn(gradient) if name == "z" else self._summed(gradient)
        if z is mean:  # whose gradient by the decoder can't be told from the KL's
            step.arrays = {
                name: array for name, array in step.arrays.items() if name not in {"d_z", "d_mean"}
            }
        law = self._likelihood(output) if not roles.broadcast else None
        plain = self._parts()
        if law is None:
            step.ends["output"] = whole_output(self.roles, output)
            made = heirs(step.ends["output"], lineage([self.loss])) - {step.ends["output"]}
            step.unknown.append(f"the likelihood: {roles.broadcast or said_of_likelihood(made)}")
            del step.arrays["x"]
        if self.roles.log_w is not None:
            self._weights()
        elif self.draws.K > 1:
            self._each_draw(kind)
        entries = (target if law is None else step.ends[law.output]).size // self.B
        own = {"law": law.piece} if law is not None and law.piece is not None else {}

        def read_as(arrays: dict[str, Array], b: float | None) -> tuple[list[dict[str, Any]], list[str]]:
            meant = Meant(arrays, self.roles, self.loss, self.B, entries, self.given, plain, b, step.unknown)
            rows = meant.settings("own" if law is None else law.likelihood, None if law is None else law.a)
            return [{**row, **own} for row in rows], meant.notes

        step.raw, step.read_as = dict(step.arrays), read_as
        step.settings, notes = read_as(step.arrays, None)
        step.notes += notes
        step.chosen = notes

    def _head(self, array: Array) -> Array:
        """What the encoder gave of it for each example, in the shape of the mean."""
        assert self.roles.mean is not None
        shape = self.roles.mean.shape
        wide = array.reshape(shape) if array.size == self.roles.mean.size else np.broadcast_to(array, shape)
        return self.draws.once(wide) if self._repeated() else wide

    def _summed(self, gradient: Array) -> Array:
        """The gradient by what the encoder gave for each example."""
        assert self.roles.mean is not None
        if self._repeated():
            return self.draws.by_example(gradient).sum(axis=1)
        same_size = gradient.size == self.roles.mean.size
        return gradient.reshape(self.roles.mean.shape) if same_size else gradient

    def _repeated(self) -> bool:
        """Whether the encoder saw each example once for each draw."""
        assert self.roles.mean is not None
        assert self.roles.z is not None
        return self.draws.K > 1 and self.roles.mean.size == self.roles.z.size

    def _drawn(self, array: Array) -> Array:
        """In the layout of the draws; of one draw in the shape of the mean."""
        assert self.roles.mean is not None
        one = self.draws.K == 1 and array.size == self.roles.mean.size
        return array.reshape(self.roles.mean.shape) if one else self.draws.by_example(array)

    def _noise(self, z: Node) -> Array | None:
        """In the layout of z; what torch.normal(mean, std) made of it is undone."""
        roles = self.roles
        if roles.noise is None and z.kind == "draw" and roles.std is not None:  # torch.normal(mean, std)
            a, b = (p.value().astype(np.float64) for p in z.parents)
            return self._drawn(np.asarray((z.value() - a) / b, dtype=z.value().dtype))
        if roles.noise is None:
            return None
        if roles.std is None and roles.noise.op == "draw uniform":
            self.step.unknown.append(
                f"what the uniform draw that joins the encoder's output is for ({z.place})"
            )
            return None
        value = roles.noise.value()
        if value.size != z.size:
            try:
                value = np.broadcast_to(value, z.shape)
            except ValueError:
                return None
        return self._drawn(as_added(value.reshape(z.shape), roles))

    def _target(self, target: Node) -> Array:
        """x once for each example."""
        value = target.value()
        several = self.draws.K > 1 and len(value) != self.B and value.size % (self.B * self.draws.K) == 0
        return self.draws.by_example(value)[:, 0] if several else value

    def _likelihood(self, output: Node) -> Law | None:
        """The law by which the output was compared with x, and its weight; the output is entered."""
        step, after = self.step, heirs(output, lineage([self.loss]))
        numbers = [number for node in after for number in node.numbers]
        numbers += [
            float(p.value().flat[0])
            for node in after
            for p in node.parents
            if not p.learned and p.is_number and p.size
        ]
        plain = [n for n in dict.fromkeys(numbers) if n > 0 and n != 1]
        found = Comparison(self.roles, self.loss, self.gradients, self.draws, self.given, plain).recognized()
        if found is None:
            return None
        law, node = found.law, found.node
        step.arrays |= {"x": law.x, **law.more}
        step.notes += [law.said] if law.said else []
        step.doubts |= squashed(law, node)
        if self.roles.target is not None and self.roles.target.learned:
            step.ends["target"] = self.roles.target
            step.notes.append(f"what is compared are features that a network makes of x ({node.place})")
        value = node.value()
        step.arrays[law.output] = self._shaped(value, law)
        step.places[law.output] = node.place
        (gradient,) = self.gradients(self.loss, [node])
        if gradient is not None:
            step.arrays[f"d_{law.output}"] = self._shaped(gradient, law)
            if gradient.any() and "d_z" in step.arrays and not step.arrays["d_z"].any():
                # z was cut off behind the sum that made it: what the decoder took is another array
                del step.arrays["d_z"]
        step.ends[law.output] = node
        step.ends |= {} if found.second is None else {"second": found.second}
        return law

    def _shaped(self, array: Array, law: Law) -> Array:
        """Examples first, in the shape of the target where the law is the step's own."""
        return array.reshape(law.x.shape) if law.piece is not None else self.draws.by_example(array)

    def _parts(self) -> Node | None:
        """Enter the loss's terms, where there is one of a kind; return the plain KL, where there is one."""
        plain, averaged = None, not near(abs(outer_weight(self.loss, self.B)), 1.0)
        for role in ("reconstruction", "kl"):
            terms = with_gradient(role, self.roles, self.gradients, self.step.unknown)
            if len(terms) == 1 and self.roles.log_w is None:
                plain = plain_kl(terms[0].node, self.step.arrays, self.B) if role == "kl" else None
                of_array = terms[0].node.shape and floor_of(self.roles, self.B) is not None
                if role == "kl" and plain is None and (of_array or capacity_of(self.roles) is not None):
                    continue  # |KL − C| and max(KL, λ) are no KL
                value = terms[0].weight * terms[0].node.value() if plain is None else plain.value()
                if value.ndim <= 1 and (value.ndim == 0 or len(value) == self.B):
                    self.step.arrays[role] = value * (
                        self.B if value.ndim and plain is None and averaged else 1
                    )
                    self.step.places[role] = terms[0].node.place
        others = [t for t in self.roles.terms if t.role == "other"]
        if others:
            said = said_of_others([t.node for t in others], self.roles, self.B)
            self.step.unknown.append(f"{said}: it was not checked")
        return plain

    def _weights(self) -> None:
        """log p(x|z), log p(z) and log q(z|x) of each draw (B, K), as log w is made of them."""
        arrays, log_w = self.step.arrays, self.roles.log_w
        assert log_w is not None
        whole = self.draws.totals(log_w.value())
        (slope,) = self.gradients(self.loss, [log_w])
        if whole is not None:
            arrays["log_w"] = whole
        if slope is not None and (shaped := self.draws.totals(slope)) is not None:
            arrays["d_log_w"] = shaped
        names = {"reconstruction": "log_px", "prior": "log_pz", "posterior": "log_q"}
        signs = {"log_px": 1.0, "log_pz": 1.0, "log_q": -1.0}
        node, sign = self.loss, 1.0
        while node.op in {"mean", "sum", "neg", "view"} and node.shape != (self.B,) and node.parents:
            node, sign = node.parents[0], -sign if node.op == "neg" else sign
        if node.shape == (self.B,):  # the loss by example
            arrays["bound"] = -sign * node.value()
        for term in self.roles.terms:
            name, value = names.get(term.role), self.draws.totals(term.weight * term.node.value())
            if name is None or value is None:
                self.step.unknown.append(f"a part of the log-weights was not recognized ({term.node.place})")
                continue
            arrays[name] = arrays.get(name, 0.0) + signs[name] * value
            self.step.places[name] = term.node.place
        add_constant(arrays)

    def _each_draw(self, kind: str | None) -> None:
        """Several draws of the plain bound: a step of B · K examples."""
        arrays, K = self.step.arrays, self.draws.K
        encoder = of_each_draw(self.roles, self.gradients, arrays, kind)
        for name in list(arrays):
            a = arrays[name]
            if name in {"z", "noise", "logits", "x_mean", "d_z", "d_logits", "d_x_mean"}:
                arrays[name] = a.reshape(self.B * K, -1)
            elif name in {"x", "mean", *SCALES} or (name == "kl" and a.ndim == 1):
                arrays[name] = np.repeat(a.reshape(self.B, -1), K, axis=0).reshape((self.B * K, *a.shape[1:]))
            elif name.startswith("d_") or (name == "reconstruction" and a.ndim == 1):
                del arrays[name]
        arrays |= {name: a.reshape(self.B * K, -1) for name, a in encoder.items()}
        self.step.notes.append(f"z has {K} draws for each example, which are compared as {K} examples")
        self.step.unknown += [] if encoder else ["what each draw adds to the gradients of mean and spread"]
        self.B *= K
