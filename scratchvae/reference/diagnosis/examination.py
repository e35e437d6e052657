"""The quantities of a step gone through in order: which agree, which depart, and under which mistake."""

from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis import total
from scratchvae.reference.diagnosis.catalogue import CATALOGUE
from scratchvae.reference.diagnosis.cross_entropy import through_probabilities
from scratchvae.reference.diagnosis.otherwise import digits_alike, kl_holds_beta, other_reduction, other_weight
from scratchvae.reference.diagnosis.pieces import Mistake, Pieces, Place, Weights
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import GRADIENTS, ORDER, Given
from scratchvae.reference.diagnosis.report import Finding, Line, Outcome, Report, Verdict
from scratchvae.reference.diagnosis.right import ALSO_RIGHT, RIGHT
from scratchvae.reference.diagnosis.suspicions import (
    REDRAWN,
    detached,
    noise_is_another,
    outside_support,
    plausibility,
    suspected_noise,
    z_is_mean,
)

FROM = {  # what a quantity follows from
    "z": "mean, log_var (or log_std, std, …) and noise",
    "reconstruction": "x and logits (or x_mean)",
    "log_px": "x and logits (or x_mean), of each draw (B, K, D)",
    "kl": "mean and log_var (or log_std, std, …)",
    "log_pz": "z (B, K, Z)",
    "log_q": "mean, log_var (or log_std, std, …) and z or noise (B, K, Z)",
    "log_w": "log_px, log_pz and log_q",
    "d_z": "the decoder, which check_torch and check_jax know",
    "d_log_w": "log_w",
}
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


def examine(given: Given) -> Examination:
    """Go through all quantities in order; InputError where there is none to check."""
    run = _Run(given)
    report = run.report()
    return Examination(report, run.fair, run.pieces, run.blamed)


class _Run:
    """The pieces of the step as far as they are known, while its quantities are gone through."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.fair: Pieces = RIGHT  # in the forms that were found, all of them right
        self.pieces: Pieces = RIGHT  # with the mistakes that were found
        self.blamed: tuple[str, ...] = ()
        self.agreed: list[str] = []
        self.findings: list[Finding] = []
        self.notes: list[str] = []

    def report(self) -> Report:
        """Of all quantities, in order; InputError where there is none to check."""
        if not set(self.given.arrays) & set(ORDER) - {"x", "noise"}:
            found = f"found only what they follow from ({', '.join(self.given.arrays)})" if self.given.arrays else "found nothing"
            raise InputError(f"diagnose: there should be a quantity to check, such as z, kl, loss or d_mean; {found}")
        lines = [line for quantity in ORDER if quantity in self.given.arrays for line in self._lines(quantity)]
        known = [line.quantity for line in lines if line.found.explained]
        self.notes += plausibility(self.given, known)
        return Report(tuple(lines), tuple(self.findings), tuple(dict.fromkeys(self.notes)))

    def _lines(self, quantity: str) -> list[Line]:
        theirs = self.given.arrays[quantity]
        if quantity in {"x", "noise"}:
            found = outside_support(self.given) if quantity == "x" else suspected_noise(self.given)
            return [] if found is None else [Line(quantity, self._departing(found), theirs)]
        verdict = self._verdict(quantity)
        fair = predict(quantity, self.given, self.fair)
        reference = next((p.value for p in fair if p.fits(theirs, self.given.eps)), fair[0].value if fair else None)
        return [Line(quantity, verdict, self.given.arrays[quantity], reference)]

    def _verdict(self, quantity: str) -> Verdict:
        if not predict(quantity, self.given, RIGHT):
            return self._unpredicted(quantity)
        if self._fits(quantity, self.fair) or self._fits(quantity, RIGHT):
            self.agreed.append(quantity)
            return AGREES
        if self.pieces is not self.fair and self._fits(quantity, self.pieces):
            return Verdict(Outcome.FOLLOWS, self.blamed)
        for form in ALSO_RIGHT:
            pieces = self.pieces.having(form.place, form.computes)
            if self._fits(quantity, pieces) and self._may_be(form.place, pieces, quantity):
                self.pieces, self.fair = pieces, self.fair.having(form.place, form.computes)
                self.agreed.append(quantity)
                whole = quantity in {"kl", "reconstruction", "log_px"} or form.place not in PARTS
                said = f"{quantity} is {form.what}" if whole else f"the {PARTS[form.place]} in {quantity} is {form.what}"
                self.notes.append(said)
                return AGREES
        if quantity == "kl" and kl_holds_beta(self.given):
            self.given = kl_holds_beta(self.given) or self.given
            self.agreed.append(quantity)
            self.notes.append("kl holds its weight beta already, as it enters the loss")
            return AGREES
        return self._departs(quantity)

    def _unpredicted(self, quantity: str) -> Verdict:
        """Where nothing that is right can be said."""
        alone = z_is_mean(self.given) if quantity == "z" else None
        if alone is None and self.blamed and self._fits(quantity, self.pieces):
            return Verdict(Outcome.FOLLOWS, self.blamed)
        suspected = [] if alone is None else [alone]
        if not suspected and quantity in GRADIENTS:
            suspected = detached(quantity, self.given, self.pieces, settled="z" in self.agreed)
        if suspected:
            causes = tuple(mistake.name for mistake in suspected)
            if len(suspected) == 1:
                self.pieces, self.blamed = self.pieces.under(suspected[0]), causes
            return self._departing(Finding(quantity, causes, "; or ".join(mistake.fix for mistake in suspected)))
        if quantity in {"d_mean", f"d_{self.given.scale}"} and not self.given.weighted and self.given.d_z is None:
            return Verdict(Outcome.UNCHECKED, why=": hand over d_z too")
        if quantity in FROM and not (quantity == "d_log_w" and self.given.log_w is not None):
            return Verdict(Outcome.TAKEN, why=f": it follows from {FROM[quantity]}")
        return Verdict(Outcome.UNCHECKED, why=": what it follows from was not handed over, or in another shape")

    def _departing(self, found: Finding) -> Verdict:
        """The verdict of a finding, which is kept."""
        self.findings.append(found)
        return Verdict(Outcome.DEPARTS, found.causes, "" if found.causes else ", cause unknown")

    def _may_be(self, place: Place, pieces: Pieces, quantity: str) -> bool:
        """Whether another form of a piece explains what was found before; its gradient alone is no reason to believe in it."""
        if place is Place.IMPORTANCE:
            return "d_log_w" in self.given.arrays and self._fits("d_log_w", pieces)
        if place is Place.DIVERGENCE and quantity in GRADIENTS:
            return self.pieces.divergence is not RIGHT.divergence and self._still(pieces)
        return self._still(pieces)

    def _still(self, pieces: Pieces) -> bool:
        return all(self._fits(quantity, pieces) or self._fits(quantity, RIGHT) for quantity in self.agreed)

    def _departs(self, quantity: str) -> Verdict:
        fitting = [m for m in CATALOGUE if self._explains(m, quantity) and self._bears_out(m)]
        fitting = self._most_telling(quantity, fitting)
        if not fitting and noise_is_another(quantity, self.given, self.pieces):
            return self._departing(Finding(quantity, (REDRAWN.name,), REDRAWN.fix))
        unproven = None if fitting else self._unproven(quantity)
        if unproven is not None:
            return unproven
        if total.KL_MISSING in fitting:
            fitting = [total.KL_MISSING]  # smaller weights than rounding tells are none
        if not fitting:
            return self._otherwise(quantity)
        self.pieces = self.pieces.under(fitting[0])
        self.blamed = tuple(dict.fromkeys(m.name for m in fitting))
        fixes = "; or ".join(dict.fromkeys(m.fix for m in fitting)) + self._amount(fitting)
        return self._departing(Finding(quantity, self.blamed, fixes))

    def _otherwise(self, quantity: str) -> Verdict:
        """No mistake alone: what would agree if something else had been declared, and what the digits say."""
        theirs, given, said = self.given.arrays[quantity], self.given, UNKNOWN
        causes: tuple[str, ...] = ()
        right = [p for p in predict(quantity, given, self.fair) if np.shape(p.value) == theirs.shape]
        if quantity in {"loss", "bound"} and not given.weighted:
            weight = other_weight(quantity, given, self.fair)
            found = None if weight is not None else other_reduction(quantity, given, self.fair, CATALOGUE)
            if weight is not None:
                said = f"it would agree with beta = {weight:.6g}, where {given.beta:g} was declared"
                self.pieces = self.fair.having(Place.TOTAL, lambda given: Weights(1.0, weight))
                self.blamed = (f"beta = {weight:.6g}",)
            elif found is not None and self._still(found[1]):
                mistake, self.pieces, over = found
                causes, said = (mistake.name,), f"it is {over} over the batch, which was not declared; and {mistake.fix}"
                self.blamed = causes
        if right and digits_alike(theirs, right[0]) and not causes:
            self.notes.append(
                f"{quantity} agrees to {digits_alike(theirs, right[0])} digits: was it rounded, or computed in another precision?"
            )
        return self._departing(Finding(quantity, causes, said, said=said != UNKNOWN))

    def _unproven(self, quantity: str) -> Verdict | None:
        """Why a departure proves nothing, if it doesn't."""
        given = self.given
        predictions = predict(quantity, given, self.pieces.having(Place.RECONSTRUCTION, through_probabilities))
        if any(p.fits(given.arrays[quantity], given.eps) for p in predictions):
            return Verdict(Outcome.UNCHECKED, why=": probabilities are too near 0 or 1; hand over logits")
        if not all(np.isfinite(p.value).all() for p in predict(quantity, given, self.pieces)):
            return Verdict(Outcome.UNPROVEN, why=": a probability is 0 or 1 where the data are not; hand over logits")
        of_kl = quantity in {"kl", "loss", "bound", "d_mean"} or GRADIENTS.get(quantity, quantity) == given.scale
        hidden = given.z is None and given.noise is None and given.mean is not None and not given.evaluation
        if of_kl and hidden and not given.weighted:
            said = ": not the closed form; hand over z or noise, which tell whether it is an estimate from one draw"
            return Verdict(Outcome.UNPROVEN, why=said)
        return None

    def _fits(self, quantity: str, pieces: Pieces) -> bool:
        theirs = self.given.arrays[quantity]
        return any(p.fits(theirs, self.given.eps) for p in predict(quantity, self.given, pieces))

    def _explains(self, mistake: Mistake, quantity: str) -> bool:
        """Whether the mistake gives what was found, and what is right does not to the same precision."""
        given, theirs = self.given, self.given.arrays[quantity]
        right = [p for pieces in (RIGHT, self.pieces) for p in predict(quantity, given, pieces)]
        known = all(np.isfinite(p.value).all() for p in right)  # else a vague fit would name whatever is finite
        for p in predict(quantity, given, self.pieces.under(mistake)):
            p = p if known else replace(p, unsure=0.0)
            if p.fits(theirs, given.eps):
                return not any(replace(q, size=p.size, unsure=p.unsure).fits(theirs, given.eps) for q in right)
        return False

    def _bears_out(self, mistake: Mistake) -> bool:
        """Whether the quantities that agreed would still do so under the mistake."""
        pieces = self.pieces.under(mistake)
        return all(self._fits(quantity, pieces) for quantity in self.agreed)

    def _most_telling(self, quantity: str, fitting: list[Mistake]) -> list[Mistake]:
        """Of several mistakes that fit, those under which most of what comes later follows."""
        later = [q for q in ORDER[ORDER.index(quantity) + 1 :] if q in self.given.arrays and predict(q, self.given, RIGHT)]
        follows = [sum(self._fits(q, self.pieces.under(m)) for q in later) for m in fitting]
        return [m for m, count in zip(fitting, follows, strict=True) if count == max(follows)]

    def _amount(self, fitting: list[Mistake]) -> str:
        """What a wrong reduction amounts to."""
        if len({m.name for m in fitting}) != 1 or fitting[0].place is not Place.TOTAL or self.given.weighted:
            return ""
        a, b = fitting[0].computes(self.given)
        return f" (as it stands, it amounts to beta = {b / a:.6g})" if a > 0 and b > 0 and b / a != self.given.beta else ""
