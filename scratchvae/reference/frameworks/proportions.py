"""Whether one array is a multiple of another, entry by entry, and of which number."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array

# of the largest entry: what rounding in float32 leaves of a number that is solved for is far below
CLOSE = 1e-3
HALF_CLOSE = 3e-2  # in half precision: a few roundoffs of bfloat16, 2⁻⁸


def fitted(
    gradient: Array, slope: Array, *, rows: bool = False, within: float | None = None, close: float = CLOSE
) -> float | None:
    """The number a with gradient = a · slope, or None; with `rows` each row may have its own."""
    if gradient.size != slope.size or not np.isfinite(gradient).all():
        return None
    g: Array = gradient.astype(np.float64)
    s: Array = slope.astype(np.float64).reshape(gradient.shape)
    if rows and g.ndim > 1:
        g, s = g.reshape(-1, g.shape[-1]), s.reshape(-1, g.shape[-1])
    else:
        g, s = g.reshape(1, -1), s.reshape(1, -1)
    a = (g * s).sum(axis=1, keepdims=True) / np.maximum((s * s).sum(axis=1, keepdims=True), 1e-300)
    off = float(np.abs(g - a * s).max(initial=0))
    allowed = close * float(np.abs(g).max(initial=0)) if within is None else within
    if off > allowed or not a.any():
        return None
    return float(np.abs(a).mean() if rows else a[0, 0])


def same(one: Array, other: Array, close: float = CLOSE) -> bool:
    """Whether both are the same numbers, within `close` of the largest."""
    with np.errstate(all="ignore"):
        size = float(np.abs(other).max(initial=0))
        return bool(
            one.size == other.size and (np.abs(one.reshape(other.shape) - other) <= close * (size or 1)).all()
        )


def near(one: float, other: float) -> bool:
    """Whether both are the same number, as far as float32 tells."""
    return abs(one - other) <= CLOSE * abs(other)


def is_tidy(number: float) -> bool:
    """Whether two digits write it."""
    return near(float(f"{number:.2g}"), number)
