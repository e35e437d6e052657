"""A cell of a table holds a number, the text of a level, or nothing that is known."""

import math
import re
from collections.abc import Container
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")  # 007 is a code
WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
MISSING = frozenset({"", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NAN", "None", "null", "NULL"})
MISSING_TYPES = frozenset({"NoneType", "NAType", "NaTType"})  # None, and what pandas has for it
LARGEST_WHOLE = 2**53  # beyond it float64 skips whole numbers


def is_missing(cell: Any, levels: Container[str] = ()) -> bool:
    """Whether a cell says that nothing is known: a text in MISSING, NaN, None, or pandas' own mark.

    A text that is one of the column's `levels` is that level: NA, for instance, is the code of a country.
    """
    if isinstance(cell, str):
        return (text := cell.strip()) in MISSING and text not in levels
    return type(cell).__name__ in MISSING_TYPES or (
        isinstance(cell, float | np.floating) and math.isnan(cell)
    )


def number(cell: Any) -> float | None:
    """Return the finite number that a cell is or that its text spells, otherwise None.

    Underscores between digits, which Python allows, are not accepted here.
    """
    if isinstance(cell, str):
        return _finite(float(cell)) if NUMBER.fullmatch(cell := cell.strip()) else None
    real = isinstance(cell, Real | Decimal | np.bool_) and not isinstance(cell, np.timedelta64)
    try:
        return _finite(float(cell)) if real else None
    except (OverflowError, ValueError):  # 10**400, and a signalling NaN of Decimal's
        return None


def digits_lost(cell: Any) -> bool:
    """Whether a cell is a whole number that float64 cannot hold and would replace by a neighbour.

    An example is 9007199254740993. A number that float64 writes with the same digits, such as 1e30, is held.
    """
    found = number(cell)
    if found is None or abs(found) < LARGEST_WHOLE or not isinstance(cell, str | int | np.integer | Decimal):
        return False
    exact = Decimal(
        cell.strip() if isinstance(cell, str) else cell if isinstance(cell, Decimal) else int(cell)
    )
    return exact == exact.to_integral_value() and exact not in (Decimal(found), Decimal(repr(found)))


def text_of(cell: Any, values: str) -> str:
    """Return the text of a level.

    A number has the same text however it is written, so that 1 and 1.0 are one level.
    """
    found = number(cell) if values in ("real", "whole") else None
    if found is not None:
        if isinstance(cell, int | np.integer) or (isinstance(cell, str) and WHOLE.fullmatch(cell.strip())):
            return str(int(cell))
        if digits_lost(cell):
            return str(int(Decimal(cell)))
        return str(int(found)) if found.is_integer() and abs(found) <= LARGEST_WHOLE else repr(found)
    return str(bool(cell)) if isinstance(cell, bool | np.bool_) else str(cell).strip()


def row(i: int) -> str:
    """Say in words in which row cell number i of a column stands."""
    return f"in row {i + 1}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
