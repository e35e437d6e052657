"""Which entries of an array of examples were observed: NaN, a mask, or the caller says that some were not."""

import numpy as np

from scratchvae.arrays import Array, InputError

CHECKED_AT_ONCE = 1 << 20  # values looked at together, so that the check needs little memory


def observed_entries(where: str, images: Array, hidden: Array | None, observed: Array | None) -> Array | None:
    """Bools of the shape of `images`, True where an entry was observed, or None where every entry was.

    An entry is missing where `images` is NaN, where the mask `hidden` (of a masked array) is True, and where
    `observed` is 0. InputError for infinite entries that were observed, and for an `observed` of another shape.
    """
    seen = None if hidden is None else ~hidden
    if observed is not None:
        observed = np.asarray(observed)
        if observed.shape != images.shape or observed.dtype.kind not in "biuf":
            expected = f"observed should have the shape of images, {images.shape}, and hold True or False"
            raise InputError(f"{where}: {expected}; found {observed.dtype} of shape {observed.shape}")
        seen = observed != 0 if seen is None else seen & (observed != 0)
    if images.dtype.kind == "f":
        rows = max(1, CHECKED_AT_ONCE // (images.size // len(images)))
        for start in range(0, len(images), rows):
            part = slice(start, start + rows)
            finite = np.isfinite(images[part])
            if finite.all():
                continue
            numbers = ~np.isnan(images[part])
            if seen is None and not numbers.all():
                seen = np.ones(images.shape, np.bool_)
            _require_finite(where, images[part], finite | ~numbers | (False if seen is None else ~seen[part]), start)
            if seen is not None:
                seen[part] &= numbers
    return None if seen is None or seen.all() else seen


def _require_finite(where: str, images: Array, fine: Array, start: int) -> None:
    if not fine.all():
        first, *others = (int(i) for i in np.argwhere(~fine)[0])
        value, count = images[(first, *others)], int(np.count_nonzero(~fine))
        found = f"found {count} infinite values, the first {value} at {(start + first, *others)}"
        raise InputError(f"{where}: images should be finite, or NaN where an entry is missing; {found}")
