"""With how many digits behind the point a column's numbers are written, and new numbers with as many."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from scratchvae.arrays import Array

# of a column whose numbers are rounded: more are those of a binary fraction, which nobody has written
MOST_DECIMALS = 8


def decimals_of(cells: Iterable[Any]) -> int | None:
    """The most digits behind the point that any of these numbers is written with; None for more than
    MOST_DECIMALS.

    >>> decimals_of(["2.14", 0.5, "1e-3"]), decimals_of([0.1 + 0.2])
    (3, None)
    """
    most = 0
    for cell in cells:
        exponent = Decimal(cell.strip() if isinstance(cell, str) else str(cell)).as_tuple().exponent
        most = max(most, -exponent if isinstance(exponent, int) else 0)
    return most if most <= MOST_DECIMALS else None


def rounded(numbers: Array, decimals: int | None, *, positive: bool = False) -> Array:
    """Numbers (N,) with so many decimals, as they are where `decimals` is None; `positive` ones stay above 0,
    and NaN stays NaN.

    >>> rounded(np.array([1.2345, 0.001]), 2, positive=True).tolist()
    [1.23, 0.01]
    """
    if decimals is None:
        return numbers
    least = numbers.dtype.type(10.0**-decimals)
    found: Array = np.round(numbers, decimals)
    return np.where(numbers < least, least, found) if positive else found
