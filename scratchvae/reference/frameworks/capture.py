"""`with capture(model) as seen: loss = step(...)`: a PyTorch step diagnosed by watching it, without the names of its layers.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import Line, Outcome, Report, Verdict, examine, read
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.meant import Step, as_step, candidates
from scratchvae.reference.frameworks.roles import find_roles
from scratchvae.reference.frameworks.torch_flow import Watch


@contextmanager
def capture(model: Any = None) -> Iterator[Captured]:
    """Watch the PyTorch code of one training step; afterwards `seen.report()` says what was found.

    ```
    with capture(model) as seen:
        loss = step(model, x)
    print(seen.report(loss))
    ```
    The code runs as it would without. It may call `loss.backward()` and its optimizer's step. What it computed is kept until
    `seen` is forgotten. Mean, spread, noise, z, the decoder's output and the parts of the loss are found from what was done with
    each array; `seen.arrays` holds them by diagnose's names, and `seen.unknown` says in words what was not found.
    """
    seen = Captured(model)
    with seen.watch.mode():
        yield seen


class Captured:
    """A step that was watched: its arrays by the names of diagnose, what was not found, and the report."""

    def __init__(self, model: Any = None) -> None:
        self.watch = Watch(model)
        self.watch.ended = self._before_backward
        self._looked: _Look | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """What was found of the step whose report was asked for last, or whose backward pass was seen."""
        return {} if self._looked is None else self._looked.step({}).arrays

    @property
    def unknown(self) -> tuple[str, ...]:
        """What was not found, in plain words."""
        return () if self._looked is None else tuple(self._looked.step({}).unknown)

    def report(self, loss: Any = None, **settings: Any) -> Report:
        """The diagnosis; `loss` is what the step gave, if it made no backward pass itself.

        `settings` are those of diagnose, and `scale`, how the encoder's spread is read: each is taken from the step where it is
        not said. InputError where there is no loss.
        """
        if self._looked is None or loss is not None:
            tensor = loss_of(loss)
            if self._looked is None or tensor is not self._looked.tensor:
                self._looked = _Look(self.watch, tensor)
        return self._looked.report(**settings)

    def _before_backward(self, loss: Any) -> None:
        self._looked = _Look(self.watch, loss)
        self._looked.step({})


def loss_of(returned: Any) -> Any:
    """The loss among what a step returned: itself, or the first of a tuple, or "loss" of a mapping."""
    import torch

    found = returned
    if isinstance(returned, Mapping):
        found = next((returned[k] for k in ("loss", "total_loss", "objective", "nelbo", "neg_elbo") if k in returned), None)
    elif isinstance(returned, list | tuple):
        found = next((r for r in returned if torch.is_tensor(r) and r.numel() == 1 and r.requires_grad), None)
    elif hasattr(returned, "loss"):
        found = returned.loss
    if not torch.is_tensor(found) or found.numel() != 1 or not found.requires_grad:
        kind = f"shape {tuple(found.shape)}" if torch.is_tensor(found) else f"a {type(returned).__name__}"
        raise InputError(
            "capture: the step should give its loss, one number that gradients flow from, by itself, first in a tuple or as "
            f"'loss' of a dict, found {kind}"
        )
    return found


class _Look:
    """The graph behind one loss, and gradients of it, which are computed when they are asked for first."""

    def __init__(self, watch: Watch, tensor: Any) -> None:
        self.watch, self.tensor = watch, tensor
        self.loss = watch.node(tensor)
        self.roles = find_roles(self.loss)
        self._kept: dict[tuple[Node, Node], Array | None] = {}
        self._steps: dict[str, Step] = {}

    def step(self, settings: Mapping[str, Any]) -> Step:
        """The step as it is read under these settings."""
        key = repr(sorted(settings.items()))
        if key not in self._steps:
            meant = {name: value for name, value in settings.items() if name != "scale"}
            self._steps[key] = as_step(self.roles, self.loss, self.gradients, scale=settings.get("scale"), settings=meant)
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
            arrived = [_array(p) for p in parts if p is not None]
            zero = np.zeros(node.shape, node.value().dtype) if handles[node] else None
            self._kept[of, node] = sum(arrived[1:], arrived[0]) if arrived else zero
        return [self._kept[of, node] for node in by]

    def report(self, **settings: Any) -> Report:
        """Of the readings that the step allows, the report of the one that explains most."""
        step = self.step(settings)
        best: Report | None = None
        for arrays, meant in candidates(step):
            report = examine(read(arrays, names={}, **meant)).report
            if best is None or _rank(report) < _rank(best):
                best = report
            if report.ok and not report.of(Outcome.UNPROVEN):
                break
        notes = tuple(step.notes)
        if best is None:
            return Report((), (), notes, tuple(f"not found: {what}" for what in step.unknown or ["a step of a VAE"]))
        return _with_places(_unaccusing(replace(best, notes=(*notes, *best.notes)), step), step)


def _rank(report: Report) -> tuple[bool, bool, int]:
    """Right before named before described before unknown."""
    first = report.findings[0] if report.findings else None
    return first is not None and not first.said, first is not None and not first.causes, len(report.findings)


def _unaccusing(report: Report, step: Step) -> Report:
    """What departs for no known reason may be right in a model of another kind: nothing was declared, so nothing is accused."""
    named = bool(report.findings) and bool(report.findings[0].causes)
    known = [f for f in report.findings if f.causes] if named else []
    said = {f.quantity: f.what if f.said else "for no reason that is known here" for f in report.findings}
    lines = []
    for line in report.lines:
        if line.found.outcome is Outcome.DEPARTS and line.quantity not in {f.quantity for f in known}:
            why = f": it is not what a plain VAE has, {said.get(line.quantity, 'for no reason that is known here')}"
            line = replace(line, found=Verdict(Outcome.UNPROVEN, why=why))
        lines.append(line)
    blind = (*report.blind, *(f"not found: {what}" for what in step.unknown))
    return replace(report, lines=tuple(lines), findings=tuple(known), blind=blind)


def _with_places(report: Report, step: Step) -> Report:
    """Each finding with the line of code that made its quantity."""
    findings = []
    for finding in report.findings:
        place = step.places.get(finding.quantity.removeprefix("d_")) or step.places.get(finding.quantity)
        findings.append(replace(finding, explanation=f"{finding.explanation} ({place})") if place else finding)
    return replace(report, findings=tuple(findings))


def _array(tensor: Any) -> Array:
    held = tensor.detach().cpu()
    return np.asarray(held.float() if held.is_floating_point() and held.itemsize == 2 else held)


__all__ = ["Callable", "Captured", "Line", "capture", "dataclass", "lineage"]
