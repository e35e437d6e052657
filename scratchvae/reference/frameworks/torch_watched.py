"""One step that was watched, judged: which readings its arithmetic allows, and the report of the one that explains most.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import Line, Outcome, Report, Verdict, examine, read
from scratchvae.reference.frameworks.exchanged import Exchange
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.quantities import Step, as_step
from scratchvae.reference.frameworks.roles import find_roles
from scratchvae.reference.frameworks.torch_flow import Watch, as_array
from scratchvae.reference.frameworks.verdicts import rank, unaccusing

CLOSE = 1e-4  # of the largest entry of a parameter's gradient: two backward passes in float32 are far nearer


class Watched:
    """The graph behind one loss, and gradients of it, which are computed when they are asked for first."""

    def __init__(self, watch: Watch, tensor: Any) -> None:
        self.watch, self.tensor = watch, tensor
        self.loss = watch.node(tensor)
        self.roles = find_roles(self.loss, watch.x)
        self._kept: dict[tuple[Node, Node], Array | None] = {}
        self._steps: dict[str, Step] = {}
        self._parameters: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def step(self, settings: Mapping[str, Any]) -> Step:
        """The step as it is read under these settings."""
        key = repr(sorted(settings.items()))
        if key not in self._steps:
            meant = {name: value for name, value in settings.items() if name != "scale"}
            training = self.watch.module is None or bool(self.watch.module.training)
            step = as_step(self.roles, self.loss, self.gradients, scale=settings.get("scale"), training=training, settings=meant)
            self._steps[key] = step
        return self._steps[key]

    def gradients(self, of: Node, by: Sequence[Node]) -> list[Array | None]:
        """d(sum of a node) by others; None where none flows, and zeros where it could."""
        import torch

        asked = [node for node in dict.fromkeys(by) if (of, node) not in self._kept]
        handles = {node: [h for h in (node.handle, *node.twins) if h is not None and h.requires_grad] for node in asked}
        wanted = [h for found in handles.values() for h in found]
        got: list[Any] = []
        if wanted and of.handle.requires_grad:
            with torch.random.fork_rng(devices=[]):
                got = list(torch.autograd.grad(of.handle.sum(), wanted, retain_graph=True, allow_unused=True))
        for node in asked:
            parts = [got.pop(0) for _ in handles[node]] if got else []
            arrived = [as_array(p) for p in parts if p is not None]
            zero = np.zeros(node.shape, node.value().dtype) if handles[node] else None
            self._kept[of, node] = sum(arrived[1:], arrived[0]) if arrived else zero
        return [self._kept[of, node] for node in by]

    def pull(self, seeds: Sequence[tuple[Node, Array]], by: Sequence[Node]) -> list[Array]:
        """Σ ⟨seed, d(node)/d(other)⟩ for each of the others; 0 where no gradient flows."""
        import torch

        out = [(node.handle, torch.as_tensor(np.array(seed)).to(node.handle)) for node, seed in seeds]
        out = [(handle, seed.reshape(handle.shape)) for handle, seed in out if handle.requires_grad]
        found = []
        for node in by:
            handles = [h for h in (node.handle, *node.twins) if h is not None and h.requires_grad]
            got = _gradients([h for h, _ in out], handles, [s for _, s in out])
            found.append(sum((as_array(g).astype(np.float64) for g in got if g is not None), np.zeros(node.shape)))
        return found

    def report(self, **settings: Any) -> Report:
        """Of the readings that the step allows, the report of the one that explains most.

        Where the step is none that diagnose knows, it is read once more with its own prior and its other terms exchanged.
        """
        step = self.step(settings)
        report, order = self._judged(step)
        if not step.settings:
            return report
        if report.findings or report.of(Outcome.UNPROVEN) or step.unknown:
            for other in Exchange(step, self.roles, self.loss, self.gradients, self.pull).steps():
                second, rank_of = self._judged(other)
                plain = second.ok and not second.of(Outcome.UNPROVEN)
                if (plain, *(not r for r in rank_of)) > (False, *(not r for r in order)):
                    step, report, order = other, second, rank_of
                if plain:
                    break
        report = _with_places(report, step)
        return report if report.findings else self._of_parameters(report, step)

    def _judged(self, step: Step) -> tuple[Report, tuple[bool, bool, int]]:
        """The report of the reading that explains most, and its rank."""
        best: Report | None = None
        for meant in step.settings:
            report = examine(read(step.arrays, names={}, **meant)).report
            if best is None or rank(report) < rank(best):
                best = report
            if report.ok and not report.of(Outcome.UNPROVEN):
                break
        notes = tuple(step.notes)
        if best is None:
            empty = Report((), (), notes, tuple(f"not found: {what}" for what in step.unknown or ["a step of a VAE"]))
            return empty, (True, True, 0)
        return unaccusing(replace(best, notes=(*notes, *best.notes)), step.unknown), rank(best)

    def _of_parameters(self, report: Report, step: Step) -> Report:
        """The report, and of each parameter's gradient whether it is what the user's own code makes of those at the ends.

        The ends are mean, spread and output, whose gradients were compared with the reference: layers of any kind between them
        are the user's own, and so is their backward pass. What differs has reached the parameter by another way.
        """
        key = f"{sorted(step.ends)} {len(step.taken)}"
        if key not in self._parameters:
            self._parameters[key] = self._through(step)
        found, through = self._parameters[key]
        size = max((float(g.abs().max()) for g in found.values() if g is not None and g.numel()), default=0.0)
        lines, idle = [], []
        for name, one in found.items():
            other = through[name]
            if one is None:
                idle.append(name)
                continue
            apart = one if other is None else one - other
            close = float(apart.abs().max()) <= CLOSE * float(one.abs().max()) + 0.01 * CLOSE * size
            why = ": a gradient reaches it otherwise than by mean, spread and output"
            verdict = Verdict(Outcome.AGREES) if close else Verdict(Outcome.UNPROVEN, why=why)
            reference = None if other is None else as_array(other)
            lines.append(Line(f"d_{name}", verdict, as_array(one), reference))
        used = {node.handle for node in lineage([self.loss]) if node.kind == "parameter"}
        cut = [name for name in idle if self.watch.learned[name] in used]
        blind = [f"no gradient reaches {', '.join(cut)}, of which the loss is made: detached, or under no_grad"] if cut else []
        idle = [name for name in idle if name not in cut]
        notes = [f"no gradient reaches {', '.join(idle)}: it was not used"] if idle else []
        return replace(
            report,
            lines=(*(line for line in report.lines if line.quantity != "d_z" or not lines), *lines),  # d_z is in theirs
            notes=(*report.notes, *notes),
            blind=(*report.blind, *blind),
        )

    def _with_other_ways(self, through: list[Any], step: Step, parameters: list[Any], ends: list[Any]) -> list[Any]:
        """Besides what comes by mean and spread: what the prior's parameters get, and what terms give that were taken out."""
        import torch

        out = [
            (n.handle, torch.as_tensor(np.array(w)).to(n.handle).reshape(n.shape))
            for n, w in step.taken
            if n.handle.requires_grad
        ]
        nodes, seeds = [h for h, _ in out], [s for _, s in out]
        whole, at_ends = (_gradients(nodes, by, seeds) for by in (parameters, ends))
        arrived = [(h, g) for h, g in zip(ends, at_ends, strict=True) if g is not None]
        known = _gradients([h for h, _ in arrived], parameters, [g for _, g in arrived])
        parts = [[t, w, None if k is None else -k] for t, w, k in zip(through, whole, known, strict=True)]
        sums = [[g for g in three if g is not None] for three in parts]
        return [sum(some[1:], some[0]) if some else None for some in sums]

    def _through(self, step: Step) -> tuple[dict[str, Any], dict[str, Any]]:
        """Gradients of the parameters: the step's own, and those that its own code makes of the gradients at the ends."""

        held = {name: p for name, p in self.watch.learned.items() if p.requires_grad}
        tensors = {name: [h for h in (node.handle, *node.twins) if h.requires_grad] for name, node in step.ends.items()}
        out = [h for name in ("logits", "x_mean", "output") for h in tensors.get(name, [])]
        if not held or not out:
            return {}, {}

        gradients = _gradients
        found = gradients([self.tensor], list(held.values()), None)
        ends = [h for name, handles in tensors.items() for h in handles if name != "z"]
        arrived = [(h, g) for h, g in zip(ends, gradients([self.tensor], ends, None), strict=True) if g is not None]
        d_out = [(h, g) for h, g in arrived if any(h is o for o in out)]
        if not d_out:
            return {}, {}
        z = tensors.get("z", [])
        if z:  # what reaches z from the output is in the gradients of mean and spread already
            d_z = gradients([h for h, _ in d_out], z, [g for _, g in d_out])
            arrived += [(h, -g) for h, g in zip(z, d_z, strict=True) if g is not None]
        through = gradients([h for h, _ in arrived], list(held.values()), [g for _, g in arrived])
        if step.taken:
            through = self._with_other_ways(through, step, list(held.values()), [h for h in ends if not any(h is o for o in out)])
        return dict(zip(held, found, strict=True)), dict(zip(held, through, strict=True))


def _gradients(of: list[Any], by: list[Any], seeds: list[Any] | None) -> list[Any]:
    import torch

    if not of or not by:
        return [None] * len(by)
    return list(torch.autograd.grad(of, by, seeds, retain_graph=True, allow_unused=True))


def _with_places(report: Report, step: Step) -> Report:
    """Each finding with the line of code that made its quantity."""
    findings = []
    for finding in report.findings:
        place = step.places.get(finding.quantity.removeprefix("d_")) or step.places.get(finding.quantity)
        findings.append(replace(finding, explanation=f"{finding.explanation} ({place})") if place else finding)
    return replace(report, findings=tuple(findings))
