"""The quantities of a step gone through in order: which agree, which depart, and under which reading."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import nonfinite, sight
from scratchvae.reference.diagnosis.findings import Finding, Line, Outcome, Verdict
from scratchvae.reference.diagnosis.otherwise import digits_alike, kl_holds_beta, with_target
from scratchvae.reference.diagnosis.pieces import Pieces, Place, Reading
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import GRADIENTS, ORDER, Given
from scratchvae.reference.diagnosis.reasons import unpredicted, unproven_by
from scratchvae.reference.diagnosis.report import Report
from scratchvae.reference.diagnosis.right import ALSO_RIGHT, RIGHT
from scratchvae.reference.diagnosis.search import Found, Search, bearing
from scratchvae.reference.diagnosis.suspicions import (
    REDRAWN,
    detached,
    never_negative,
    noise_is_another,
    one_array_for_two,
    outside_support,
    plausibility,
    suspected_noise,
    z_is_mean,
)
from scratchvae.reference.diagnosis.whereabouts import described

UNKNOWN = "the cause is unknown"
PARTS = {Place.DIVERGENCE: "KL", Place.RECONSTRUCTION: "reconstruction"}
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
    with np.errstate(all="ignore"):  # a reading may well be no number for these arrays: then it fits nothing
        report = run.report()
    return Examination(report, run.fair, run.pieces, run.blamed, run.likely, run.given.x)


class _Run:
    """The pieces of the step as far as they are known, while its quantities are gone through."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.fair: Pieces = RIGHT  # in the forms that were found, all of them right
        self.pieces: Pieces = RIGHT  # with the mistakes that were found
        self.blamed: tuple[str, ...] = ()
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
            found_only = (
                f"found only what they follow from ({', '.join(self.given.arrays)})"
                if self.given.arrays
                else "found nothing"
            )
            raise InputError(
                f"diagnose: there should be a quantity to check, such as z, kl, loss or d_mean; {found_only}"
            )
        self._take_target()
        one = one_array_for_two(self.given)
        if one is not None:
            lines.append(Line(one.quantity, self._departing(one), self.given.arrays[one.quantity]))
        lines += [
            line for quantity in ORDER if quantity in self.given.arrays for line in self._lines(quantity)
        ]
        known = [line.quantity for line in lines if line.found.explained]
        self.notes += [*never_negative(self.given), *plausibility(self.given, known)]
        search = self._search()
        blind = tuple(sight.blind(search))
        unseen = () if self.findings else tuple(sight.unseen(search))
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
        fair = predict(quantity, self.given, self.fair)
        reference = next(
            (p.value for p in fair if p.fits(theirs, self.given.eps)), fair[0].value if fair else None
        )
        return [Line(quantity, verdict, self.given.arrays[quantity], reference)]

    def _verdict(self, quantity: str) -> Verdict:
        if not predict(quantity, self.given, RIGHT):
            return self._unpredicted(quantity)
        if self._fits(quantity, self.fair) or self._fits(quantity, RIGHT):
            self.agreed.append(quantity)
            return AGREES
        if self.pieces is not self.fair and self._fits(quantity, self.pieces):
            return Verdict(Outcome.FOLLOWS, self.blamed)
        if self._also_right(quantity):
            return AGREES
        plain = kl_holds_beta(self.given) if quantity == "kl" else None
        if plain is not None:
            self.given = plain
            self.agreed.append(quantity)
            self.notes.append("kl holds its weight beta already, as it enters the loss")
            return AGREES
        return self._departs(quantity)

    def _also_right(self, quantity: str) -> bool:
        """Whether another form of a piece, right too, gives the quantity: then it is taken so."""
        for form in ALSO_RIGHT:
            pieces = self.pieces.having(form.place, form.computes)
            if self._fits(quantity, pieces) and self._may_be(form.place, pieces, quantity):
                self.pieces, self.fair = pieces, self.fair.having(form.place, form.computes)
                self.agreed.append(quantity)
                whole = quantity in {"kl", "reconstruction", "log_px"} or form.place not in PARTS
                said = (
                    f"{quantity} is {form.what}"
                    if whole
                    else f"the {PARTS[form.place]} in {quantity} is {form.what}"
                )
                self.notes.append(said)
                return True
        return False

    def _unpredicted(self, quantity: str) -> Verdict:
        """Where nothing that is right can be said."""
        alone = z_is_mean(self.given) if quantity == "z" else None
        if alone is None and self.blamed and self._fits(quantity, self.pieces):
            return Verdict(Outcome.FOLLOWS, self.blamed)
        suspected = [] if alone is None else [alone]
        if not suspected and quantity in GRADIENTS and not self._downstream(quantity):
            suspected = detached(quantity, self.given, self.pieces, settled="z" in self.agreed)
        if suspected:
            causes = tuple(reading.name for reading in suspected)
            self.pieces, self.blamed = self.pieces.under(suspected[0]), causes
            return self._departing(
                Finding(quantity, causes, "; or ".join(reading.fix for reading in suspected))
            )
        return unpredicted(quantity, self.given)

    def _departing(self, found: Finding, label: str = "") -> Verdict:
        """The verdict of a finding, which is kept; `label` is a few words for a cause without a name."""
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
            return Verdict(Outcome.FOLLOWS, (f"{first}, cause unknown",))
        found = self._search().explain(quantity)
        if (
            found is None
            and not self.findings
            and self._search().departs_alone(quantity)
            and noise_is_another(quantity, self.given, self.pieces)
        ):
            return self._departing(Finding(quantity, (REDRAWN.name,), REDRAWN.fix))
        unproven = unproven_by(quantity, self._search()) if found is None else None
        if unproven is not None:
            return unproven
        if found is None or not found.proven:
            return self._open(quantity, found)
        reading = found.readings[0]
        self.pieces = self.pieces.under(reading)
        self.blamed = tuple(dict.fromkeys(r.name for r in found.readings))
        fixes = "; or ".join(dict.fromkeys(r.fix for r in found.readings)) + found.amount(self.given)
        return self._departing(Finding(quantity, self.blamed if reading.named else (), fixes), reading.name)

    def _open(self, quantity: str, found: Found | None) -> Verdict:
        """Nothing proven: what would agree, where and how it departs, and what would settle it."""
        given = self.given
        self.unknown |= dict.fromkeys(bearing(quantity, given), quantity)
        right = [
            p
            for p in predict(quantity, given, self.fair)
            if np.shape(p.value) == given.arrays[quantity].shape
        ]
        if right and digits_alike(given.arrays[quantity], right[0]):
            digits = digits_alike(given.arrays[quantity], right[0])
            self.notes.append(
                f"{quantity} agrees to {digits} digits: was it rounded, or computed in another precision?"
            )
        where = described(quantity, given, right[0] if right else None)
        if found is None:
            return self._departing(Finding(quantity, (), UNKNOWN + where, said=False))
        self.likely = found.readings
        names = " or ".join(dict.fromkeys(r.name for r in found.readings))
        fixes = "; or ".join(dict.fromkeys(r.fix for r in found.readings))
        said = f"{UNKNOWN}, for one number proves nothing; it fits {names} ({fixes}){where}"
        return self._departing(Finding(quantity, (), said, said=False))

    def _fits(self, quantity: str, pieces: Pieces) -> bool:
        return self._search().fits(quantity, pieces)
