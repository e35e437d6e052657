"""How probable it is that a reading fits by coincidence: one float32 number is too little to name anything.

A reading that has nothing to do with what was done gives an entry that departs by d to within a tolerance t
with a probability of about t/d. The chance that one of n readings fits all entries is n Π t/d; an entry is
used up by each number that was solved for.
"""

from collections.abc import Iterable

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Prediction

PROVEN = 1e-7  # chances below this are a proof: the reading is named
WORTH_SAYING = 3e-3  # and below this it is said that it would agree
TELLING = 10.0  # times the tolerance, that an entry at least should depart by
MOST = 1e12  # that an entry may count for
VAGUE = 1e3  # that one counts for where what is right is no number


def ratios(theirs: Array, read: Prediction, right: Iterable[Prediction], eps: float) -> Array:
    """By entry: the distance to what is right over the allowed distance to what is read, at least 1."""
    with np.errstate(all="ignore"):
        tolerance = np.maximum(read.allowed(eps), 1e-300)
        apart = [np.abs(theirs - p.value) for p in right if np.shape(p.value) == theirs.shape]
        departs = np.min(apart, axis=0) if apart else np.full(theirs.shape, np.inf)
        found = np.where(np.isfinite(departs), departs / tolerance, VAGUE)
    return np.clip(np.ravel(found), 1.0, MOST)


def chance(found: list[Array], readings: int, solved: int) -> float:
    """Of a coincidence, for so many readings that were tried, with so many numbers in the one that fits."""
    entries = np.sort(np.concatenate(found))[::-1] if found else np.ones(0)
    if not entries.size or entries[0] < TELLING:
        return 1.0
    decades = np.log10(entries[solved:]).sum()
    return float(min(1.0, readings * 10.0 ** -min(decades, 300.0)))
