"""What a diagnosis says: a line for each quantity, the first that departs, and the mistake that explains it."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from scratchvae.arrays import Array


class Outcome(Enum):
    """What came of comparing a quantity; the value is how its words begin."""

    AGREES = "agrees"
    DEPARTS = "DEPARTS"
    FOLLOWS = "follows from"
    TAKEN = "taken as given"
    UNCHECKED = "not checked"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class Verdict:
    """An outcome, the mistakes that explain it, and where there are none, what else is said."""

    outcome: Outcome
    causes: tuple[str, ...] = ()
    why: str = ""

    @property
    def checked(self) -> bool:
        """Whether the quantity was compared, to an end."""
        return self.outcome in {Outcome.AGREES, Outcome.DEPARTS, Outcome.FOLLOWS}

    @property
    def explained(self) -> bool:
        """Whether it is known why the quantity is what it is."""
        return self.outcome in {Outcome.AGREES, Outcome.FOLLOWS} or (self.outcome is Outcome.DEPARTS and bool(self.causes))

    def __str__(self) -> str:
        named = " or ".join(self.causes)
        if self.outcome is Outcome.FOLLOWS:
            return f"{self.outcome.value} {named}"
        return f"{self.outcome.value}: {named}" if named else f"{self.outcome.value}{self.why}"


@dataclass(frozen=True)
class Line:
    """One quantity beside what it should be."""

    quantity: str
    found: Verdict
    theirs: Array
    reference: Array | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return str(self.found)

    def row(self, width: int) -> str:
        """The line of a table whose first column has this width."""
        theirs, reference = _shown(self.theirs), _shown(self.reference)
        return f"{self.quantity:{width}} {theirs:>14} {reference:>14} {self._apart():>18}  {self.verdict}"

    def _apart(self) -> str:
        """The ratio, where there is one for all entries; else the largest difference."""
        if self.reference is None or self.theirs.shape != self.reference.shape:
            return ""
        with np.errstate(all="ignore"):
            ratios = np.where(self.reference == self.theirs, 1.0, self.theirs / self.reference)
        known = ratios[(self.reference != 0) & np.isfinite(ratios)]
        if known.size and np.ptp(known) <= 1e-3 * abs(known.flat[0]):
            return f"x {np.median(known):.6g}"
        return f"differ by {np.abs(self.theirs - self.reference).max():.2g}" if self.theirs.size else ""


@dataclass(frozen=True)
class Finding:
    """A quantity that departs, and the mistakes that give exactly what was found (none: the cause is unknown)."""

    quantity: str
    causes: tuple[str, ...]
    explanation: str
    said: bool = True  # False: nothing is known of why, and the explanation says no more than that


@dataclass(frozen=True)
class Report:
    """The outcome of a diagnosis. `str(report)` is a table, a line for each quantity in the order in which a step makes them.

    A number stands for itself, |.| is the mean magnitude of an array; "x 2" says that all of it is twice the reference,
    "differ by" is the largest difference. "d_fc1.weight" is a parameter's gradient, and "z by the layers" is compared with what
    layers of this library make of the same weights, batch and noise; "z" alone, with what follows from your own mean and σ.

    The verdicts: "agrees", but for rounding in its dtype; "DEPARTS", for the mistakes named, each of which gives exactly what was
    found; "follows from" a mistake, and is right but for that; "taken as given", "not checked", where what it follows from was
    not handed over; "unproven", where it differs and might yet be right, for want of what is said.

    `ok`: nothing departs. `matches`: something agrees besides, and nothing is unproven. `first` is the first quantity that
    departs, `causes` the mistakes that explain it equally well, `cause` the only one, if there is one; `findings` holds it and
    those that no finding before them explains.
    """

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing departs."""
        return not self.findings

    @property
    def matches(self) -> bool:
        """Whether something agrees, nothing departs, and nothing differs for want of proof."""
        return self.ok and not self._unproven and any(line.found.outcome is Outcome.AGREES for line in self.lines)

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The quantities about which nothing was found out."""
        return tuple(line.quantity for line in self.lines if not line.found.checked)

    @property
    def first(self) -> str | None:
        """The first quantity that departs."""
        return self.findings[0].quantity if self.findings else None

    @property
    def causes(self) -> tuple[str, ...]:
        """Every mistake that explains it equally well."""
        return self.findings[0].causes if self.findings else ()

    @property
    def cause(self) -> str | None:
        """The mistake that explains it, if exactly one does."""
        return self.causes[0] if len(self.causes) == 1 else None

    @property
    def explanation(self) -> str:
        """One sentence: what is wrong, and the fix."""
        if self.findings:
            return self.findings[0].explanation
        if self._unproven:
            return "; ".join(f"{line.quantity} differs, {line.verdict}" for line in self._unproven)
        if not any(line.found.checked for line in self.lines):
            return "nothing could be checked: hand over what these follow from too (x, logits, mean, log_var, noise, z)"
        unchecked = [name for name in self.unchecked if name != "d_z"]  # which is for others to follow from
        left = f" ({', '.join(unchecked)} could not be checked)" if unchecked else ""
        return f"nothing that was handed over departs from the reference{left}"

    @property
    def _unproven(self) -> list[Line]:
        return [line for line in self.lines if line.found.outcome is Outcome.UNPROVEN]

    def __str__(self) -> str:
        width = max([16, *(len(line.quantity) for line in self.lines)])
        head = f"{'quantity':{width}} {'theirs':>14} {'reference':>14} {'ratio, difference':>18}  verdict"
        said = [f"{finding.quantity} departs: {finding.explanation}" for finding in self.findings]
        table = [head, *(line.row(width) for line in self.lines)]
        return "\n".join([*table, "", *(said or [self.explanation]), *(f"note: {note}" for note in self.notes)])


def _shown(array: Array | None) -> str:
    """A number itself, of an array the mean magnitude."""
    if array is None:
        return ""
    return f"{float(array):.7g}" if array.ndim == 0 else f"|.| {np.abs(array).mean() if array.size else 0:.5g}"
