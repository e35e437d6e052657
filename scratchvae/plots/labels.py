"""Words and numbers written on pictures: how they read, how much room they take, how they keep out of each other's way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from scratchvae.arrays import Array
from scratchvae.plots.style import DPI, INK, TITLE_SIZE

_AT_AXIS_END: dict[str, Any] = {
    "xycoords": "axes fraction",
    "textcoords": "offset points",
    "size": TITLE_SIZE,
    "color": INK,
    "annotation_clip": False,
}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def latent_name(i: int) -> str:
    """The name of latent i, which counts from 0.

    >>> latent_name(11)
    'z₁₂'
    """
    return "z" + str(i + 1).translate(_SUBSCRIPTS)


def name_axes(axes: Axes, horizontal: str = latent_name(0), vertical: str = latent_name(1)) -> None:
    """Write a name at the end of each axis, where no tick label gets in the way."""
    axes.annotate(horizontal, (1, 0), (6, 0), **_AT_AXIS_END, ha="left", va="center")
    axes.annotate(vertical, (0, 1), (0, 4), **_AT_AXIS_END, ha="center", va="bottom")


def number_labels(values: Array) -> list[str]:
    """Numbers (T,) as short words: three digits for the largest, as many decimals for the others, no idle zeros.

    >>> number_labels(np.array([-1.5, -1e-17, 0.125, 3.0]))
    ['−1.5', '0', '0.12', '3']
    """
    largest = float(np.abs(values).max(initial=0))
    decimals = 2 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    return [f"{round(float(v), decimals) + 0.0:.6g}".replace("-", "−") for v in values]


def text_width(words: Sequence[str], size: float) -> int:
    """Pixels that the widest of the words takes at `size` points."""
    font = FontProperties(size=size)
    widths = [text_to_path.get_text_width_height_descent(word, font, ismath=False)[0] for word in words]
    return int(np.ceil(max(widths, default=0.0) * DPI / 72))


def place(centres: Array, sizes: Array, room: Array) -> Array:
    """Where boxes of `sizes` (K, 2) go that would like to sit on `centres` (K, 2): inside `room` (2,), and none on another.

    One after the other takes the nearest free place, its own centre first; when no room is left it stays on its centre.
    """
    step = sizes.min(axis=0) / 2
    lattice = np.stack(np.meshgrid(*(np.arange(0, room[k], step[k]) for k in range(2))), axis=-1).reshape(-1, 2)
    placed = centres.copy()
    for k, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
        candidates = np.vstack([centre, lattice])
        free = np.all((candidates >= size / 2) & (candidates <= room - size / 2), axis=1)
        for other, other_size in zip(placed[:k], sizes[:k], strict=True):
            free &= np.any(np.abs(candidates - other) >= (size + other_size) / 2, axis=1)
        distance = np.where(free, np.linalg.norm(candidates - centre, axis=1), np.inf)
        placed[k] = candidates[distance.argmin()]
    return placed
