"""Histograms of the columns of a table, in the data and among samples."""

from collections.abc import Sequence
from math import ceil
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import name_shortened
from scratchvae.plots.style import (
    FAINT,
    HELD_OUT,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    blank_figure,
    dress,
    tick_locator,
)

# a name, real values, sampled ones, and the levels if it has some
Column = tuple[str, Array, Array, Sequence[str]]

_WIDTH, _HEIGHT = 2.5, 1.7  # inches of a panel
_ACROSS, _TITLE = 4, 0.35  # panels side by side, and inches above them
_BINS = 24
_LETTERS = 30  # so many letters fit below all bars together
_NAMED = 6  # levels whose names fit below their bars
_FEW = 12  # different values that get a bar each
_HALVES = 2.0**52  # floats below it have halves between whole numbers


def histogram(real: Array, sampled: Array, name: str = "", *, levels: Sequence[str] = ()) -> Figure:
    """Draw the shares of a column's values, real (N,) as filled bars and sampled (M,) as a line above them.

    Bins reach over the central 99.8 % of both, and values beyond count in the outermost bins. Where the real
    values are whole, each bin holds equally many whole numbers, and at most 12 different ones have a bin
    each. The values of a column of categories are the numbers 0, 1, … of its `levels`.
    """
    require_shapes("histogram", real=(real, "N"), sampled=(sampled, "M"))
    if not len(real) or not len(sampled):
        raise InputError(
            f"histogram: real and sampled should hold a value each, found {len(real)} and {len(sampled)}"
        )
    require_finite("histogram", "real", real)
    require_finite("histogram", "sampled", sampled)
    figure = blank_figure(_WIDTH, _HEIGHT)
    _draw(figure.add_axes((0.19, 0.21, 0.77, 0.62)), real, sampled, name, levels)
    return figure


def histograms(
    columns: Sequence[Column], *, title: str = "Columns in the data (filled) and among samples (line)"
) -> Figure:
    """Draw a panel for each column, (name, real, sampled, levels) as `histogram` takes them.

    Missing entries, NaN, are not counted.
    """
    known = [(name, real[~np.isnan(real)], sampled, levels) for name, real, sampled, levels in columns]
    known = [column for column in known if len(column[1])]
    if not known:
        raise InputError(
            f"histograms: columns should hold one with a value at least, found {len(columns)} without"
        )
    across = min(len(known), _ACROSS)
    down = ceil(len(known) / across)
    width, height = max(across, 2) * _WIDTH, down * _HEIGHT + _TITLE
    figure = blank_figure(width, height)
    figure.text(0.5, 1 - 0.5 * _TITLE / height, title, ha="center", va="center", size=TITLE_SIZE, color=INK)
    for k, (name, real, sampled, levels) in enumerate(known):
        left, top = k % across * _WIDTH, height - _TITLE - k // across * _HEIGHT
        place = (
            (left + 0.19 * _WIDTH) / width,
            (top - 0.79 * _HEIGHT) / height,
            0.77 * _WIDTH / width,
            0.62 * _HEIGHT / height,
        )
        _draw(figure.add_axes(place), real, sampled, name, levels)
    return figure


def _draw(axes: Axes, real: Array, sampled: Array, name: str, levels: Sequence[str]) -> None:
    dress(axes)
    edges = np.arange(len(levels) + 1) - 0.5 if levels else _edges(real, sampled)
    parts = [
        np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values)
        for values in (real, sampled)
    ]
    axes.stairs(100 * parts[0], edges, fill=True, color=FAINT, alpha=0.55, linewidth=0)
    axes.stairs(100 * parts[1], edges, color=HELD_OUT, linewidth=1.2)
    axes.set_ylim(0, 105 * max(float(part.max()) for part in parts))
    axes.xaxis.set_major_locator(tick_locator(4, whole=_are_whole(real)))
    if levels:
        step = -(-len(levels) // _NAMED)
        shown = range(0, len(levels), step)
        longest = max(3, _LETTERS // len(shown))
        axes.set_xticks(list(shown), [_level_label(levels[k], longest) for k in shown])
    axes.yaxis.set_major_locator(tick_locator(3))
    axes.set_ylabel("% of rows", size=LABEL_SIZE, color=INK)
    axes.set_title(name_shortened(name, 24), size=TITLE_SIZE, color=INK)


def _level_label(name: str, longest: int) -> str:
    """Write a level's name on one line or two, without its middle where neither has room for it."""
    lines = wrap(name, longest, break_long_words=False)
    two = len(lines) == 2 and max(map(len, lines)) <= longest
    return (
        "\n".join(name_shortened(line, longest) for line in lines) if two else name_shortened(name, longest)
    )


def _are_whole(values: Array) -> bool:
    return bool((values == np.floor(values)).all())


def _edges(real: Array, sampled: Array) -> Array:
    kinds = np.unique(real)
    whole = _are_whole(kinds)
    if len(kinds) <= _FEW and whole and np.ptp(kinds) < 4 * _FEW:
        return np.arange(kinds[0] - 0.5, kinds[-1] + 1)
    both = np.concatenate([np.quantile(values.astype(float), (0.001, 0.999)) for values in (real, sampled)])
    low, high = both.min(), both.max()
    if whole and max(abs(low), abs(high)) < _HALVES:
        each = ceil((np.ceil(high) - np.floor(low) + 1) / _BINS)  # bins of other widths would look like combs
        return np.arange(np.floor(low), np.ceil(high) + each + 1, each) - 0.5
    reach = max(high - low, 1e-9 * max(abs(low), abs(high)), 1e-300)
    return low + reach * np.linspace(-0.01, 1.01, _BINS + 1)
