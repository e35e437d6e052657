"""One watched step judged: which readings its arithmetic allows, and the report of the best."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import (
    SCALES,
    Given,
    Line,
    Outcome,
    Pieces,
    Report,
    Verdict,
    examine,
    read,
)
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.kl_at_z import kl_at_z
from scratchvae.reference.frameworks.own_latents import judged
from scratchvae.reference.frameworks.quantized import quantized
from scratchvae.reference.frameworks.relaxed import relaxed
from scratchvae.reference.frameworks.role_finding import find_roles, roles_beyond
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import POSITIVE
from scratchvae.reference.frameworks.step_reading import as_step
from scratchvae.reference.frameworks.verdicts import rank, unaccusing

CLOSE = 1e-4  # of the largest entry of a parameter's gradient: two backward passes in float32 are far nearer


class _Judged(NamedTuple):
    """The report of a reading, its rank, and the step as it was read, where it is one."""

    report: Report
    order: tuple[bool, bool, int]
    given: Given | None = None
    fair: Pieces | None = None


class Watched(ABC):
    """The graph behind one loss, judged alike for every framework, which adds how gradients are computed."""

    def __init__(self, loss: Node, x: Node | None, *, training: bool) -> None:
        self.loss, self.x, self.training = loss, x, training
        self.roles = find_roles(loss, x)
        self._steps: dict[str, Step] = {}
        self._parameters: dict[str, tuple[dict[str, Array | None], dict[str, Array | None]]] = {}

    @abstractmethod
    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others; None where none flows, and zeros where it could."""

    @abstractmethod
    def pull(self, seeds: Sequence[tuple[Node, Array]], by: Sequence[Node]) -> list[Array]:
        """Σ ⟨g, ∂n/∂b⟩ over the nodes n and their seeds g, for each b of `by`; 0 where no gradient flows."""

    @abstractmethod
    def of_parameters(self, step: Step) -> tuple[dict[str, Array | None], dict[str, Array | None]]:
        """Gradients of the parameters: the step's own, and those made of the gradients at the ends."""

    def step(self, settings: Mapping[str, Any]) -> Step:
        """The step as it is read under these settings."""
        key = repr(sorted(settings.items()))
        if key not in self._steps:
            meant = {name: value for name, value in settings.items() if name != "scale"}
            given = self.roles, self.loss, self.gradients
            self._steps[key] = as_step(
                *given, settings=meant, scale=settings.get("scale"), training=self.training
            )
        return self._steps[key]

    @kernels.using("textbook")  # what runs once is not compiled
    def report(self, **settings: Any) -> Report:
        """Of the readings that the step allows, the report of the one that explains most.

        Where the step is none that diagnose knows, it is read once more with its own prior and its other
        terms exchanged.
        """
        of_codes = self._of_own_latents(settings)
        if of_codes is not None:
            return of_codes[0] if of_codes[0].findings else self._with_parameters(*of_codes)
        step = self.step(settings)
        report, order, given, fair = self._judged(step)
        if not step.settings:
            return report
        if report.findings or report.of(Outcome.UNPROVEN) or step.unknown:
            own, recognized = step, False
            for other in self.exchanged(own):
                recognized = True
                second, rank_of, *_ = self._judged(other)
                plain = second.ok and not second.of(Outcome.UNPROVEN)
                if (plain, *(not r for r in rank_of)) > (False, *(not r for r in order)):
                    step, report, order = other, second, rank_of
                if plain:
                    break
            if not recognized and order[1] and "scale" not in settings:
                step, report = self._read_by_the_kl(own, settings) or (step, report)
        report = _with_places(report, step)
        at_z = None
        if report.ok and given is not None and fair is not None:
            at_z = kl_at_z(step, self.loss, given, fair, self.gradients, self.pull)
        left = [
            one for one in report.lines if not (one.quantity == "d_z" and one.found.outcome is Outcome.TAKEN)
        ]
        left += [] if at_z is None else [at_z]
        report = replace(report, lines=tuple(left))  # d_z is that of the step's own decoder
        return report if report.findings else self._with_parameters(report, step)

    def _of_own_latents(self, settings: Mapping[str, Any]) -> tuple[Report, Step] | None:
        """The report of a step whose latents are codes or relaxed categorical draws; None of any other."""
        used = sorted(lineage([self.loss]), key=lambda n: n.index)
        codes = quantized(used, self.gradients, self.loss) or relaxed(
            used, self.gradients, self.pull, self.loss
        )
        if codes is None:
            return None
        roles = roles_beyond(self.loss, codes.z, codes.encoded, self.x)
        return judged(codes, roles, self.loss, self.gradients, settings)

    def _read_by_the_kl(self, step: Step, settings: Mapping[str, Any]) -> tuple[Step, Report] | None:
        """The step and its report, where the KL to an own prior reads the spread as the sampling does not."""
        for kind in SCALES:
            if kind in step.arrays or (kind in POSITIVE and self._spread_is_negative()):
                continue
            for other in self.exchanged(self.step({**settings, "scale": kind})):
                report, order, *_ = self._judged(other)
                if report.first == "z" and not order[1]:
                    note = (
                        f"the KL reads the spread as {kind}, the sampling otherwise: "
                        f"{kind} is taken as what you meant"
                    )
                    return other, replace(report, notes=(note, *report.notes))
        return None

    def _spread_is_negative(self) -> bool:
        held = self.roles.held
        return held is not None and bool(held.value().min(initial=0) < 0)

    def _judged(self, step: Step) -> _Judged:
        """What comes of the reading that explains most."""
        best: _Judged | None = None
        for meant in step.settings:
            try:
                given = read(step.arrays, names={}, **meant)
            except InputError as error:  # shapes that no plain step has
                _say(step, f"how its arrays belong together ({error})")
                continue
            examined = examine(given)
            report = examined.report
            if best is None or rank(report) < best.order:
                best = _Judged(report, rank(report), given, examined.fair)
            if report.ok and not report.of(Outcome.UNPROVEN):
                break
        notes = tuple(step.notes)
        if best is None:
            empty = Report(
                (), (), notes, tuple(f"not found: {what}" for what in step.unknown or ["a step of a VAE"])
            )
            return _Judged(empty, (True, True, 0))
        report = replace(best.report, notes=(*notes, *best.report.notes))
        report = unaccusing(report, step.unknown, step.declared)
        doubted = [
            Line(q, Verdict(Outcome.UNPROVEN, why=f": {why}"), step.arrays[q])
            for q, why in step.doubts.items()
        ]
        return best._replace(report=replace(report, lines=(*report.lines, *doubted)))

    @abstractmethod
    def exchanged(self, step: Step) -> Iterator[Step]:
        """The step with its own prior and terms exchanged; none where gradients can't be taken so."""

    def _with_parameters(self, report: Report, step: Step) -> Report:
        """The report, and whether each parameter's gradient is made of those at the ends.

        The ends are mean, spread and output, whose gradients were compared with the reference: layers of any
        kind between them are the user's own, and so is their backward pass. What differs has reached the
        parameter by another way.
        """
        key = f"{sorted(step.ends)} {len(step.taken)}"
        if key not in self._parameters:
            self._parameters[key] = self.of_parameters(step)
        found, through = self._parameters[key]
        size = max((float(np.abs(g).max()) for g in found.values() if g is not None and g.size), default=0.0)
        lines, idle = [], []
        for name, one in found.items():
            other = through[name]
            if one is None:
                idle.append(name)
                continue
            apart = one if other is None else one - other
            close = (
                float(np.abs(apart).max(initial=0))
                <= CLOSE * float(np.abs(one).max(initial=0)) + 0.01 * CLOSE * size
            )
            why = (
                ": a gradient reaches it otherwise than by mean, spread and output: look for what else of "
                "the loss it enters, such as a penalty, a prior of its own or a second layer of latents, "
                "which may be right"
            )
            verdict = Verdict(Outcome.AGREES) if close else Verdict(Outcome.UNPROVEN, why=why)
            if not close and step.other_layer:
                why = f": a gradient reaches it through the second layer of latents ({step.other_layer}) too"
                verdict = Verdict(Outcome.UNCHECKED, why=why)
            lines.append(Line(f"d_{name}", verdict, one, other))
        used = {name for node in lineage([self.loss]) if node.kind == "parameter" for name in node.names}
        cut = [name for name in idle if name in used]
        blind = (
            [f"no gradient reaches {', '.join(cut)}, of which the loss is made: detached, or under no_grad"]
            if cut
            else []
        )
        idle = [name for name in idle if name not in cut]
        notes = [f"no gradient reaches {', '.join(idle)}: it was not used"] if idle else []
        return replace(
            report,
            # d_z is in theirs
            lines=(*(one for one in report.lines if not lines or _is_of_its_own(one)), *lines),
            notes=(*report.notes, *notes),
            blind=(*report.blind, *blind),
        )


def _is_of_its_own(line: Line) -> bool:
    """Whether the gradients of the parameters do not say the same."""
    return line.quantity != "d_z" or line.found.outcome is Outcome.UNPROVEN


def _with_places(report: Report, step: Step) -> Report:
    """Each finding with the line of code that made its quantity."""
    findings = []
    for finding in report.findings:
        place = step.places.get(finding.quantity.removeprefix("d_")) or step.places.get(finding.quantity)
        findings.append(
            replace(finding, explanation=f"{finding.explanation} ({place})") if place else finding
        )
    return replace(report, findings=tuple(findings))


def _say(step: Step, what: str) -> None:
    """Enter among what was not found, once."""
    if what not in step.unknown:
        step.unknown.append(what)
