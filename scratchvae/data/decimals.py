"""Decimals: the number of digits behind the point in a column, and new numbers rounded to as many."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from scratchvae.arrays import Array

# A column with more decimals is not rounded: such digits come from a binary fraction, and nobody wrote them.
MOST_DECIMALS = 8


def decimals_of(cells: Iterable[Any]) -> int | None:
    """Return the most digits behind the point that any of these numbers has, or None beyond MOST_DECIMALS.

    >>> decimals_of(["2.14", 0.5, "1e-3"]), decimals_of([0.1 + 0.2])
    (3, None)
    """
    most = 0
    for cell in cells:
        exponent = Decimal(cell.strip() if isinstance(cell, str) else str(cell)).as_tuple().exponent
        most = max(most, -exponent if isinstance(exponent, int) else 0)
    return most if most <= MOST_DECIMALS else None


def rounded(numbers: Array, decimals: int | None, *, positive: bool = False) -> Array:
    """Round numbers (N,) to so many decimals; where `decimals` is None they stay as they are.

    `positive` numbers stay above 0, and NaN stays NaN.

    >>> rounded(np.array([1.2345, 0.001]), 2, positive=True).tolist()
    [1.23, 0.01]
    """
    if decimals is None:
        return numbers
    least = numbers.dtype.type(10.0**-decimals)
    found: Array = np.round(numbers, decimals)
    return np.where(numbers < least, least, found) if positive else found
