"""Under which names two sets of weights or gradients differ: beyond rounding, or in any bit.

torch is imported inside these functions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratchvae.reference.frameworks.torch_flow import as_array

CLOSE = 1e-5  # of the largest entry: the same sum in another order


def sums(whole: dict[str, Any], one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether whole = one + other, within rounding."""
    return not apart(whole, {n: g + other[n] if n in other else g for n, g in one.items()})


def apart(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which both are not the same, within rounding."""
    names = list(dict.fromkeys([*one, *other]))
    return [
        n for n in names if n not in one or n not in other or not _near(as_array(one[n]), as_array(other[n]))
    ]


def _near(one: Any, other: Any) -> bool:
    return bool(np.abs(one - other).max(initial=0) <= CLOSE * np.abs(other).max(initial=1e-30))


def differ(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which both have other bits."""
    return [
        n
        for n in one
        if not bool(((one[n] == other[n]) | ((one[n] != one[n]) & (other[n] != other[n]))).all())
    ]


def listed(names: Sequence[str]) -> str:
    """The names in words, of which four are shown."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
