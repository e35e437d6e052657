"""Observed entries: NaN, a mask, or the caller says which entries of an array of examples are missing."""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.door import known

CHECKED_AT_ONCE = 1 << 20  # so many values are checked together, so that the check needs little memory


def observed_entries(
    where: str, images: Array, hidden: Array | None, observed: Array | None, place: Callable[[int, int], str]
) -> Array | None:
    """Return bools of the shape of `images`, True where an entry was observed, or None where every entry was.

    An entry is missing where `images` is NaN, where the mask `hidden` (of a masked array) is True, and where
    `observed` is 0. InputError for an infinite entry that was observed: `place(row, entry)` says where it
    stands. InputError, too, for an `observed` of another shape, and for one that a mask hides itself.
    """
    seen = None if hidden is None else ~hidden
    if observed is not None:
        observed = known(where, "observed", observed)
        if observed.shape != images.shape or observed.dtype.kind not in "biuf":
            expected = f"observed should have the shape of x, {images.shape}, and hold True or False"
            raise InputError(f"{where}: {expected}; found {observed.dtype} of shape {observed.shape}")
        seen = observed != 0 if seen is None else seen & (observed != 0)
    if images.dtype.kind == "f":
        rows = max(1, CHECKED_AT_ONCE // (images.size // len(images)))
        for start in range(0, len(images), rows):
            part = slice(start, start + rows)
            values = images[part]
            finite = np.isfinite(values)
            if finite.all():
                continue
            numbers = ~np.isnan(values)
            if seen is None and not numbers.all():
                seen = np.ones(images.shape, np.bool_)
            _require_finite(
                where, values, finite | ~numbers | (False if seen is None else ~seen[part]), start, place
            )
            if seen is not None:
                seen[part] &= numbers
    return None if seen is None or seen.all() else seen


def _require_finite(
    where: str, values: Array, fine: Array, start: int, place: Callable[[int, int], str]
) -> None:
    wrong = np.argwhere(~fine.reshape(len(fine), -1))
    if len(wrong):
        row, entry = (int(i) for i in wrong[0])
        found = (
            f"found {len(wrong)} infinite values, the first {values.reshape(len(values), -1)[row, entry]} in"
        )
        where_it_is = place(start + row, entry)
        raise InputError(
            f"{where}: x should be finite, or NaN where an entry is missing; {found} {where_it_is}"
        )
