"""What a step that was watched was meant to be, as far as its own arithmetic says: the arrays of diagnose, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels import sigmoid
from scratchvae.reference.diagnosis import SCALES, canonical, std_read_as
from scratchvae.reference.frameworks.flow import LOSSES, Node, heirs, lineage
from scratchvae.reference.frameworks.roles import Roles, draws_of, scaled

CLOSE = 1e-3  # of the largest entry: what rounding in float32 leaves of a number that is solved for is far below
Gradients = Callable[[Node, Sequence[Node]], list[Array | None]]  # of the sum of a node by others; None: none flows


@dataclass
class Step:
    """One step by quantity, in the words of diagnose, and what is said of how it was read."""

    arrays: dict[str, Array] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)  # the file and line that made each
    settings: list[dict[str, Any]] = field(default_factory=list)  # what may have been meant, the plainest first
    notes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ends: dict[str, Node] = field(default_factory=dict)  # where the reference's gradients can be handed to the user's own code


def as_step(roles: Roles, loss: Node, gradients: Gradients, *, scale: str | None, settings: Mapping[str, Any]) -> Step:
    """The arrays of the roles, with gradients, and what was meant where `scale` and `settings` do not say it."""
    step = Step(unknown=list(roles.unknown))
    if roles.z is None or roles.mean is None or roles.output is None or roles.target is None:
        return step
    if roles.held is None:
        step.unknown.append("the spread: what multiplies the noise was not found; name the head that gives it")
    reading = _Reading(step, roles, loss, gradients, dict(settings))
    reading.take(scale)
    return step


class _Reading:
    """The quantities of one step, while they are read off its graph."""

    def __init__(self, step: Step, roles: Roles, loss: Node, gradients: Gradients, given: dict[str, Any]) -> None:
        self.step, self.roles, self.loss, self.gradients, self.given = step, roles, loss, gradients, given
        assert roles.mean is not None and roles.z is not None
        self.B = roles.mean.shape[0] if roles.mean.shape else 1
        joined = roles.joined.value() if roles.joined is not None else roles.z.value()
        self.draws = draws_of(roles.z.value(), roles.mean.value(), joined)
        self.number = float(loss.value().reshape(-1)[0]) if loss.size == 1 else float("nan")

    def take(self, scale: str | None) -> None:
        """Enter all that is known."""
        roles, step = self.roles, self.step
        self._put_right()
        mean, z, output, target = roles.mean, roles.z, roles.output, roles.target
        assert mean is not None and z is not None and output is not None and target is not None
        if z.size != mean.size and self.draws is None:
            step.unknown.append(f"z has shape {z.shape} beside a mean of shape {mean.shape}: how its draws are laid out is not known")
            return
        kind = self._scale(scale)
        at = {"mean": mean, "z": z, **({} if roles.held is None or kind is None else {kind: roles.held})}
        step.ends = {**at, "output": roles.before_sigmoid or output}
        values = {"mean": mean.value(), "z": self._by_draw(z.value())}
        if roles.held is not None and kind is not None:
            values[kind] = np.broadcast_to(roles.held.value(), mean.shape)
        elif roles.std is not None:
            values["std"] = np.broadcast_to(roles.std.value(), mean.shape)
        noise = self._noise()
        if noise is not None:
            values["noise"] = noise
        values["loss"] = self.loss.value().reshape(()) if self.loss.size == 1 else self.loss.value()
        values["x"] = self._target(target)
        step.arrays = {name: np.asarray(value) for name, value in values.items()}
        step.places = {name: node.place for name, node in at.items()} | {"loss": self.loss.place}
        found = self.gradients(self.loss, list(at.values()))
        for name, gradient in zip(at, found, strict=True):
            if gradient is not None:
                step.arrays[f"d_{name}"] = self._by_draw(gradient) if name == "z" else gradient
        likelihood, a = self._likelihood(output)
        if likelihood is None:
            step.unknown.append("the likelihood: how the output is compared with x was not recognized; say likelihood=…")
            return
        self._parts()
        if self.roles.log_w is not None:
            self._weights(likelihood)
        elif self.draws is not None:
            self._each_draw()
        self._settings(likelihood, a)

    def _put_right(self) -> None:
        """Where the KL takes for the mean what the noise is multiplied by, the sampling exchanged both."""
        roles = self.roles
        terms = [t for t in roles.terms if t.role == "kl"]
        if len(terms) != 1 or roles.mean is None or roles.held is None or roles.log_w is not None:
            return
        by_mean, by_held = self.gradients(terms[0].node, [roles.mean, roles.held])
        if by_mean is None or by_held is None or fitted(by_mean, roles.mean.value()) is not None:
            return
        if fitted(by_held, roles.held.value()) is not None:
            roles.mean, roles.held, roles.std = roles.held, roles.mean, None

    def _noise(self) -> Array | None:
        roles = self.roles
        z, mean = roles.z, roles.mean
        assert z is not None and mean is not None
        if roles.noise is None and z.kind == "draw" and roles.std is not None:  # torch.normal(mean, std)
            a, b = (p.value().astype(np.float64) for p in z.parents)
            return self._by_draw(np.asarray((z.value() - a) / b, dtype=z.value().dtype))
        if roles.noise is None:
            return None
        value = roles.noise.value()
        if value.size != z.size:
            try:
                value = np.broadcast_to(value, z.shape)
            except ValueError:
                return None
        return self._by_draw(value.reshape(z.shape))

    def _by_draw(self, array: Array) -> Array:
        """(B, K, …) of what comes with all its draws; anything else as it is."""
        if self.draws is None:
            return array
        K, first = self.draws
        if first:
            return np.swapaxes(array.reshape(K, self.B, -1), 0, 1)
        return array.reshape(self.B, K, -1)

    def _target(self, target: Node) -> Array:
        """x once for each example."""
        value = target.value()
        if self.draws is not None and value.size % (self.B * self.draws[0]) == 0 and len(value) != self.B:
            return self._by_draw(value)[:, 0]
        return value

    def _scale(self, said: str | None) -> str | None:
        """How σ is held: as the sampling reads it, and as the KL does; where these differ, the author's own name decides."""
        roles = self.roles
        if said is not None or roles.held is None:
            return said or "log_var"
        held = roles.held.value().astype(np.float64)
        sampled = []
        if roles.std is not None:
            std = roles.std.value().astype(np.float64)
            sampled = [kind for kind in SCALES if _same(std_read_as(kind, held), std)]
        by_kl = self._scales_by_kl(held)
        named = [canonical(name, {}) for name in sorted(roles.held.names)]
        both = [kind for kind in by_kl if kind in sampled]
        found = [*both, *(k for k in (*by_kl, *sampled) if k in named), *by_kl, *sampled, *(k for k in named if k in SCALES)]
        if by_kl and sampled and not both:
            where = f" ({roles.held.place})" if roles.held.place else ""
            self.step.notes.append(f"the KL reads the spread{where} as {by_kl[0]}, the sampling as {sampled[0]}: taken as {found[0]}")
        return found[0] if found else None

    def _scales_by_kl(self, held: Array) -> list[str]:
        """How the closed-form KL of the loss reads σ, by its gradients: b · mean, and b · dKL/d(held)."""
        terms = [t for t in self.roles.terms if t.role == "kl"]
        mean, spread = self.roles.mean, self.roles.held
        if len(terms) != 1 or mean is None or spread is None or self.roles.log_w is not None:
            return []
        by_mean, by_held = self.gradients(terms[0].node, [mean, spread])
        if by_mean is None or by_held is None:
            return []
        b = fitted(by_mean, mean.value())
        return [] if b is None else [kind for kind in SCALES if _same(by_held, b * _kl_slope(kind, held))]

    def _likelihood(self, output: Node) -> tuple[str | None, float | None]:
        """The law by which the output was compared with x, and what the loss weighs it by; the output is entered."""
        logits, step = self.roles.before_sigmoid, self.step
        by_output, by_logits = self.gradients(self.loss, [output, logits or output])
        x = self.roles.target.value() if self.roles.target else np.zeros(())
        x = x if x.size == output.size else self._spread_target(x, output)
        if x is None:
            return None, None
        value, x = output.value().reshape(x.shape).astype(np.float64), x.astype(np.float64)
        rows = self.roles.log_w is not None
        tried: dict[str, float | None] = {"gaussian": None, "laplace": None, "bernoulli": None}
        if by_output is not None:
            tried["gaussian"] = fitted(by_output, value - x, rows=rows)
            tried["laplace"] = fitted(by_output, np.sign(value - x), rows=rows)
        inside = (logits or output).value().astype(np.float64).reshape(x.shape)
        if by_logits is not None and x.min() >= -CLOSE and x.max() <= 1 + CLOSE:
            tried["bernoulli"] = fitted(by_logits, sigmoid(inside) - x, rows=rows)
        said = self.given.get("likelihood") or next((law for law, a in tried.items() if a is not None and a > 0), None)
        called = {LOSSES.get(n.op, "") for n in lineage([self.loss]) & heirs(output, lineage([self.loss]))}
        said = said or next((law for law in ("bernoulli", "gaussian", "laplace") if law in called), None)
        if said is None:
            return None, None
        probability = said == "bernoulli" and logits is None and _looks_like_probability(output)
        name = "logits" if said == "bernoulli" and not probability else "x_mean"
        node = (logits or output) if name == "logits" else output
        step.arrays[name] = self._by_draw(node.value())
        step.places[name] = node.place
        gradient = by_logits if name == "logits" else by_output
        if gradient is not None:
            step.arrays[f"d_{name}"] = self._by_draw(gradient)
        step.ends["output"] = node
        step.ends[name] = step.ends.pop("output")
        return said, tried.get(said)

    def _spread_target(self, x: Array, output: Node) -> Array | None:
        """x for each of K draws, in the layout of the output."""
        if self.draws is None or x.size * self.draws[0] != output.size:
            return None
        K, first = self.draws
        rows = x.reshape(self.B, -1)
        return (np.tile(rows, (K, 1)) if first else np.repeat(rows, K, axis=0)).reshape(-1)

    def _parts(self) -> None:
        """The loss's terms, where there is one of a kind."""
        for role in ("reconstruction", "kl"):
            terms = [t for t in self.roles.terms if t.role == role]
            if len(terms) == 1 and self.roles.log_w is None:
                value = terms[0].weight * terms[0].node.value()
                if value.ndim <= 1 and (value.ndim == 0 or len(value) == self.B):
                    self.step.arrays[role] = value
                    self.step.places[role] = terms[0].node.place
        others = [t for t in self.roles.terms if t.role == "other"]
        if others:
            where = ", ".join(dict.fromkeys(t.node.place for t in others if t.node.place)) or "somewhere"
            self.step.unknown.append(f"a term of the loss is neither reconstruction nor KL ({where}): it was not checked")

    def _weights(self, likelihood: str) -> None:
        """log p(x|z), log p(z) and log q(z|x) of each draw (B, K), as log w is made of them."""
        arrays, log_w = self.step.arrays, self.roles.log_w
        assert log_w is not None
        K, first = self.draws or (1, False)

        def by_draw_of(value: Array) -> Array | None:
            if value.size == 0 or value.size % (self.B * K):
                return None
            return self._by_draw(value).sum(axis=2) if self.draws else value.reshape(self.B, 1, -1).sum(axis=2)

        whole = by_draw_of(log_w.value())
        (slope,) = self.gradients(self.loss, [log_w])
        if whole is not None:
            arrays["log_w"] = whole
        if slope is not None and (shaped := by_draw_of(slope)) is not None:
            arrays["d_log_w"] = shaped
        names = {"reconstruction": "log_px", "prior": "log_pz", "posterior": "log_q"}
        signs = {"log_px": 1.0, "log_pz": 1.0, "log_q": -1.0}
        node, sign = self.loss, 1.0
        while node.op in {"mean", "sum", "neg", "view"} and node.shape != (self.B,) and node.parents:
            node, sign = node.parents[0], -sign if node.op == "neg" else sign
        if node.shape == (self.B,):  # the loss by example
            arrays["bound"] = -sign * node.value()
        for term in self.roles.terms:
            name, value = names.get(term.role), by_draw_of(term.weight * term.node.value())
            if name is None or value is None:
                self.step.unknown.append(f"a part of the log-weights was not recognized ({term.node.place})")
                continue
            arrays[name] = arrays.get(name, 0.0) + signs[name] * value
            self.step.places[name] = term.node.place

    def _each_draw(self) -> None:
        """Several draws of the plain bound: a step of B · K examples, whose encoder's gradients are of all draws together."""
        arrays, (K, _) = self.step.arrays, self.draws or (1, False)
        for name in list(arrays):
            a = arrays[name]
            if name in {"z", "noise", "logits", "x_mean", "d_z", "d_logits", "d_x_mean"}:
                arrays[name] = a.reshape(self.B * K, -1)
            elif name in {"x", "mean", *SCALES} or (name == "kl" and a.ndim == 1):
                arrays[name] = np.repeat(a.reshape(self.B, -1), K, axis=0).reshape((self.B * K, *a.shape[1:]))
            elif name.startswith("d_") or (name == "reconstruction" and a.ndim == 1):
                del arrays[name]
        self.step.notes.append(f"{K} draws of z for each example: the gradients of the encoder are not checked")
        self.B *= K

    def _settings(self, likelihood: str, a: float | None) -> None:
        """What may have been meant: reduction, beta, a Gaussian's variance and constants."""
        arrays, given, notes = self.step.arrays, self.given, self.step.notes
        b = self._weight_of_kl()
        each = 1.0 / self.B
        rows: list[dict[str, Any]] = []
        constants = [True, False] if likelihood != "bernoulli" else [True]
        base: dict[str, Any] = {"likelihood": likelihood}
        variance = 1.0
        if likelihood == "gaussian" and a is not None and "variance" not in given:
            variance = self._variance(a, each)
            a *= variance
        elif likelihood == "laplace" and a is not None and "variance" not in given:
            variance = 2 * self._width(a, each) ** 2
            a *= np.sqrt(variance / 2)
        if likelihood == "laplace":
            notes.append(f"the absolute error is weighed as that of a Laplace of variance {variance:.6g}: taken so")
        elif variance == 0.5:
            notes.append("the squared error has no factor ½: taken as a Gaussian of σ² = ½; if σ² = 1 was meant, the KL weighs half")
        elif variance != 1:
            notes.append(f"the squared error is weighed as that of a Gaussian of σ² = {variance:.6g}: taken so")
        common = self._common_factor(a, b, each)
        if common is not None and "reduction" not in given:
            for name in ("loss", "reconstruction", "kl", *(n for n in arrays if n.startswith("d_") and n != "d_log_w")):
                if name in arrays:
                    arrays[name] = arrays[name] / np.asarray(common / each, arrays[name].dtype)
            notes.append(f"the whole loss is the mean over the batch × {common / each:.6g}: taken without that factor")
            a, b = (None if w is None else w * each / common for w in (a, b))
        reduction = given.get("reduction") or ("sum" if a is not None and abs(a - 1) < abs(a - each) else "mean")
        beta = given.get("beta") or self._beta(a, b)
        for c in constants:
            rows.append({**base, "variance": variance, "reduction": reduction, "beta": beta or 1.0, "constants": c})
        if beta is None:
            for number in self._numbers("kl"):
                rows.append({**rows[0], "beta": number, "constants": constants[-1]})
        if a is None and "reduction" not in given:
            rows += [{**row, "reduction": "sum"} for row in rows[:2]]
        known = {"free_bits": self._free_bits()} if "free_bits" not in given else {}
        self.step.settings = [{**row, **known, **given} for row in rows]
        if beta is not None and beta != 1 and "beta" not in given:
            notes.append(f"the KL weighs {beta:.6g}, by a number in the step: taken as beta")
        if beta is not None and "kl" in arrays and "beta" not in given:
            arrays["kl"] = arrays["kl"] / np.asarray(beta, arrays["kl"].dtype)

    def _weight_of_kl(self) -> float | None:
        """What the loss weighs a closed-form KL by: (d_mean − d_z) / mean."""
        arrays = self.step.arrays
        if "d_mean" not in arrays or self.draws is not None:
            return None
        own = arrays["d_mean"] - (arrays["d_z"].reshape(arrays["d_mean"].shape) if "d_z" in arrays else 0.0)
        scale = np.abs(arrays["d_mean"]).max()
        return fitted(own, arrays["mean"], within=max(CLOSE * float(np.abs(own).max()), 1e-5 * float(scale)))

    def _variance(self, a: float, each: float) -> float:
        """σ² of a Gaussian whose squared error the loss weighs by a: 1, ½ without a factor, or 1/a by a number in the step."""
        for c in (1.0, each):
            for v in (1.0, 0.5):
                if _near(a, c / v):
                    return v
        for number in self._numbers("reconstruction"):
            for c in (1.0, each):
                for v in (number, number**2, 1 / number, 0.5 / number, 1 / number**2):
                    if v > 0 and _near(a, c / v):
                        return float(v)
        return 1.0

    def _width(self, a: float, each: float) -> float:
        """b of a Laplace whose absolute error the loss weighs by a: 1, or 1/a by a number in the step."""
        for number in self._numbers("reconstruction"):
            for c in (1.0, each):
                for b in (number, 1 / number):
                    if not _near(a, c) and _near(a, c / b):
                        return float(b)
        return 1.0

    def _common_factor(self, a: float | None, b: float | None, each: float) -> float | None:
        """What both parts are weighed by, where that is neither 1 nor 1/B."""
        if a is None or b is None or not _near(a, b) or a <= 0 or _near(a, 1.0) or _near(a, each):
            return None
        return a

    def _beta(self, a: float | None, b: float | None) -> float | None:
        """The KL's weight beside the reconstruction's, where it is 1 or the step's own numbers give it; 1 where it is not known
        to be meant; None where nothing is known of it."""
        if a is None or b is None:
            return None
        ratio = b / a
        if _near(ratio, 1.0):
            return 1.0
        D = self.step.arrays["x"][0].size
        for number in self._numbers("kl"):
            for c in (number, 1 / number):
                if c > 0 and any(_near(ratio, c * f) for f in (1.0, D, self.B, D * self.B)):
                    return float(ratio)
        return 1.0

    def _is_size(self, number: float) -> bool:
        """Whether the number counts examples, entries or latents."""
        arrays = self.step.arrays
        D, Z = arrays["x"][0].size, arrays["mean"][0].size
        sizes = {self.B, D, Z, self.B * D, self.B * Z, D * Z, self.B * D * Z}
        return any(_near(abs(number), s) or _near(abs(number), 1 / s) for s in sizes if s > 1)

    def _numbers(self, role: str) -> list[float]:
        """The numbers that a part of the loss is multiplied by on purpose, but for 1: such as count entries are none."""
        found: list[float] = []
        inside = {n for n in (self.roles.mean, self.roles.held, self.roles.z, self.roles.std, self.roles.output) if n}
        used = lineage([self.loss])
        for term in [t for t in self.roles.terms if t.role == role]:
            for node in lineage([term.node], inside) | (heirs(term.node, used) & used):
                if node.op in {"mul", "div"} and len(node.operands) == 2 and (one := scaled(node)) is not None:
                    counted = node.op == "div" and any(isinstance(operand, int) for operand in node.operands)
                    if not self._is_size(one[1]) or (_is_tidy(one[1]) and not counted):
                        found.append(abs(one[1]))
        return [n for n in dict.fromkeys(found) if n > 0 and not _near(n, 1.0) and np.isfinite(n)]

    def _free_bits(self) -> float:
        """The number below which the KL of a latent is held, where there is one."""
        used = lineage([self.loss])
        terms = [t for t in self.roles.terms if t.role == "kl"]
        for term in terms:
            for node in lineage([term.node], {n for n in (self.roles.mean, self.roles.held) if n}) & used:
                if node.op in {"clamp", "amax", "maximum"} and len(node.numbers) == 1 and node.numbers[0] > 0:
                    return float(node.numbers[0])
        return 0.0


def fitted(gradient: Array, slope: Array, *, rows: bool = False, within: float | None = None) -> float | None:
    """The number a with gradient = a · slope, entry by entry, or None; with `rows` any number of its own for each row."""
    if gradient.size != slope.size or not np.isfinite(gradient).all():
        return None
    g, s = gradient.astype(np.float64), slope.astype(np.float64).reshape(gradient.shape)
    if rows and g.ndim > 1:
        g, s = g.reshape(-1, g.shape[-1]), s.reshape(-1, g.shape[-1])
        a = (g * s).sum(axis=1, keepdims=True) / np.maximum((s * s).sum(axis=1, keepdims=True), 1e-300)
    else:
        a = np.asarray((g * s).sum() / max((s * s).sum(), 1e-300))
    off = float(np.abs(g - a * s).max(initial=0))
    allowed = CLOSE * float(np.abs(g).max(initial=0)) if within is None else within
    return float(np.abs(a).mean() if rows else a) if off <= allowed and (s != 0).any() and (a != 0).any() else None


def _same(one: Array, other: Array) -> bool:
    with np.errstate(all="ignore"):
        size = float(np.abs(other).max(initial=0))
        return bool(one.size == other.size and (np.abs(one.reshape(other.shape) - other) <= CLOSE * (size or 1)).all())


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= CLOSE * abs(other)


def _kl_slope(kind: str, held: Array) -> Array:
    """d/d(held) of ½ (σ² − 1 − log σ²)."""
    with np.errstate(all="ignore"):
        if kind == "log_var":
            return 0.5 * np.expm1(held)
        if kind == "log_std":
            return np.expm1(2 * held)
        if kind == "var":
            return 0.5 * (1 - 1 / held)
        std = std_read_as(kind, held)
        return (std - 1 / std) * (1.0 if kind == "std" else sigmoid(held))


def _looks_like_probability(output: Node) -> bool:
    value = output.value()
    return bool(value.min() >= 0 and value.max() <= 1)


def _is_tidy(number: float) -> bool:
    """Whether two digits write it."""
    return _near(float(f"{number:.2g}"), number)
