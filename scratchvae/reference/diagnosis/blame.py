"""Which of the mistakes that were found a later departure follows from."""

from collections.abc import Sequence
from dataclasses import dataclass

from scratchvae.reference.diagnosis.pieces import Pieces, Reading
from scratchvae.reference.diagnosis.search import Search
from scratchvae.reference.diagnosis.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Blamed:
    """A mistake that was found: the quantity which shows it, the names that fit equally well, its reading."""

    quantity: str
    names: tuple[str, ...]
    reading: Reading


def following(quantity: str, search: Search, fair: Pieces, found: Sequence[Blamed]) -> Verdict:
    """The verdict of a quantity that is what the mistakes give: it follows from those that it needs.

    A mistake is needed where the quantity would be another with the right piece in its place.
    """
    pieces = search.pieces
    held = [one for one in found if getattr(pieces, one.reading.place.value) is one.reading.computes]

    def needed(one: Blamed) -> bool:
        place = one.reading.place
        return not search.fits(quantity, pieces.having(place, getattr(fair, place.value)))

    because = [one for one in held if needed(one)] or held[-1:]
    causes = because[0].names if len(because) == 1 else (" and ".join(one.names[0] for one in because),)
    return Verdict(Outcome.FOLLOWS, causes, because=tuple(dict.fromkeys(one.quantity for one in because)))
