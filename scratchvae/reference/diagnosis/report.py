"""What a diagnosis says: a line for each quantity, the first that departs, and the mistake that explains it."""

from dataclasses import dataclass, field

import numpy as np

from scratchvae.arrays import Array


@dataclass(frozen=True)
class Line:
    """One quantity beside what it should be."""

    quantity: str
    verdict: str
    theirs: Array
    reference: Array | None = None

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


@dataclass(frozen=True)
class Report:
    """The outcome of a diagnosis. `str(report)` is the table."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether nothing departs."""
        return not self.findings

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
        return self.findings[0].explanation if self.findings else "nothing that was handed over departs from the reference"

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
