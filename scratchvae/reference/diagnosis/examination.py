"""The quantities of a step gone through in order: which agree, which depart, and under which reading."""

from dataclasses import dataclass, replace

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import nonfinite, sight
from scratchvae.reference.diagnosis.blame import Blamed, following
from scratchvae.reference.diagnosis.notes import never_negative, plausibility
from scratchvae.reference.diagnosis.otherwise import rounded, with_target
from scratchvae.reference.diagnosis.own_parts import (
    HOLDS_BETA,
    explained_by_beta,
    kl_holds_beta,
    right_by_own_parts,
)
from scratchvae.reference.diagnosis.pieces import Pieces, Place, Reading
from scratchvae.reference.diagnosis.predictions import alike, predict
from scratchvae.reference.diagnosis.quantities import GRADIENTS, ORDER, Given
from scratchvae.reference.diagnosis.reasons import nothing_to_check, unpredicted, unproven_by
from scratchvae.reference.diagnosis.report import Report
from scratchvae.reference.diagnosis.right import ALSO_RIGHT, RIGHT
from scratchvae.reference.diagnosis.search import Found, Search, bearing
from scratchvae.reference.diagnosis.spelling import by_their_output
from scratchvae.reference.diagnosis.suspicions import (
    REDRAWN,
    detached,
    noise_is_another,
    one_array_for_two,
    outside_support,
    suspected_noise,
    z_is_mean,
)
from scratchvae.reference.diagnosis.verdict import Finding, Line, Outcome, Verdict
from scratchvae.reference.diagnosis.whereabouts import UNKNOWN, amount, described, perhaps

AGREES = Verdict(Outcome.AGREES)


@dataclass(frozen=True)
class Examination:
    """What is known of a step at the end: the report, and the pieces that it seems to be made of."""

    report: Report
    fair: Pieces  # in the forms that were found, all of them right
    pieces: Pieces  # with the mistakes that were found
    blamed: tuple[str, ...]  # those mistakes by name
    likely: tuple[Reading, ...]  # what fits a number that alone proves nothing
    target: Array | None  # the x that the step compares its output with


def examine(given: Given) -> Examination:
    """Go through all quantities in order; InputError where there is none to check."""
    run = _Run(given)
    with np.errstate(all="ignore"), kernels.using("textbook"):  # NaN fits nothing; nothing is compiled
        report = run.report()
    blamed = run.found[-1].names if run.found else ()
    return Examination(report, run.fair, run.pieces, blamed, run.likely, run.given.x)


class _Run:
    """The pieces of the step as far as they are known, while its quantities are gone through."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.fair: Pieces = RIGHT  # in the forms that were found, all of them right
        self.pieces: Pieces = RIGHT  # with the mistakes that were found
        self.found: list[Blamed] = []
        self.likely: tuple[Reading, ...] = ()
        # places of which is known that they are not right: the quantity that shows it
        self.unknown: dict[Place, str] = {}
        self.agreed: list[str] = []
        self.findings: list[Finding] = []
        self.notes: list[str] = []

    def report(self) -> Report:
        """Of all quantities, in order; InputError where there is none to check."""
        broken = nonfinite.settle(self.given)
        lines: list[Line] = []
        if broken is not None:
            lines, found, self.given = broken
            self.findings.append(found)
        if not set(self.given.arrays) & set(ORDER) - {"x", "noise"}:
            if broken is not None:
                return Report(tuple(lines), tuple(self.findings))
            nothing_to_check(self.given)
        self._take_target()
        one = one_array_for_two(self.given)
        if one is not None:
            lines.append(Line(one.quantity, self._departing(one), self.given.arrays[one.quantity]))
        lines += [
            line for quantity in ORDER if quantity in self.given.arrays for line in self._lines(quantity)
        ]
        known = [line.quantity for line in lines if line.found.explained]
        known += [finding.quantity for finding in self.findings if finding.said]
        self.notes += [*never_negative(self.given), *plausibility(self.given, known)]
        search = self._search()
        blind = tuple(sight.blind(search))
        unseen = tuple(sight.missing(self.given) if self.findings else sight.unseen(search))
        return Report(tuple(lines), tuple(self.findings), tuple(dict.fromkeys(self.notes)), blind, unseen)

    def _take_target(self) -> None:
        """The x that the step compares with, where it is plainly made of the one handed over."""
        found = with_target(self.given)
        if found is not None:
            self.given, said = found
            self.notes.append(said)

    def _search(self) -> Search:
        return Search(self.given, self.pieces, self.agreed)

    def _lines(self, quantity: str) -> list[Line]:
        theirs = self.given.arrays[quantity]
        if quantity in {"x", "noise"}:
            found = outside_support(self.given) if quantity == "x" else suspected_noise(self.given)
            return [] if found is None else [Line(quantity, self._departing(found), theirs)]
        verdict = self._verdict(quantity)
        return [Line(quantity, verdict, self.given.arrays[quantity], self._reference(quantity, theirs))]

    def _reference(self, quantity: str, theirs: Array) -> Array | None:
        """What is right, reduced over the batch as theirs is."""
        fair, made = (predict(quantity, self.given, pieces) for pieces in (self.fair, self.pieces))
        return alike(theirs, fair, made, self.given.eps)

    def _verdict(self, quantity: str) -> Verdict:
        if not predict(quantity, self.given, RIGHT):
            return self._unpredicted(quantity)
        if self._fits(quantity, self.fair) or self._fits(quantity, RIGHT):
            self.agreed.append(quantity)
            return AGREES
        if self.pieces is not self.fair and self._fits(quantity, self.pieces):
            return following(quantity, self._search(), self.fair, self.found)
        if self._also_right(quantity):
            return AGREES
        plain = kl_holds_beta(self.given) if quantity == "kl" else None
        if plain is not None:
            self.given = plain
            self.agreed.append(quantity)
            self.notes.append(HOLDS_BETA)
            return AGREES
        explained = {*self.agreed, *(one.quantity for one in self.found)}
        if quantity in {"loss", "bound"} and right_by_own_parts(quantity, self.given, explained):
            self.agreed.append(quantity)
            return AGREES
        return self._departs(quantity)

    def _also_right(self, quantity: str) -> bool:
        """Whether another form of a piece, right too, gives the quantity: then it is taken so."""
        for form in (form for form in ALSO_RIGHT if form.place not in self.unknown):
            pieces = self.pieces.having(form.place, form.computes)
            bears = form.place in bearing(quantity, self.given)
            if bears and self._fits(quantity, pieces) and self._may_be(form.place, pieces, quantity):
                self.pieces, self.fair = pieces, self.fair.having(form.place, form.computes)
                self.agreed.append(quantity)
                self.notes.append(form.said(quantity))
                return True
        return False

    def _unpredicted(self, quantity: str) -> Verdict:
        """Where nothing that is right can be said."""
        alone = z_is_mean(self.given) if quantity == "z" else None
        if alone is None and self.found and self._fits(quantity, self.pieces):
            return following(quantity, self._search(), self.fair, self.found)
        suspected = [] if alone is None else [alone]
        if not suspected and quantity in GRADIENTS and not self._downstream(quantity):
            suspected = detached(quantity, self.given, self.pieces, settled="z" in self.agreed)
        if suspected:
            causes = tuple(reading.name for reading in suspected)
            self._blame(quantity, causes, suspected[0])
            return self._departing(
                Finding(quantity, causes, "; or ".join(reading.fix for reading in suspected))
            )
        return unpredicted(quantity, self.given)

    def _departing(self, found: Finding, label: str = "") -> Verdict:
        """The verdict of a finding, which is kept; `label` is a few words for a cause without a name."""
        found = replace(found, explanation=by_their_output(found.explanation, self.given))
        self.findings.append(found)
        return Verdict(Outcome.DEPARTS, found.causes, f": {label}" if label else ", cause unknown")

    def _may_be(self, place: Place, pieces: Pieces, quantity: str) -> bool:
        """Whether another form of a piece explains what came before its own gradient."""
        if place is Place.IMPORTANCE:
            return "d_log_w" in self.given.arrays and self._fits("d_log_w", pieces)
        if place is Place.DIVERGENCE and quantity in GRADIENTS:
            return self.pieces.divergence is not RIGHT.divergence and self._still(pieces)
        return self._still(pieces)

    def _still(self, pieces: Pieces) -> bool:
        return all(self._fits(quantity, pieces) or self._fits(quantity, RIGHT) for quantity in self.agreed)

    def _downstream(self, quantity: str) -> str | None:
        """The quantity before this one whose cause is unknown, and which this one may depart for."""
        return next(
            (first for place, first in self.unknown.items() if place in bearing(quantity, self.given)), None
        )

    def _departs(self, quantity: str) -> Verdict:
        first = self._downstream(quantity)
        if first is not None:
            return Verdict(Outcome.FOLLOWS, (f"{first}, cause unknown",), because=(first,))
        found = self._search().explain(quantity)
        if quantity == "kl" and (found is None or not found.proven):
            other = explained_by_beta(self.given, self.pieces, self.agreed)
            if other is not None:
                self.given, found = other
                self.notes.append(HOLDS_BETA)
        if (
            found is None
            and not self.findings
            and self._only(quantity)
            and noise_is_another(quantity, self.given, self.pieces)
        ):
            return self._departing(Finding(quantity, (REDRAWN.name,), REDRAWN.fix))
        unproven = unproven_by(quantity, self._search()) if found is None else None
        if unproven is not None:
            return unproven
        if found is None or not found.proven:
            return self._open(quantity, found)
        reading, names = found.readings[0], tuple(dict.fromkeys(r.name for r in found.readings))
        self._blame(quantity, names, reading)
        fixes = "; or ".join(dict.fromkeys(r.fix for r in found.readings)) + amount(found, self.given)
        return self._departing(Finding(quantity, names if reading.named else (), fixes), reading.name)

    def _blame(self, quantity: str, names: tuple[str, ...], reading: Reading) -> None:
        """The step goes on with this mistake in it."""
        self.pieces = self.pieces.under(reading)
        self.found.append(Blamed(quantity, names, reading))

    def _only(self, quantity: str) -> bool:
        """Whether everything else that could be computed is right."""
        others = [q for q in ORDER if q in self.given.arrays and q != quantity]
        return all(self._fits(q, self.pieces) for q in others if predict(q, self.given, self.pieces))

    def _open(self, quantity: str, found: Found | None) -> Verdict:
        """Nothing proven: what would agree, where and how it departs, and what would settle it."""
        given = self.given
        self.unknown |= dict.fromkeys(bearing(quantity, given), quantity)
        shape, fair = given.arrays[quantity].shape, predict(quantity, given, self.fair)
        right = [p for p in fair if np.shape(p.value) == shape]
        self.notes += rounded(quantity, given.arrays[quantity], right)
        where = described(quantity, given, right[0] if right else None)
        self.likely = self.likely if found is None else found.readings
        said = UNKNOWN + ("" if found is None else perhaps(found)) + where
        return self._departing(Finding(quantity, (), said, said=False))

    def _fits(self, quantity: str, pieces: Pieces) -> bool:
        return self._search().fits(quantity, pieces)
