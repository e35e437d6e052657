"""The simplest reading of a step that gives a quantity which departs, and all that bears on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import total
from scratchvae.reference.diagnosis.catalogue import levels
from scratchvae.reference.diagnosis.evidence import PROVEN, WORTH_SAYING, chance, ratios
from scratchvae.reference.diagnosis.pieces import Pieces, Place, Prediction, Reading
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import ORDER, SCALES, X_SCALES, Given
from scratchvae.reference.diagnosis.right import RIGHT

OUTPUTS = {"logits", "x_mean", *X_SCALES}
JOINED = frozenset({Place.TOTAL, Place.PENALTY})
WEIGHTED = frozenset({Place.TOTAL, Place.IMPORTANCE, Place.LOG_WEIGHTS})
BEARING = {
    "z": frozenset({Place.SAMPLING}),
    "reconstruction": frozenset({Place.RECONSTRUCTION}),
    "log_px": frozenset({Place.RECONSTRUCTION}),
    "kl": frozenset({Place.DIVERGENCE}),
    "log_pz": frozenset({Place.LOG_PZ}),
    "log_q": frozenset({Place.LOG_Q, Place.CONSTANTS}),
    "log_w": frozenset({Place.LOG_WEIGHTS}),
    "d_log_w": WEIGHTED,
    **{f"d_{name}": frozenset({Place.RECONSTRUCTION, Place.TOTAL}) for name in OUTPUTS},
    **{f"d_{name}": frozenset({Place.SAMPLING, Place.DIVERGENCE, *JOINED}) for name in ("mean", *SCALES)},
}

# which a piece of a step computes
VALUES = ("z", "reconstruction", "log_px", "kl", "log_pz", "log_q", "log_w")
MANY_READINGS = 100
FEW_EXAMPLES = 8


def bearing(quantity: str, given: Given) -> frozenset[Place]:
    """The places of a step that a quantity is computed by, from the arrays that were handed over."""
    if quantity == "kl" and given.penalized and np.ndim(given.arrays[quantity]) == 0:
        return BEARING[quantity] | {Place.PENALTY}  # it may be what free bits make of it
    if quantity not in {"loss", "bound"}:
        return BEARING.get(quantity, frozenset())
    if given.weighted:
        return WEIGHTED
    left = {Place.RECONSTRUCTION} if given.reconstruction is None and given.log_px is None else set()
    return JOINED | left | ({Place.DIVERGENCE} if given.kl is None or given.penalized else set())


@dataclass(frozen=True)
class Found:
    """The readings that explain a departure equally well, and the chance that it is a coincidence."""

    readings: tuple[Reading, ...]
    chance: float

    @property
    def proven(self) -> bool:
        """Whether they may be named."""
        return self.chance <= PROVEN


class Search:
    """For readings of one step, as far as it is understood:

    `pieces`, under which the quantities in `agreed` are right.
    """

    def __init__(self, given: Given, pieces: Pieces, agreed: list[str]) -> None:
        self.given, self.pieces, self.agreed = given, pieces, agreed
        self._right_forms: dict[str, list[Prediction]] = {}
        self._is_right: dict[str, bool] = {}

    def explain(self, quantity: str) -> Found | None:
        """The simplest readings that fit, from one level; None where none fits but by chance."""
        tried = 0
        best: Found | None = None
        for level in levels(
            self.given, self.pieces, bearing(quantity, self.given), pairs=self._telling(quantity)
        ):
            tried += len(level)
            sieve = self._of_few_examples(quantity) if len(level) > MANY_READINGS else None
            sifted = level if sieve is None else [r for r in level if sieve._explains(r, quantity)]
            fitting = [r for r in sifted if self._explains(r, quantity) and self._bears_out(r)]
            fitting = [
                r
                for r in fitting
                if self._shown_by_itself(r, quantity) or not self._contradicted(r, quantity)
            ]
            if not fitting:
                continue
            if any(r.name == total.KL_MISSING.name for r in fitting):
                # smaller weights than rounding tells are none
                fitting = [r for r in fitting if r.name == total.KL_MISSING.name]
            found = self._found(quantity, fitting, tried)
            if found.proven:
                return found
            best = best or (found if found.chance <= WORTH_SAYING else None)
        return best

    def _telling(self, quantity: str) -> bool:
        """Whether more than one number departs that the same place bears on."""
        places = bearing(quantity, self.given)
        later = [q for q in self._later(quantity) if places & bearing(q, self.given) and not self._known(q)]
        return sum(self.given.arrays[q].size for q in (quantity, *later)) > 1

    def _shown_by_itself(self, reading: Reading, quantity: str) -> bool:
        """Whether the quantity has entries enough to prove by itself how it was made."""
        array = np.ndim(self.given.arrays[quantity]) > 0 and quantity in (*VALUES, "loss", "bound")
        return array and chance([self._ratios(quantity, reading)], MANY_READINGS, reading.solved) <= PROVEN

    def _of_few_examples(self, quantity: str) -> Search | None:
        """The same search on a few examples, which sifts readings; None where it would not help."""
        few = {
            n: a[:FEW_EXAMPLES]
            for n, a in self.given.arrays.items()
            if a.ndim > 1 or (a.ndim == 1 and n in VALUES)
        }
        if quantity not in few or quantity not in VALUES or (self.given.B or 0) <= 2 * FEW_EXAMPLES:
            return None
        return Search(replace(self.given, arrays=few), self.pieces, [])

    def _found(self, quantity: str, fitting: list[Reading], tried: int) -> Found:
        """Of the readings that fit, those under which most of the rest follows, with the fewest numbers."""
        follows = [len(self._following(quantity, r)) for r in fitting]
        fitting = [r for r, count in zip(fitting, follows, strict=True) if count == max(follows)]
        fewest = min(r.solved for r in fitting)
        fitting = [r for r in fitting if r.solved == fewest]
        named = [r for r in fitting if r.named]
        fitting = named or fitting[:1]  # the plainest of what has no name
        one = fitting[0]
        entries = [self._ratios(q, one) for q in (quantity, *self._following(quantity, one))]
        return Found(tuple(fitting), chance(entries, tried, one.solved))

    def _later(self, quantity: str) -> Iterator[str]:
        at = ORDER.index(quantity) + 1
        return (q for q in ORDER[at:] if q in self.given.arrays and self._right(q))

    def _following(self, quantity: str, reading: Reading) -> list[str]:
        """The later quantities that depart and are what the reading gives."""
        pieces = self.pieces.under(reading)
        later = [
            q for q in self._later(quantity) if reading.place in bearing(q, self.given) and not self._known(q)
        ]
        return [q for q in later if self.fits(q, pieces)]

    def _contradicted(self, reading: Reading, quantity: str) -> bool:
        """Whether a later quantity is right which under the reading would not be."""
        pieces = self.pieces.under(reading)
        later = (
            q for q in self._later(quantity) if reading.place in bearing(q, self.given) and self._known(q)
        )
        return any(not self._agreeing(q, pieces) for q in later)

    def _agreeing(self, quantity: str, pieces: Pieces) -> bool:
        return self.fits(quantity, pieces) or not predict(quantity, self.given, pieces)

    def _bears_out(self, reading: Reading) -> bool:
        """Whether the quantities that agreed would still do so."""
        bearing_on = [q for q in self.agreed if reading.place in bearing(q, self.given)]
        return all(self.fits(q, self.pieces.under(reading)) for q in bearing_on)

    def _explains(self, reading: Reading, quantity: str) -> bool:
        """Whether the reading gives what was found, and what is right does not to the same precision."""
        given, theirs = self.given, self.given.arrays[quantity]
        right = self._right(quantity)
        # else a vague fit would name whatever is finite
        known = all(np.isfinite(p.value).all() for p in right)
        for p in predict(quantity, given, self.pieces.under(reading)):
            p = p if known else replace(p, unsure=0.0)
            if p.fits(theirs, given.eps):
                return not any(
                    replace(q, size=p.size, unsure=p.unsure).fits(theirs, given.eps) for q in right
                )
        return False

    def _ratios(self, quantity: str, reading: Reading) -> Array:
        theirs, eps = self.given.arrays[quantity], self.given.eps
        found = (p for p in predict(quantity, self.given, self.pieces.under(reading)) if p.fits(theirs, eps))
        return ratios(theirs, next(found), self._right(quantity), eps)

    def _right(self, quantity: str) -> list[Prediction]:
        """The forms in which the quantity is right, by the known pieces too. They are computed once."""
        if quantity not in self._right_forms:
            known = [RIGHT] if self.pieces is RIGHT else [RIGHT, self.pieces]
            self._right_forms[quantity] = [
                p for pieces in known for p in predict(quantity, self.given, pieces)
            ]
        return self._right_forms[quantity]

    def _known(self, quantity: str) -> bool:
        """Whether the quantity is what the known pieces give."""
        if quantity not in self._is_right:
            self._is_right[quantity] = self.fits(quantity, self.pieces)
        return self._is_right[quantity]

    def fits(self, quantity: str, pieces: Pieces) -> bool:
        """Whether the quantity is one of the forms that the pieces give it."""
        return any(
            p.fits(self.given.arrays[quantity], self.given.eps) for p in predict(quantity, self.given, pieces)
        )
