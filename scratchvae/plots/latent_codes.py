"""The codes of data in a plane of two latents."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import name_axes, place, text_width
from scratchvae.plots.style import (
    CLASS_COLOURS,
    DPI,
    FAINT,
    INK,
    LABEL_SIZE,
    RUN_COLOURS,
    TITLE_SIZE,
    TRAIN,
    blank_figure,
    dress,
)

_SIDE = 4.2  # inches of the square that holds the codes
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.5, 0.25, 0.4, 0.35  # inches around it
_LETTERS = 900  # codes that are drawn as letters: more would hide each other


def codes(
    z: Array,
    labels: Array | None = None,
    label_names: Sequence[str] = (),
    *,
    axis_names: tuple[str, str] = ("z₁", "z₂"),
    title: str = "Codes of the data",
    prior: bool = True,
) -> Figure:
    """Draw codes z (N, 2) as points, coloured by their labels (N,).

    Labels are whole numbers, which count into `label_names` if there are any. Up to 12 classes have a colour
    each, and stand in a legend. Of more classes whose names are single letters or digits, the first 900 codes
    are drawn as these letters. Other names are written on the median of their codes, moved aside where they
    would collide. Two circles show one and two standard deviations of a standard normal `prior`, where there
    is one.
    """
    z = np.asarray(z)
    N = require_shapes("codes", z=(z, "N 2"))["N"]
    if N == 0:
        raise InputError("codes: z should hold at least one code, found shape (0, 2)")
    require_finite("codes", "z", z)
    classes, names = _classes(z, labels, label_names)
    in_legend = 0 < len(classes) <= len(CLASS_COLOURS)
    legend_width = (text_width(names, LABEL_SIZE) / DPI + 0.3) if in_legend else 0.0

    width, height = _LEFT + _SIDE + _RIGHT + legend_width, _BOTTOM + _SIDE + _TOP
    figure = blank_figure(width, height)
    axes = figure.add_axes((_LEFT / width, _BOTTOM / height, _SIDE / width, _SIDE / height))
    dress(axes)
    palette = _palette(len(classes))
    as_letters = (
        not in_legend and labels is not None and all(len(name) == 1 and name.isalnum() for name in names)
    )
    if as_letters:
        _draw_letters(axes, z[:_LETTERS], np.searchsorted(classes, np.asarray(labels)[:_LETTERS]), names)
    else:
        mixed = np.random.default_rng(0).permutation(N)  # no class lies on top because it comes last
        colours = TRAIN if labels is None else palette[np.searchsorted(classes, np.asarray(labels)[mixed])]
        size = float(np.clip(6000 / N, 2, 18))
        axes.scatter(z[mixed, 0], z[mixed, 1], s=size, c=colours, alpha=0.75, linewidths=0, zorder=2)

    low, high = z.min(axis=0), z.max(axis=0)
    if prior:
        _draw_prior(axes)
        low, high = np.minimum(low, -2), np.maximum(high, 2)
    middle, reach = (low + high) / 2, 0.53 * float((high - low).max()) or 0.5
    axes.set(
        xlim=(middle[0] - reach, middle[0] + reach),
        ylim=(middle[1] - reach, middle[1] + reach),
        aspect="equal",
    )
    axes.xaxis.set_major_formatter(_tick_label)
    axes.yaxis.set_major_formatter(_tick_label)
    name_axes(axes, *axis_names)
    axes.set_title(title, size=TITLE_SIZE, color=INK)
    if in_legend:
        dots = [
            Line2D([], [], linestyle="", marker="o", markersize=4, markeredgewidth=0, color=c)
            for c in palette
        ]
        look: dict[str, Any] = {
            "frameon": False,
            "fontsize": LABEL_SIZE,
            "labelcolor": INK,
            "handletextpad": 0,
        }
        axes.legend(dots, names, loc="upper left", bbox_to_anchor=(1, 1), **look)
    elif labels is not None and not as_letters:
        _write_names(axes, z, np.asarray(labels), classes, names)
    return figure


def _classes(z: Array, labels: Array | None, label_names: Sequence[str]) -> tuple[Array, list[str]]:
    """Return the labels that there can be, in increasing order, and their names."""
    if labels is None:
        return np.array([], int), []
    require_shapes("codes", z=(z, "N 2"), labels=(labels, "N"))
    present = np.unique(labels)
    if not np.issubdtype(present.dtype, np.integer):
        raise InputError(f"codes: labels should be whole numbers, found dtype {present.dtype}")
    if not label_names:
        return present, [str(c) for c in present]
    if present[0] < 0 or present[-1] >= len(label_names):
        raise InputError(
            f"codes: labels should lie between 0 and {len(label_names) - 1}, one for each of label_names, "
            f"found {present[0]} to {present[-1]}"
        )
    return np.arange(len(label_names)), list(label_names)


def _palette(n: int) -> Array:
    """Return colours (n, 3): distinct ones while there are enough, else seven, lighter at each turn."""
    if n <= len(CLASS_COLOURS):
        return np.array([to_rgb(c) for c in CLASS_COLOURS[:n]]).reshape(n, 3)
    k, several = np.arange(n), np.array([to_rgb(c) for c in RUN_COLOURS])
    light = 0.6 * (k // len(several)) / (n // len(several) + 1)
    return several[k % len(several)] + light[:, None] * (1 - several[k % len(several)])


def _draw_letters(axes: Axes, z: Array, classes: Array, names: list[str]) -> None:
    """Draw each code (N, 2) as the letter that is its class's name, in one of seven colours."""
    for k in np.unique(classes):
        mark, colour = rf"$\mathrm{{{names[k]}}}$", RUN_COLOURS[k % len(RUN_COLOURS)]
        some = z[classes == k]
        axes.scatter(
            some[:, 0], some[:, 1], s=18, marker=mark, color=colour, alpha=0.9, linewidths=0.1, zorder=2
        )


def _tick_label(value: float, _: float) -> str:
    return f"{value:.3g}".replace("-", "−").replace("e+0", "e")


def _draw_prior(axes: Axes) -> None:
    for sigma in (1, 2):
        axes.add_patch(
            Circle((0, 0), sigma, fill=False, edgecolor=INK, linewidth=0.6, linestyle=(0, (4, 3)), zorder=3)
        )
    caption: dict[str, Any] = {
        "transform": axes.transAxes,
        "ha": "right",
        "va": "top",
        "size": LABEL_SIZE,
        "color": INK,
    }
    axes.text(1, -0.045, "dashed: 1σ and 2σ of N(0, 1)", **caption)


def _write_names(axes: Axes, z: Array, labels: Array, classes: Array, names: list[str]) -> None:
    """Write the name of each class on the median of its codes.

    A thin line leads back to the median where the name had to move.
    """
    present = [k for k, c in enumerate(classes) if (labels == c).any()]
    medians = np.array([np.median(z[labels == classes[k]], axis=0) for k in present])
    corner = np.array([axes.get_xlim()[0], axes.get_ylim()[0]])
    per_pixel = np.ptp(axes.get_xlim()) / (_SIDE * DPI)
    sizes = np.array([(text_width([names[k]], LABEL_SIZE) + 6, 1.1 * LABEL_SIZE * DPI / 72) for k in present])
    places = corner + per_pixel * place((medians - corner) / per_pixel, sizes, np.full(2, _SIDE * DPI))
    for k, median, (x, y) in zip(present, medians, places, strict=True):
        axes.plot((median[0], x), (median[1], y), color=FAINT, linewidth=0.5, zorder=4)
        word = axes.text(x, y, names[k], ha="center", va="center", size=LABEL_SIZE, color=INK, zorder=5)
        word.set_path_effects([withStroke(linewidth=2, foreground="white")])
