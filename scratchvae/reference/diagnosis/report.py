"""What a diagnosis says: the verdict, the fix, what departs and what follows from it, what agrees, and what
was not seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from html import escape

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
        return self.outcome in {Outcome.AGREES, Outcome.FOLLOWS} or (
            self.outcome is Outcome.DEPARTS and bool(self.causes)
        )

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

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table: the quantity, theirs, the reference, how they differ, the verdict."""
        found = self.found.outcome.value if self.found.outcome is Outcome.UNPROVEN else self.verdict
        return self.quantity, _shown(self.theirs), _shown(self.reference), self._apart(), found

    def _apart(self) -> str:
        """The ratio, where there is one for all entries; else the largest difference."""
        if self.reference is None or self.theirs.shape != self.reference.shape:
            return ""
        with np.errstate(all="ignore"):
            ratios = np.where(self.reference == self.theirs, 1.0, self.theirs / self.reference)
        known = ratios[(self.reference != 0) & np.isfinite(ratios)]
        if known.size and np.ptp(known) <= 1e-3 * abs(known.flat[0]):
            return f"x {np.median(known):.6g}"
        with np.errstate(all="ignore"):
            apart = np.abs(self.theirs - self.reference)
        return f"differ by {np.nanmax(apart):.2g}" if apart.size and np.isfinite(apart).any() else ""


@dataclass(frozen=True)
class Finding:
    """A quantity that departs, and the mistakes that give exactly what was found
    (none: the cause has no name).

    `said` is False where nothing is known of why: then the explanation says where and how it departs.
    """

    quantity: str
    causes: tuple[str, ...]
    explanation: str
    said: bool = True

    @property
    def what(self) -> str:
        """What is wrong, without the fix."""
        return self.explanation.partition(": ")[0] if self.said else self.explanation.partition("; ")[0]

    @property
    def fix(self) -> str:
        """What helps."""
        left = self.explanation.partition(": " if self.said else "; ")[2]
        return left or f"write it as {FORMULAS.get(self.quantity, 'the reference has it')}"


FORMULAS = {
    "z": "mean + σ · noise",
    "reconstruction": "−log p(x|z), summed over the entries of an event",
    "log_px": "log p(x|z), summed over the entries of an event",
    "kl": "½ Σ mean² + σ² − 1 − log σ², summed over the latents",
    "loss": "−log p(x|z) + β KL, averaged over the batch or summed as declared",
    "bound": "log p(x|z) − β KL, averaged over the batch or summed as declared",
    "log_w": "log p(x|z) + log p(z) − log q(z|x)",
}


@dataclass(frozen=True)
class Report:
    """The outcome of a diagnosis. `str(report)` gives the verdict, the fix, a table of what departs, and the
    rest in a line each.

    A number stands for itself, |.| is the mean magnitude of an array; "x 2" says that all of it is twice the
    reference, "differ by" is the largest difference. "d_fc1.weight" is a parameter's gradient, and "z by the
    layers" is compared with what layers of this library make of the same weights, batch and noise; "z" alone,
    with what follows from your own mean and σ.

    The verdicts of its lines: "agrees", but for rounding in its dtype; "DEPARTS", for the mistakes named,
    each of which gives exactly what was found; "follows from" a departure before it; "taken as given", "not
    checked", where what it follows from was not handed over; "unproven", where it differs and might yet be
    right, for want of what is said.

    `ok`: nothing departs. `matches`: something agrees besides, nothing is unproven, and `blind` is empty.
    `blind` says which parts of the step could be missing or mis-scaled without anything here showing it;
    `unseen`, what else is not told. `first` is the first quantity that departs, `causes` the mistakes that
    explain it equally well, `cause` the only one, if there is one; `findings` holds it and those that no
    finding before them explains.
    """

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing departs."""
        return not self.findings

    @property
    def matches(self) -> bool:
        """Whether something agrees, nothing departs or differs for want of proof, and no part of the loss
        could be missing.
        """
        return self.ok and not self.blind and not self.of(Outcome.UNPROVEN) and bool(self.of(Outcome.AGREES))

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
        """What is wrong, and the fix; where nothing departs, what that means."""
        if self.findings:
            return self.findings[0].explanation
        if self.of(Outcome.UNPROVEN):
            return "; ".join(f"{line.quantity} differs, {line.verdict}" for line in self.of(Outcome.UNPROVEN))
        if not any(line.found.checked for line in self.lines):
            wanted = "hand over what these follow from too (x, logits, mean, log_var, noise, z)"
            return f"nothing could be checked: {'; '.join(self.blind) or wanted}"
        if self.blind:
            return "; ".join(self.blind)
        unchecked = [name for name in self.unchecked if name != "d_z"]  # which is for others to follow from
        left = f" ({', '.join(unchecked)} could not be checked)" if unchecked else ""
        return f"nothing that was handed over departs from the reference{left}"

    def of(self, *outcomes: Outcome) -> list[Line]:
        """The lines with one of these outcomes."""
        return [line for line in self.lines if line.found.outcome in outcomes]

    def __str__(self) -> str:
        return "\n".join(
            [*self._verdict(), "", *self._table(), *(f"{word}: {what}" for word, what in self._rest())]
        )

    def _verdict(self) -> list[str]:
        """What is wrong, then what to do, for each finding; and else for each quantity that might be right."""
        lines = []
        for finding in self.findings:
            lines += [f"{_in_words(finding.quantity)} departs: {finding.what}", f"    {finding.fix}"]
        for line in self.of(Outcome.UNPROVEN) if not lines else ():
            why = line.found.why.removeprefix(": ")
            what, _, fix = why.partition(": " if ": " in why else "; ")
            lines += [f"{_in_words(line.quantity)} differs: {what}", *([f"    {fix}"] if fix else [])]
        if lines or not self.blind:
            return lines or [self.explanation]
        if not any(line.found.checked for line in self.lines):
            return ["nothing could be checked", *(f"    {what}" for what in self.blind)]
        return [
            "no mistake was found, but not all of the step was checked",
            *(f"    {what}" for what in self.blind),
        ]

    def _shown(self) -> list[Line]:
        """What departs, or else is open."""
        return self.of(Outcome.DEPARTS) or self.of(Outcome.UNPROVEN)

    def _table(self) -> list[str]:
        if not self._shown():
            return []
        rows = [HEAD, *(line.cells for line in self._shown())]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        return [
            f"{name:{widths[0]}}  {theirs:>{widths[1]}}  {right:>{widths[2]}}  {apart:>{widths[3]}}  {verdict}"
            for name, theirs, right, apart, verdict in rows
        ] + [""]

    def _rest(self) -> list[tuple[str, str]]:
        """What is not in the table, a line for each kind."""
        shown = self._shown()
        followed: dict[str, list[str]] = {}
        for line in self.of(Outcome.FOLLOWS):
            followed.setdefault(" or ".join(line.found.causes), []).append(line.quantity)
        rest = [(f"follows from {cause}", ", ".join(names)) for cause, names in followed.items()]
        for outcome in (Outcome.UNPROVEN, Outcome.AGREES):
            names = [line.quantity for line in self.of(outcome) if line not in shown]
            rest += [(outcome.value, ", ".join(names))] if names else []
        for outcome in (Outcome.TAKEN, Outcome.UNCHECKED):
            rest += [(line.quantity, line.verdict) for line in self.of(outcome) if line not in shown]
        blind = self.blind if self.findings or self.of(Outcome.UNPROVEN) else ()
        rest += [("not seen", what.removeprefix("not found: ")) for what in (*blind, *self.unseen)]
        return rest + [("note", note) for note in self.notes]

    def _repr_html_(self) -> str:
        verdict = "".join(f"<p>{escape(line)}</p>" for line in self._verdict())
        rows = "".join(f"<tr>{_cells(line.cells, 'td')}</tr>" for line in self._shown())
        table = f"<table><tr>{_cells(HEAD, 'th')}</tr>{rows}</table>" if rows else ""
        rest = "".join(f"<li><b>{escape(word)}</b>: {escape(what)}</li>" for word, what in self._rest())
        return f"<div>{verdict}{table}<ul>{rest}</ul></div>"


HEAD = ("quantity", "theirs", "reference", "ratio, difference", "verdict")


def _in_words(quantity: str) -> str:
    """A quantity's name; of a gradient also what it is."""
    return f"{quantity} (the loss's gradient by {quantity[2:]})" if quantity.startswith("d_") else quantity


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


def _shown(array: Array | None) -> str:
    """A number itself, of an array the mean magnitude."""
    if array is None:
        return ""
    return (
        f"{float(array):.7g}" if array.ndim == 0 else f"|.| {np.abs(array).mean() if array.size else 0:.5g}"
    )
