"""Masked arrays inside lists and arrays of objects are found, so that no hidden entry becomes a number."""

from typing import Any

import numpy as np


def count_hidden(given: Any) -> int:
    """Count the entries that masks hide, in a masked array or in those inside lists and arrays of objects.

    Lists may be nested to any depth.
    """
    if isinstance(given, np.ma.MaskedArray):
        return int(np.ma.getmaskarray(given).sum()) if given.dtype.names is None else 0
    if isinstance(given, list | tuple) or (
        isinstance(given, np.ndarray) and given.dtype == object and given.ndim
    ):
        return sum(count_hidden(part) for part in given)
    return 0


def has_masks(given: Any) -> bool:
    """Whether it is a masked array, a list with one at any depth, or an object whose __array__ gives one."""
    if isinstance(given, list | tuple):
        return any(has_masks(part) for part in given)
    if (
        isinstance(given, np.ndarray | np.generic)
        or not hasattr(given, "__array__")
        or hasattr(given, "detach")
    ):
        return isinstance(given, np.ma.MaskedArray)
    try:
        return isinstance(np.asanyarray(given), np.ma.MaskedArray)
    except (ValueError, TypeError, RuntimeError):
        return False
