"""A diagnosis made longer by what twins of somebody's layers make of the same weights, batch and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import (
    CATALOGUE,
    ESTIMATES,
    KL_DETACHED,
    RIGHT,
    Examination,
    Finding,
    Line,
    Outcome,
    Pieces,
    Place,
    Reading,
    Report,
    Verdict,
)

CLOSE = {"float32": 1e-5, "float64": 1e-10}  # of the largest entry
# in half precision of the root mean square: there a ReLU near its kink may fall on the other side
HALF_CLOSE = 5e-2
# what needs a decoder to be seen
REHEARSED = [m for m in CATALOGUE if m.place is Place.SAMPLING or m is KL_DETACHED]


@dataclass(frozen=True)
class Seen:
    """One thing that a twin computes too: a value of the step by name, or the gradient of the parameter of
    that name.
    """

    name: str
    of_parameter: bool = False

    def __str__(self) -> str:
        return f"d_{self.name}" if self.of_parameter else f"{self.name} by the layers"

    @property
    def forward(self) -> bool:
        """Whether it is a value of the forward pass."""
        return not self.of_parameter and self.name != "d_z"


@dataclass(frozen=True)
class Observed:
    """Of their step: values and parameters' gradients by name (None: no gradient reached it), the loss, the
    dtype's name.
    """

    values: Mapping[str, Array]
    gradients: Mapping[str, Array | None]
    loss: Array
    dtype: str
    # their step once more in float64, if it can be run so
    in_double: Callable[[], Observed | None] | None = None

    @property
    def close(self) -> float:
        """How far from a twin in float64 they may be, beside the largest entry."""
        return CLOSE.get(self.dtype, HALF_CLOSE)

    def apart(self, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[Seen, float]:
        """How far each is from a twin's; infinite where no gradient reached the parameter."""
        size = _largest if self.dtype in CLOSE else _root_mean_square
        found = {
            Seen(name): _apart(self.values[name], name, values, size)
            for name in values
            if name in self.values
        }
        return found | {
            Seen(name, True): _apart(self.gradients[name], name, gradients, size) for name in gradients
        }


# values, the gradients of the parameters by name
Twin = Callable[[Pieces], tuple[dict[str, Array], dict[str, Array]] | None]


def compared(
    examination: Examination, report: Report, observed: Observed, twin: Twin, hint: str = ""
) -> Report:
    """The report with a line for each value and each parameter's gradient by the twin, and what they alone
    show.

    Where nothing explains a departure, the twin rehearses the mistakes that need a decoder to be seen: those
    of sampling, and a detached KL. `hint` is added where that finds nothing either.
    """
    fair, reference = _fair(examination, observed, twin)
    mistaken = twin(examination.pieces) if examination.report.findings else None
    values, gradients = reference
    apart, follows = observed.apart(values, gradients), observed.apart(*mistaken) if mistaken else {}
    notes = list(report.notes)
    differs = not report.findings and any(by > observed.close for by in apart.values())
    if differs and _agrees_in_double(observed, values, gradients):
        notes.append(
            "in float64 every gradient agrees: in float32 a unit falls on the other side of its kink, by "
            "rounding"
        )
        apart = dict.fromkeys(apart, 0.0)
    blamed = examination.blamed
    departing = [seen for seen, by in apart.items() if by > observed.close]
    unexplained = [seen for seen in departing if not (blamed and follows.get(seen, np.inf) <= observed.close)]
    findings = report.findings
    alone = findings[0] if findings and not findings[0].said else None
    if (unexplained and not findings) or alone:
        first = alone.quantity if alone else str(unexplained[0])
        found = _rehearsed([*examination.likely, *REHEARSED], fair, observed, twin)
        if found:
            causes = tuple(dict.fromkeys(m.name for m in found if m.named))
            findings, blamed, unexplained = (
                (Finding(first, causes, "; or ".join(dict.fromkeys(m.fix for m in found))),),
                (),
                [],
            )
        else:
            said = _unexplained(unexplained) if not alone else alone.explanation + hint
            findings = (Finding(first, (), said, said=not alone), *findings[1:])
    lines = []
    for seen, by in apart.items():
        theirs = observed.gradients[seen.name] if seen.of_parameter else observed.values[seen.name]
        reference_of = gradients[seen.name] if seen.of_parameter else values[seen.name]
        if seen not in departing:
            verdict = Verdict(Outcome.AGREES)
        elif seen in unexplained and report.findings:
            first = report.findings[0].quantity
            verdict = Verdict(Outcome.FOLLOWS, (f"{first}, cause unknown",), because=(first,))
        elif seen in unexplained:
            said = ": no gradient reached it" if theirs is None else f", by {by:.2g} of its size"
            verdict = Verdict(Outcome.DEPARTS, why=said)
        else:
            verdict = Verdict(
                Outcome.FOLLOWS, blamed or findings[0].causes, because=tuple(f.quantity for f in findings)
            )
        shown = np.zeros(0) if theirs is None else theirs.reshape(reference_of.shape)
        lines.append(Line(str(seen), verdict, shown, reference_of))
    unknown = sorted(
        name for name, found in observed.gradients.items() if name not in gradients and found is not None
    )
    notes += [f"not named, so not compared: {', '.join(unknown)}"] if unknown else []
    idle = sorted(
        name for name, found in observed.gradients.items() if found is None and name not in gradients
    )
    notes += (
        [f"no gradient reaches {', '.join(idle)}: not used, detached, or another's name is written for it"]
        if idle
        else []
    )
    if alone and not unexplained and findings[0].causes:
        named = Verdict(Outcome.DEPARTS, findings[0].causes)
        before = [
            replace(line, found=named) if line.quantity == alone.quantity else line for line in report.lines
        ]
    else:
        before = list(report.lines)
    # the layers' line says it
    settled = [line for line in before if not (line.quantity == "d_z" and Seen("d_z") in apart)]
    return replace(report, lines=(*settled, *lines), findings=findings, notes=tuple(notes))


def _fair(
    examination: Examination, observed: Observed, twin: Twin
) -> tuple[Pieces, tuple[dict[str, Array], dict[str, Array]]]:
    """The right pieces, and what the twin makes of them; of estimates of the KL, which gradients tell apart,
    the nearest.
    """
    forms = [examination.fair]
    if examination.fair.divergence in ESTIMATES:
        forms += [examination.fair.having(Place.DIVERGENCE, estimate) for estimate in ESTIMATES]
    made = [(pieces, found) for pieces in forms if (found := twin(pieces)) is not None] or [
        (RIGHT, twin(RIGHT) or ({}, {}))
    ]
    return min(made, key=lambda one: sum(by > observed.close for by in observed.apart(*one[1]).values()))


def _agrees_in_double(
    observed: Observed, values: Mapping[str, Array], gradients: Mapping[str, Array]
) -> bool:
    double = observed.in_double() if observed.in_double is not None else None
    return double is not None and all(by <= double.close for by in double.apart(values, gradients).values())


def _rehearsed(readings: Sequence[Reading], fair: Pieces, observed: Observed, twin: Twin) -> list[Reading]:
    """The first of the readings under which the twin's values, loss and gradients are theirs, and those of
    its name.
    """
    found: list[Reading] = []
    for mistake in readings:
        made = twin(fair.under(mistake))
        if made is None:
            continue
        values, gradients = made
        loss = abs(float(observed.loss) - float(values["loss"])) / (abs(float(values["loss"])) or 1)
        if all(by <= observed.close for by in (loss, *observed.apart(values, gradients).values())):
            found.append(mistake)
    return found


def _unexplained(departing: list[Seen]) -> str:
    """Of values: the description may be wrong. Of gradients alone, it is not."""
    if any(seen.forward for seen in departing):
        return (
            "encoder, heads and decoder should name all that happens in order; if they do, the cause is "
            "unknown"
        )
    return (
        "every value agrees, so the layers are named as they are; gradients are stopped or changed on "
        "the way, or added to"
    )


def _apart(
    found: Array | None, name: str, wanted: Mapping[str, Array], size: Callable[[Array], float]
) -> float:
    """The size of the difference, over the largest size of what is like it.

    A bias before a batch norm has gradient 0 alone: of a child's tensors the largest counts, and of the
    values going forward.
    """
    if found is None or found.size != wanted[name].size:
        return float("inf")
    alike = [other for other in wanted if _kin(other) == _kin(name)]
    return size(found.reshape(wanted[name].shape) - wanted[name]) / (
        max(size(wanted[other]) for other in alike) or 1
    )


def _largest(array: Array) -> float:
    return float(np.abs(array).max(initial=0))


def _root_mean_square(array: Array) -> float:
    return float(np.sqrt(np.mean(array**2)))


def _kin(name: str) -> str:
    return name if name in {"d_z", "loss"} else name.rpartition(".")[0]
