"""A diagnosis made longer by what twins of somebody's layers make of the same weights, batch and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import CATALOGUE, Finding, Mistake, Report
from scratchvae.reference.diagnosis.divergence import one_sample, one_sample_of_noise, one_sample_sticking
from scratchvae.reference.diagnosis.examination import UNKNOWN, Examination
from scratchvae.reference.diagnosis.report import AGREES, DEPARTS, FOLLOWS, Line
from scratchvae.reference.diagnosis.right import RIGHT, Pieces

CLOSE = {"float32": 1e-5, "float64": 1e-10}  # of the largest entry
HALF_CLOSE = 5e-2  # in half precision of the root mean square: there a ReLU near its kink may fall on the other side
ESTIMATES = (one_sample, one_sample_of_noise, one_sample_sticking)
REHEARSED = ("sampling", "kl_detached")  # pieces and names that gradients, or a loss alone, are recognized by


@dataclass(frozen=True)
class Observed:
    """Of their step: values and parameters' gradients by name (None: no gradient reached it), the loss, the dtype's name."""

    values: Mapping[str, Array]
    gradients: Mapping[str, Array | None]
    loss: Array
    dtype: str

    @property
    def close(self) -> float:
        """How far from a twin in float64 they may be, beside the largest entry."""
        return CLOSE.get(self.dtype, HALF_CLOSE)

    def apart(self, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[str, float]:
        """By name, gradients as d_name, how far from a twin's; infinite where no gradient reached the parameter."""
        size = _largest if self.dtype in CLOSE else _root_mean_square
        found = {name: _apart(self.values[name], name, values, size) for name in values if name in self.values}
        return found | {f"d_{name}": _apart(self.gradients[name], name, gradients, size) for name in gradients}


Twin = Callable[[Pieces], tuple[dict[str, Array], dict[str, Array]] | None]  # values, the gradients of the parameters by name


def compared(examination: Examination, report: Report, observed: Observed, twin: Twin, hint: str = "") -> Report:
    """The report with a line for each value and each parameter's gradient by the twin, and what they alone show.

    Where nothing explains a departure, the twin rehearses the mistakes that need a decoder to be seen: those of sampling, and a
    detached KL. `hint` is added where that finds nothing either.
    """
    fair, reference = _fair(examination, observed, twin)
    mistaken = twin(examination.pieces) if examination.findings else None
    values, gradients = reference
    apart, follows = observed.apart(values, gradients), observed.apart(*mistaken) if mistaken else {}
    blamed = " or ".join(examination.blamed)
    departing = [name for name, by in apart.items() if by > observed.close]
    unexplained = [name for name in departing if not (blamed and follows.get(name, np.inf) <= observed.close)]
    findings = report.findings
    alone = findings[0] if findings and not findings[0].causes and findings[0].explanation == UNKNOWN else None
    if (unexplained and not findings) or alone:
        first = alone.quantity if alone else _label(unexplained[0], values)
        found = _rehearsed(fair, observed, twin)
        if found:
            causes = tuple(dict.fromkeys(m.name for m in found))
            findings, blamed, unexplained = (Finding(first, causes, "; or ".join(dict.fromkeys(m.fix for m in found))),), "", []
        else:
            said = _unexplained(unexplained, values) if not alone else UNKNOWN + hint
            findings = (Finding(first, (), said), *findings[1:])
    lines = []
    for name, by in apart.items():
        theirs = observed.values[name] if name in values else observed.gradients[name.removeprefix("d_")]
        reference_of = values[name] if name in values else gradients[name.removeprefix("d_")]
        if name not in departing:
            verdict = AGREES
        elif name in unexplained:
            verdict = f"{DEPARTS}: no gradient reached it" if theirs is None else f"{DEPARTS}, by {by:.2g} of its size"
        else:
            verdict = f"{FOLLOWS} {blamed or ' or '.join(findings[0].causes)}"
        shown = np.zeros(0) if theirs is None else theirs.reshape(reference_of.shape)
        lines.append(Line(_label(name, values), verdict, shown, reference_of))
    unknown = sorted(name for name, found in observed.gradients.items() if name not in gradients and found is not None)
    notes = (*report.notes, *([f"not named, so not compared: {', '.join(unknown)}"] if unknown else []))
    if alone and not unexplained and findings[0].causes:
        named, found_in = f"{DEPARTS}: {' or '.join(findings[0].causes)}", alone.quantity
        before = [replace(line, verdict=named) if line.quantity == found_in else line for line in report.lines]
    else:
        before = list(report.lines)
    settled = [line for line in before if not (line.quantity == "d_z" and "d_z" in apart)]  # the layers' line says it
    return Report((*settled, *lines), findings, notes)


def _label(name: str, values: Mapping[str, Array]) -> str:
    return f"{name} by the layers" if name in values else name


def _fair(
    examination: Examination, observed: Observed, twin: Twin
) -> tuple[Pieces, tuple[dict[str, Array], dict[str, Array]]]:
    """The right pieces, and what the twin makes of them; of estimates of the KL, which gradients tell apart, the nearest."""
    forms = [examination.fair]
    if examination.fair["divergence"] in ESTIMATES:
        forms += [{**examination.fair, "divergence": estimate} for estimate in ESTIMATES]
    made = [(pieces, found) for pieces in forms if (found := twin(pieces)) is not None] or [(RIGHT, twin(RIGHT) or ({}, {}))]
    return min(made, key=lambda one: sum(by > observed.close for by in observed.apart(*one[1]).values()))


def _rehearsed(fair: Pieces, observed: Observed, twin: Twin) -> list[Mistake]:
    """The mistakes under which the twin's values, loss and gradients are theirs."""
    found = []
    for mistake in CATALOGUE:
        made = twin({**fair, mistake.piece: mistake.computes}) if {mistake.piece, mistake.name} & set(REHEARSED) else None
        if made is None:
            continue
        values, gradients = made
        loss = abs(float(observed.loss) - float(values["loss"])) / (abs(float(values["loss"])) or 1)
        if all(by <= observed.close for by in (loss, *observed.apart(values, gradients).values())):
            found.append(mistake)
    return found


def _unexplained(departing: list[str], values: Mapping[str, Array]) -> str:
    """Of values: the description may be wrong. Of gradients alone, it is not."""
    if any(name in values and not name.startswith("d_") for name in departing):
        return "encoder, heads and decoder should name all that happens in order; if they do, the cause is unknown"
    return "every value agrees, so the layers are named as they are; gradients are stopped or changed on the way, or added to"


def _apart(found: Array | None, name: str, wanted: Mapping[str, Array], size: Callable[[Array], float]) -> float:
    """The size of the difference, over the largest size of what is like it.

    A bias before a batch norm has gradient 0 alone: of a child's tensors the largest counts, and of the values going forward.
    """
    if found is None or found.size != wanted[name].size:
        return float("inf")
    alike = [other for other in wanted if _kin(other) == _kin(name)]
    return size(found.reshape(wanted[name].shape) - wanted[name]) / (max(size(wanted[other]) for other in alike) or 1)


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0))


def _root_mean_square(array: Array) -> float:
    return float(np.sqrt(np.mean(array**2)))


def _kin(name: str) -> str:
    return name if name in {"d_z", "loss"} else name.rpartition(".")[0]
