"""Words and numbers on pictures: how they read, how much room they take, how they avoid each other."""

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
    """Return the name of latent i, which counts from 0.

    >>> latent_name(11)
    'z₁₂'
    """
    return "z" + str(i + 1).translate(_SUBSCRIPTS)


def name_axes(axes: Axes, horizontal: str = latent_name(0), vertical: str = latent_name(1)) -> None:
    """Write a name at the end of each axis, where no tick label gets in the way."""
    axes.annotate(horizontal, (1, 0), (6, 0), **_AT_AXIS_END, ha="left", va="center")
    axes.annotate(vertical, (0, 1), (0, 4), **_AT_AXIS_END, ha="center", va="bottom")


def number_labels(values: Array) -> list[str]:
    """Write numbers (T,) as short words without idle zeros.

    The largest number has three digits, and the others have as many decimals as it has.

    >>> number_labels(np.array([-1.5, -1e-17, 0.125, 3.0]))
    ['−1.5', '0', '0.12', '3']
    """
    largest = float(np.abs(values).max(initial=0))
    decimals = 2 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    return [f"{round(float(v), decimals) + 0.0:.6g}".replace("-", "−") for v in values]


def text_width(words: Sequence[str], size: float) -> int:
    """Return the pixels that the widest of the words takes at `size` points."""
    font = FontProperties(size=size)
    widths = [text_to_path.get_text_width_height_descent(word, font, ismath=False)[0] for word in words]
    return int(np.ceil(max(widths, default=0.0) * DPI / 72))


def name_shortened(name: str, longest: int) -> str:
    """Shorten a name to at most so many letters by leaving out its middle.

    No `$` in it begins a formula.

    >>> name_shortened("fashion-mnist-mlp-beta4-seed1", 15)
    'fashion…4-seed1'
    """
    half = longest // 2
    kept = name if len(name) <= longest else f"{name[: longest - half - 1]}…{name[-half:]}"
    return "".join(letter if letter.isprintable() else "�" for letter in kept).replace("$", r"\$")


def visible_range(curves: Sequence[tuple[Array, Array]]) -> tuple[float, float]:
    """Return where a vertical axis should begin and end to show curves that settle.

    Each curve is given as epochs and values. The first quarter of the epochs is often so steep that it
    flattens all the rest. Where all that comes after it has less than a quarter of the whole range, the axis
    shows that alone, and the first epochs reach out of the picture.
    """
    every = np.concatenate([np.zeros(0), *(values for _, values in curves)])
    curves = [(epochs, values) for epochs, values in curves if len(epochs)]
    last = max((float(epochs.max()) for epochs, _ in curves), default=0.0)
    late = np.concatenate(
        [np.zeros(0)] + [values[epochs > min(last / 4, epochs.max() - 1)] for epochs, values in curves]
    )
    every, late = every[np.isfinite(every)], late[np.isfinite(late)]
    if not len(every):
        return 0.0, 1.0
    shown = late if len(late) > 1 and np.ptp(late) < np.ptp(every) / 4 else every
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def round_numbers(low: float, high: float, most: int = 12) -> Array:
    """Return ticks of a logarithmic axis: 1, 2 and 5 times powers of 10 from low to high.

    Where those are more than `most`, the powers alone are the ticks. Where they are fewer than two, the ticks
    are equal steps.

    >>> round_numbers(0.4, 11.0).tolist()
    [0.5, 1.0, 2.0, 5.0, 10.0]
    """
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high) + 1)
    for numbers in (np.outer(powers, (1, 2, 5)).ravel(), powers):
        inside = numbers[(numbers >= low) & (numbers <= high)]
        if len(inside) <= most:
            break
    return inside if len(inside) > 1 else np.linspace(low, high, 4)


def place(centres: Array, sizes: Array, room: Array) -> Array:
    """Place boxes of `sizes` (K, 2) near their `centres` (K, 2), inside `room` (2,), so that none overlaps.

    One box after the other takes the nearest free place, its own centre first. A box stays on its centre when
    no room is left.
    """
    step = sizes.min(axis=0) / 2
    lattice = np.stack(np.meshgrid(*(np.arange(0, room[k], step[k]) for k in range(2))), axis=-1).reshape(
        -1, 2
    )
    placed = centres.copy()
    for k, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
        candidates = np.vstack([centre, lattice])
        free = np.all((candidates >= size / 2) & (candidates <= room - size / 2), axis=1)
        for other, other_size in zip(placed[:k], sizes[:k], strict=True):
            free &= np.any(np.abs(candidates - other) >= (size + other_size) / 2, axis=1)
        distance = np.where(free, np.linalg.norm(candidates - centre, axis=1), np.inf)
        placed[k] = candidates[distance.argmin()]
    return placed
