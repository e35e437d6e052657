"""A watched step with its own prior exchanged for N(0, 1), and its other terms for none.

What is taken out of the loss is taken out of the gradients too, by the step's own backward pass. What is left
is a plain step, in which every mistake that the author made elsewhere still shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import d_std_read_as, std_read_as
from scratchvae.reference.frameworks import priors
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.forms import form_of_term, said_of_others
from scratchvae.reference.frameworks.ledger import Entry, Pull, ledger
from scratchvae.reference.frameworks.priors import Prior
from scratchvae.reference.frameworks.proportions import CLOSE, HALF_CLOSE, fitted
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import Gradients

ROUNDING = 4e-6  # of the largest of what was taken away: tens of roundoffs of float32
OF_LAYER = (
    "the constants in the terms of the second layer are not known: gradients are compared, and the loss's "
    "value is not"
)
HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class _Own:
    """What the loss holds besides what comes through z: the KL's weight, its prior, gradients."""

    b: float
    prior: Prior | None  # None: of no kind that is known here
    of_mean: Array
    of_held: Array
    estimated: bool
    c: float  # what log p(z) weighs, which is b but where other terms of z and q(z) come beside it


class Exchange:
    """One step's terms, and the plain steps that it comes to."""

    def __init__(self, step: Step, roles: Roles, loss: Node, gradients: Gradients, pull: Pull) -> None:
        self.step, self.roles, self.loss, self.pull = step, roles, loss, pull
        self.book = ledger(roles, loss, gradients, pull) if self._can_be() else None
        self.close = HALF_CLOSE if loss.half else CLOSE
        self.slope_of_z: Array | None = None
        self.rounding = [0.0, 0.0]  # of the gradients by mean and spread, from what was taken from them
        if self.book is not None and roles.z is not None and roles.held is not None:
            (found,) = gradients(roles.z, [roles.held])
            self.slope_of_z = found

    def _can_be(self) -> bool:
        roles, arrays = self.roles, self.step.raw
        if roles.z is None or roles.mean is None or roles.held is None or roles.log_w is not None:
            return False
        wanted = {"mean", "d_mean", "d_z", "noise", f"d_{self._kind()}"}
        one_draw = wanted <= set(arrays) and arrays["mean"].size == roles.mean.size
        return self._kind() is not None and one_draw

    def _kind(self) -> str | None:
        return next((n for n in ("log_var", "log_std", "std", "var", "raw_std") if n in self.step.raw), None)

    def steps(self) -> Iterator[Step]:
        """The step with its own terms exchanged; none where nothing is recognized."""
        book, arrays, kind = self.book, self.step.raw, self._kind()
        if book is None or kind is None or self.slope_of_z is None or arrays["mean"].size != arrays["z"].size:
            return
        m, h, z, dz = (
            arrays[n].reshape(len(arrays["mean"]), -1).astype(np.float64) for n in ("mean", kind, "z", "d_z")
        )
        others = book.of("other")
        J = self.slope_of_z.reshape(h.shape).astype(np.float64)
        total_m, total_h = (arrays[f"d_{n}"].reshape(h.shape).astype(np.float64) for n in ("mean", kind))
        extra_m, extra_h, extra_z = self._pulled(others, h.shape)
        of_mean, of_held = total_m - dz - (extra_m - extra_z), total_h - dz * J - (extra_h - extra_z * J)
        turned = np.reshape(book.turned, (-1, 1))
        large = [
            np.abs(a) + np.abs(c) + np.abs(d)
            for a, c, d in ((total_m, extra_m, extra_z), (total_h, extra_h, extra_z * J))
        ]
        self.rounding = [ROUNDING * float(a.max()) for a in large]
        own = self._recognized(m, h, kind, z, of_mean * turned, of_held * turned)
        if own is None:
            return
        capacity = book.capacity
        made = dict(arrays)
        made.pop("kl", None)
        std, slope = std_read_as(kind, h), d_std_read_as(kind, h)
        swap_m, swap_h, loss = self._swap(
            own, m, std, slope, z, float(np.sum(arrays["loss"])) - book.total("other")
        )
        beside = {
            "d_mean": np.abs(total_m) + np.abs(dz) + np.abs(extra_m) + np.abs(extra_z) + np.abs(swap_m),
            f"d_{kind}": np.abs(total_h)
            + np.abs(dz * J)
            + np.abs(extra_h)
            + np.abs(extra_z * J)
            + np.abs(swap_h),
            "loss": sum(float(np.abs(e.value).sum()) for e in book.entries),
        }
        made["d_mean"] = (dz + own.of_mean - swap_m).reshape(arrays["d_mean"].shape)
        made[f"d_{kind}"] = (dz * J + own.of_held - swap_h).reshape(arrays[f"d_{kind}"].shape)
        notes, unknown = self._said(own, others, capacity)
        real = arrays["loss"].dtype
        of_layer: list[float | None] = [None] if self.step.other_layer and others else []
        for value in [*loss, *of_layer] if not capacity else [None]:
            if value is None:
                made.pop("loss")
                notes = [*notes, *([OF_LAYER] if of_layer else [])]
            else:
                made["loss"] = np.asarray(value, real)
            made = {n: a.astype(arrays[n].dtype) if n in arrays else a for n, a in made.items()}
            read = self._read(dict(made), own.b, notes, unknown, beside)
            doubt = own.prior.doubt if own.prior is not None else ""
            yield replace(read, doubts={**read.doubts, "mean": doubt}) if doubt else read

    def _read(
        self,
        arrays: dict[str, Array],
        b: float,
        notes: list[str],
        unknown: list[str],
        beside: dict[str, Array | float],
    ) -> Step:
        """The plain step, and what was meant by it."""
        assert self.step.read_as is not None
        assert self.book is not None
        settings, chosen = self.step.read_as(arrays, b)
        settings = [{**row, "beside": beside} for row in settings if row.get("capacity") is None]
        taken = [(e.node, e.weight) for e in self.book.of("posterior", "prior", "other")]
        return replace(
            self.step, arrays=arrays, notes=[*notes, *chosen], unknown=unknown, settings=settings, taken=taken
        )

    def _pulled(self, entries: list[Entry], shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
        """What these terms add to the gradients by mean, spread and z."""
        if not entries:
            return np.zeros(shape), np.zeros(shape), np.zeros(shape)
        assert self.roles.mean is not None
        assert self.roles.held is not None
        assert self.roles.z is not None
        by = [self.roles.mean, self.roles.held, self.roles.z]
        a, b, c = (g.reshape(shape) for g in self.pull([(e.node, e.weight) for e in entries], by))
        return a, b, c

    def _recognized(
        self, m: Array, h: Array, kind: str, z: Array, of_mean: Array, of_held: Array
    ) -> _Own | None:
        """The KL in closed form or estimated from the draw, by its gradients at a fixed z."""
        assert self.book is not None
        assert self.roles.z is not None
        assert self.roles.mean is not None
        assert self.roles.held is not None
        std, slope = std_read_as(kind, h), d_std_read_as(kind, h)
        stops = {self.roles.mean, self.roles.held, self.roles.z}
        own = (of_mean, of_held)
        if self.book.of("prior"):
            u = (z - m) / std
            for pair in ((u / std, (u**2 - 1) / std), (np.zeros_like(u), -1 / std)):
                b = self._weight(own, (pair[0], pair[1] * slope))
                if b is None:
                    continue
                entries = self.book.of("prior")
                (gz,) = self.pull([(e.node, e.weight) for e in entries], [self.roles.z])
                prior = priors.of_estimate(
                    z,
                    -gz.reshape(z.shape) / b,
                    [e.node for e in entries],
                    stops,
                    self.close,
                    self.roles.z.shape,
                )
                c = fitted(gz, z, close=self.close) if prior is None and self.book.of("other") else None
                return _Own(
                    b, priors.standard(z) if c is not None else prior, *own, True, b if c is None else c
                )
            return None
        starts = [e.node for e in self.book.of("posterior")]  # a weight may hold the numbers of a prior
        whole = lineage([t.node for t in self.roles.terms if t.role == "kl"], stops)
        starts += [n for n in whole if n.size > 1 and not n.learned]
        for prior, (dm, dstd) in priors.of_divergence(m, std, starts, stops, self.roles.mean.shape):
            b = self._weight(own, (dm, dstd * slope))
            if b is not None:
                return _Own(b, prior, *own, False, b)
        fixed = priors.fixed_of_divergence(m, std, of_mean, of_held / slope, self.close)
        return None if fixed is None else _Own(*fixed, *own, False, fixed[0])

    def _weight(self, own: tuple[Array, Array], pair: tuple[Array, Array]) -> float | None:
        """b, where both gradients are b times the pair."""
        found, sizes = [], [float(np.abs(p).max()) or 1.0 for p in pair]
        for gradient, part, size, rounding in zip(own, pair, sizes, self.rounding, strict=True):
            found.append((gradient / size, part / size, rounding / size))
        g, p = (np.concatenate([one[i] for one in found]) for i in (0, 1))
        allowed = max(self.close * float(np.abs(g).max()), *(one[2] for one in found))
        return fitted(g, p, within=allowed) if np.abs(g).max() > 10 * allowed else None

    def _swap(
        self, own: _Own, m: Array, std: Array, slope: Array, z: Array, loss: float
    ) -> tuple[Array | float, Array | float, list[float]]:
        """What the exchange takes from the gradients by mean and spread, and what the loss may be then."""
        assert self.book is not None
        prior, b, plain = own.prior, own.b, priors.standard(z)
        if own.estimated:
            if prior is not None:
                return 0.0, 0.0, [loss + float((own.c * prior.log_prob - b * plain.log_prob).sum())]
            left = loss - self.book.total("prior") - b * float(plain.log_prob.sum())
            return 0.0, 0.0, [left, left - b * z.size * HALF_LOG_2PI]
        assert prior is not None
        assert prior.mean is not None
        assert prior.std is not None
        square = (m - prior.mean) ** 2 / prior.under_square
        theirs = 0.5 * (std**2 / prior.std**2 + square - 1) - np.log(std / prior.std)
        here = 0.5 * (m**2 + std**2 - 1) - np.log(std)
        swap_m = b * ((m - prior.mean) / prior.under_square - m)
        swap_h = b * (std / prior.std**2 - std) * slope
        return swap_m, swap_h, [loss - b * float((theirs - here).sum())]

    def _said(self, own: _Own, others: list[Entry], capacity: bool) -> tuple[list[str], list[str]]:
        assert self.book is not None
        notes = [n for n in self.step.notes if n not in self.step.chosen]
        unknown = [u for u in self.step.unknown if "a term of the loss" not in u]
        if own.estimated:
            notes.append("the KL is estimated from the draw of z: right, if less exact")
        if own.prior is not None and own.prior.said:
            notes.append(own.prior.said)
        if own.prior is None:
            where = ", ".join(dict.fromkeys(e.node.place for e in self.book.of("prior") if e.node.place))
            ends = {n for n in (self.roles.z, self.roles.output) if n is not None}
            made = lineage([e.node for e in self.book.of("prior")], ends)
            form = form_of_term(made, len(self.step.raw["mean"]))
            unknown.append(
                f"the prior: what the loss makes of z alone ({where}) is no density that is known here"
                f"{f', and it holds {form}' if form else ''}; taken as it is"
            )
        if capacity:
            notes.append(
                "the KL is held near a capacity C by |KL − C|: "
                "gradients are compared, and the loss's value is not"
            )
        if others:
            said = said_of_others([e.node for e in others], self.roles, len(self.step.raw["mean"]))
            unknown.append(f"{said}: it is taken as it is, not checked")
        return notes, unknown
