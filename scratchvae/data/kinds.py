"""The kind of numbers in a data set: pixels, counts or values.

The user declares it, or a file's format decides it; a dtype never does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice

CHECKED_AT_ONCE = 1 << 20  # so many values are checked together, so that the check needs little memory


@dataclass(frozen=True)
class Kind:
    """A kind of numbers.

    words    what the numbers are, for messages
    divisor  what a batch divides them by
    wrong    tells of each entry whether it cannot be of this kind
    """

    words: str
    divisor: int
    wrong: Callable[[Array], Array]


KINDS = {
    "pixels": Kind(
        "brightnesses from 0 to 255, which a batch divides by 255", 255, lambda x: ~((x >= 0) & (x <= 255))
    ),
    "counts": Kind(
        "whole numbers from 0 on, taken as they stand", 1, lambda x: ~((x >= 0) & (x == np.floor(x)))
    ),
    "values": Kind("numbers, taken as they stand", 1, lambda x: np.zeros(x.shape, np.bool_)),
}


def require_kind(
    where: str, kind: str, values: Array, observed: Array | None, place: Callable[[int, int], str]
) -> None:
    """InputError where an observed entry of `values` (N, …) cannot be of that kind.

    `place(row, entry)` says in the message where the entry stands. Bools are no brightnesses. Fractions that
    all lie in [0, 1] are none either, since somebody has divided such pixels already. Bytes of 0 and 1 may be
    nearly black pixels, and whoever declares them so is believed.
    """
    require_choice(where, "kind", kind, KINDS)
    if kind == "values" or values.dtype == np.uint8:
        return
    divided = "kind='values' (--kind values) takes them as they stand"
    if values.dtype == np.bool_:
        if kind == "pixels":
            raise InputError(
                f"{where}: pixels should be {KINDS[kind].words}; found bools: {divided}, as 0 and 1"
            )
        return
    greatest, fractions = -np.inf, False
    rows = max(1, CHECKED_AT_ONCE // (values.size // len(values)))
    for start in range(0, len(values), rows):
        part = np.asarray(values[start : start + rows]).reshape(len(values[start : start + rows]), -1)
        seen = True if observed is None else observed[start : start + rows].reshape(part.shape)
        wrong = KINDS[kind].wrong(part) & seen
        if wrong.any():
            row, entry = (int(i) for i in np.argwhere(wrong)[0])
            found = f"{place(start + row, entry)} is {part[row, entry]:g}"
            raise InputError(f"{where}: {kind} should be {KINDS[kind].words}; {found}")
        if kind == "pixels" and part.dtype.kind == "f":
            known = part[np.broadcast_to(seen, part.shape)]
            greatest = max(greatest, float(known.max(initial=0)))
            fractions = fractions or bool((known != np.floor(known)).any())
    if fractions and greatest <= 1:
        found = f"found fractions from 0 to {greatest:g}, as of pixels that are divided already: {divided}"
        raise InputError(f"{where}: pixels should be {KINDS[kind].words}; {found}")
