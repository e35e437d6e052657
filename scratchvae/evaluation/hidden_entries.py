"""The error of completion: observed entries are hidden, the model fills them in, and the two are compared."""

from dataclasses import dataclass, replace

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset
from scratchvae.evaluation.imputation import Decoding, impute


@dataclass(frozen=True, eq=False)
class HiddenEntries:
    """Entries (N, D) of examples, in the numbers that a model sees, of which some were hidden and filled in.

    x          (N, D)  the true entries
    hidden     (N, D)  True where an entry was hidden; an entry that was missing before is not hidden
    filled     (N, D)  the entries as the model fills them in
    effective  (N,)    how many equally weighted draws each example's expectation is worth, as in Imputation
    """

    x: Array
    hidden: Array
    filled: Array
    effective: Array

    def squared(self, filled: Array) -> Array:
        """The mean of (filled − x)² over the hidden entries of each column (D,), or NaN without any."""
        return self._mean((filled - self.x) ** 2)

    def wrong(self, filled: Array) -> Array:
        """The share of the hidden entries of each column that were filled in with another whole number (D,).

        It is a measure for columns of levels.
        """
        return self._mean(np.rint(filled) != np.rint(self.x))

    @property
    def count(self) -> Array:
        """The number of hidden entries of each column (D,)."""
        return self.hidden.sum(axis=0)

    def _mean(self, each: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.where(self.hidden, each, 0).sum(axis=0, dtype=np.float64) / self.count


def impute_hidden(
    model: Decoding, data: Dataset, *, share: float, samples: int, rng: np.random.Generator
) -> HiddenEntries:
    """Hide each observed entry with the probability `share`, 0 < share < 1, and impute the hidden ones.

    They are imputed from K = `samples` draws. Entries are hidden independently of each other and of their
    values, so that the errors are those of entries that are missing completely at random. A generator that
    `rng` spawns chooses them. So if the data have missing entries where
    `default_rng(0).random(x.shape) < 0.2`, the same seed does not choose those entries again. InputError
    where no entry came to be hidden.
    """
    if not 0 < share < 1:
        raise InputError(f"impute_hidden: share should lie between 0 and 1, found {share}")
    seen = np.ones(data.images.shape, np.bool_) if data.observed is None else data.observed
    hidden = seen & (rng.spawn(1)[0].random(seen.shape) < share)
    if not hidden.any():
        found = f"found none of {np.count_nonzero(seen):,} observed entries of {data.name} hidden"
        raise InputError(
            f"impute_hidden: a share of {share:g} should hide some entries; {found}: choose a larger one"
        )
    whole = data.batch(slice(None), np.float64).x
    found_in = impute(model, replace(data, observed=seen & ~hidden), samples=samples, rng=rng)
    return HiddenEntries(whole, hidden.reshape(whole.shape), found_in.x, found_in.effective)
