"""What a diagnosis says: the verdict and the fix, what departs, what agrees, and what was not seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from scratchvae.reference.diagnosis.verdict import Finding, Line, Outcome


@dataclass(frozen=True)
class Report:
    """The outcome of a diagnosis, whose text has the verdict, the fix, a table of what departs, and the rest.

    The table has what is yours, the reference, their ratio where it is one number for all entries, and the
    largest difference of an entry. An array is shown by the mean of its absolute values. The reference of a
    quantity is computed from your own values before it: your loss can agree while your KL departs, and then
    the line below the table says so. "d_fc1.weight" is a parameter's gradient, and "z by the layers" is
    compared with what layers of this library make of the same weights, batch and noise; "z" alone, with what
    follows from your own mean and σ.

    The verdicts of its lines: "agrees", but for rounding in its dtype; "DEPARTS", for the mistakes named,
    each of which gives exactly what was found; "follows from" departures before it; "taken as given" and "not
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
        """Whether something agrees, nothing departs or is unproven, and no part could be missing."""
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
            wanted = "pass what these are computed from too (x, logits, mean, log_var, noise, z)"
            return f"nothing could be checked: {'; '.join(self.blind) or wanted}"
        if self.blind:
            return "; ".join(self.blind)
        unchecked = [name for name in self.unchecked if name != "d_z"]  # which is for others to follow from
        left = f" ({', '.join(unchecked)} could not be checked)" if unchecked else ""
        return f"all that could be compared agrees with the reference{left}"

    def of(self, *outcomes: Outcome) -> list[Line]:
        """The lines with one of these outcomes."""
        return [line for line in self.lines if line.found.outcome in outcomes]

    def __str__(self) -> str:
        return "\n".join(
            [*self._verdict(), "", *self._table(), *(f"{word}: {what}" for word, what in self._rest())]
        )

    def _verdict(self) -> list[str]:
        """What is wrong, then what to do, for each finding, or else for what might be right."""
        lines = []
        for finding in self.findings:
            lines += [
                f"{_in_words(finding.quantity)} departs: {finding.what}",
                *(f"    {fix}" for fix in finding.fixes),
            ]
        for why, names in _alike(self.of(Outcome.UNPROVEN) if not lines else ()).items():
            what, _, fix = why.partition(": " if ": " in why else "; ")
            lines += [f"{_together(names)}: {what}", *([f"    {fix}"] if fix else [])]
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
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        numbers = [
            "  ".join(
                [
                    f"{row[0]:{widths[0]}}",
                    *(f"{row[i]:>{widths[i]}}" for i in range(1, 5) if widths[i]),
                    row[5],
                ]
            ).rstrip()
            for row in rows
        ]
        return [*numbers, *self._legend(), ""]

    def _legend(self) -> list[str]:
        arrays = any(line.theirs.ndim and line.theirs.size for line in self._shown())
        return ["|.| is the mean of an array's absolute values"] if arrays else []

    def _rest(self) -> list[tuple[str, str]]:
        """What is not in the table, a line for each kind."""
        shown = self._shown()
        wrong = {line.quantity for line in self.of(Outcome.DEPARTS, Outcome.FOLLOWS)}
        kinds: dict[str, list[str]] = {}
        for line in self.of(Outcome.FOLLOWS):
            because = " and ".join(line.found.because or line.found.causes)
            kinds.setdefault(
                f"{'departs' if self.findings else 'differs'} too, for the same reason as {because}", []
            ).append(line.quantity)
        kinds[Outcome.UNPROVEN.value] = [q.quantity for q in self.of(Outcome.UNPROVEN) if q not in shown]
        kinds[Outcome.AGREES.value] = []
        for line in self.of(Outcome.AGREES):
            own = [q for q in BUILT_FROM.get(line.quantity, ()) if q in wrong]
            agrees = f"agrees, computed from your own {' and '.join(own)}" if own else Outcome.AGREES.value
            kinds.setdefault(agrees, []).append(line.quantity)
        rest = [(kind, ", ".join(names)) for kind, names in kinds.items() if names]
        unchecked = [line for line in self.of(Outcome.TAKEN, Outcome.UNCHECKED) if line not in shown]
        rest += [
            (Outcome.UNCHECKED.value, f"{', '.join(names)} ({why})")
            for why, names in _alike(unchecked).items()
        ]
        blind = self.blind if self.findings or self.of(Outcome.UNPROVEN) else ()
        rest += [("not seen", what.removeprefix("not found: ")) for what in (*blind, *self.unseen)]
        return rest + [("note", note) for note in self.notes]

    def _repr_html_(self) -> str:
        verdict = "".join(f"<p>{escape(line)}</p>" for line in self._verdict())
        rows = "".join(f"<tr>{_cells(line.cells, 'td')}</tr>" for line in self._shown())
        legend = "".join(f"<p>{escape(line)}</p>" for line in self._legend())
        table = f"<table><tr>{_cells(HEAD, 'th')}</tr>{rows}</table>{legend}" if rows else ""
        rest = "".join(f"<li><b>{escape(word)}</b>: {escape(what)}</li>" for word, what in self._rest())
        return f"<div>{verdict}{table}<ul>{rest}</ul></div>"


HEAD = ("quantity", "yours", "reference", "ratio", "largest difference", "mistake")
BUILT_FROM = {  # the quantities of a step that a quantity is computed from, of those which are checked
    **dict.fromkeys(("reconstruction", "log_px", "log_pz", "log_q"), ("z",)),
    "log_w": ("z", "log_px", "log_pz", "log_q"),
    **dict.fromkeys(("loss", "bound"), ("z", "reconstruction", "kl", "log_px", "log_w")),
    **dict.fromkeys(("d_logits", "d_x_mean"), ("z",)),
}


def _alike(lines: Iterable[Line]) -> dict[str, list[str]]:
    """The quantities of lines by what is said of them, so that it is said once."""
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(line.found.name, []).append(line.quantity)
    return found


def _together(names: list[str]) -> str:
    """The quantities that differ in one way, as the beginning of a sentence."""
    if len(names) == 1:
        return f"{_in_words(names[0])} differs"
    of = " (gradients of the loss)" if all(name.startswith("d_") for name in names) else ""
    return f"{', '.join(names)}{of} differ"


def _in_words(quantity: str) -> str:
    """A quantity's name; of a gradient also what it is."""
    return (
        f"{quantity} (the gradient of the loss with respect to {quantity[2:]})"
        if quantity.startswith("d_")
        else quantity
    )


def _cells(texts: Iterable[str], tag: str) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
