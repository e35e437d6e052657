"""A step is compared with a twin of its layers, which has the same weights, batch and noise.

The twin is made of this library's layers and computes in float64. The comparison adds lines to the report
that the diagnosis of the step's arrays has given.
"""

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

# how far apart two arrays may be, relative to the largest entry
CLOSE = {"float32": 1e-5, "float64": 1e-10}
# In half precision it is relative to the root mean square, since rounding moves some ReLUs across their kink.
HALF_CLOSE = 5e-2
# mistakes that the arrays between encoder and decoder do not show
REHEARSED = [m for m in CATALOGUE if m.place is Place.SAMPLING or m is KL_DETACHED]


@dataclass(frozen=True)
class Seen:
    """The name of a quantity that step and twin compute: a value, or the gradient of a parameter."""

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
    """What the user's step computed: values and gradients by name, the loss and the dtype.

    The gradient of a parameter is None where none arrived.
    """

    values: Mapping[str, Array]
    gradients: Mapping[str, Array | None]
    loss: Array
    dtype: str
    # runs the step again in float64; it returns None if the step cannot run in float64
    in_double: Callable[[], Observed | None] | None = None

    @property
    def close(self) -> float:
        """The largest relative distance from the twin that counts as agreement in this dtype."""
        return CLOSE.get(self.dtype, HALF_CLOSE)

    def apart(self, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> dict[Seen, float]:
        """The relative distance of each quantity from the twin's, infinite where no gradient arrived."""
        size = _largest if self.dtype in CLOSE else _root_mean_square
        found = {
            Seen(name): _apart(self.values[name], name, values, size)
            for name in values
            if name in self.values
        }
        return found | {
            Seen(name, True): _apart(self.gradients[name], name, gradients, size) for name in gradients
        }


# makes the values and the parameters' gradients, by name, of a twin with these pieces
Twin = Callable[[Pieces], tuple[dict[str, Array], dict[str, Array]] | None]


def compared(
    examination: Examination, report: Report, observed: Observed, twin: Twin, hint: str = ""
) -> Report:
    """Add to the report a line for each value and each parameter's gradient, and the findings from them.

    Where no finding of the report explains a departure, the twin makes each mistake of sampling in turn, and
    then a detached KL, and looks which of them gives the user's numbers. If none does, `hint` is added.
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
    # the line "d_z by the layers" takes the place of the line "d_z"
    settled = [line for line in before if not (line.quantity == "d_z" and Seen("d_z") in apart)]
    return replace(report, lines=(*settled, *lines), findings=findings, notes=tuple(notes))


def _fair(
    examination: Examination, observed: Observed, twin: Twin
) -> tuple[Pieces, tuple[dict[str, Array], dict[str, Array]]]:
    """The right pieces, and the twin's values and gradients with them.

    The KL may be right in several forms, as estimates from draws are. The form that agrees best is taken.
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
    """The readings under which the twin's values, loss and gradients are those of the user's step."""
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
    """The words for departures without a cause.

    If a value departs, the layers may be named wrongly. If only gradients depart, the names are right.
    """
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
    """The size of the difference, relative to the largest of the arrays of the same kin.

    The gradient of a bias before a batch norm is 0, so that its own size says nothing. The kin of a parameter
    are all parameters of its layer, and the kin of a value are all values of the forward pass.
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
