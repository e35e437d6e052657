"""The bounds of many runs in one picture: their curves, how far each lies below the best, and the best."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from scratchvae.arrays import Array, InputError
from scratchvae.plots.labels import name_shortened, round_numbers, text_width, visible_range
from scratchvae.plots.style import (
    DPI,
    FAINT,
    INK,
    LABEL_SIZE,
    RUN_COLOURS,
    RUN_DASHES,
    TITLE_SIZE,
    blank_figure,
    dress,
    tick_locator,
)

Series = tuple[npt.ArrayLike, npt.ArrayLike]  # epochs, and the bound after each

_LEFT, _CURVES, _GAP, _DOTS, _RIGHT = 0.62, 3.3, 0.3, 1.5, 0.15  # widths in inches, from left to right
_TOP, _BOTTOM = 0.45, 0.45  # inches above and below a band
_ROW, _LEAST = 0.17, 2.7  # inches of a run's row, and of the lowest band
_FEW = 12  # points that are marked one by one
_LONGEST = 36  # letters of a name
_FINEST = 1e-3  # nats: gaps below it are not drawn


def bounds(
    groups: Mapping[str, Mapping[str, Series]],
    *,
    title: str = "Lower bound on log p(x), held-out data",
    alike: Mapping[str, Hashable] | None = None,
) -> Figure:
    """Draw a band for each group of runs that can be compared; each run has one colour and one dash.

    On the left are the curves, in nats per example, from where most of them have left the steep first epochs.
    Below them is the distance of each run from the best one of that epoch, on a logarithmic scale, which
    separates close curves. On the right is the best bound of each run, the highest on top. Each group maps
    names to epochs and bounds, as many of one as of the other; a bound that is not finite interrupts its
    curve.

    `alike` maps the name of a run to what it repeats. Runs with an equal value, such as those that differ in
    their seed alone, share a colour and a dash, and are thin lines.
    """
    drawn = {
        group: {name: _row(name, *series) for name, series in runs.items()} for group, runs in groups.items()
    }
    if not drawn or not all(drawn.values()):
        raise InputError(
            "bounds: groups should hold at least one, and each of them at least one run; found none"
        )
    every = [name_shortened(name, _LONGEST) for runs in drawn.values() for name in runs]
    words = text_width(every, LABEL_SIZE) / DPI
    numbers = (
        text_width(
            [f"{-max(map(_best, runs.values())):.2f}" for runs in drawn.values()] + ["−000.00"], LABEL_SIZE
        )
        / DPI
    )
    width = _LEFT + _CURVES + _GAP + words + 0.1 + _DOTS + 0.12 + numbers + _RIGHT
    heights = [max(_LEAST, _ROW * len(runs)) for runs in drawn.values()]
    height = 0.1 + sum(heights) + len(heights) * (_TOP + _BOTTOM)
    figure = blank_figure(width, height)
    bottom = height - 0.1
    for (group, runs), band in zip(drawn.items(), heights, strict=True):
        bottom -= _TOP + band
        looks = _looks(runs, alike or {})
        several = len(runs) > 1
        upper, lower = (0.58 if several else 1) * band, 0.36 * band
        curves = figure.add_axes(
            (_LEFT / width, (bottom + band - upper) / height, _CURVES / width, upper / height)
        )
        if several:
            gaps = figure.add_axes(
                (_LEFT / width, bottom / height, _CURVES / width, lower / height), sharex=curves
            )
            _draw_gaps(gaps, runs, looks)
        left = _LEFT + _CURVES + _GAP + words + 0.1
        rows = figure.add_axes((left / width, bottom / height, _DOTS / width, band / height))
        _draw_curves(curves, runs, looks)
        (gaps if several else curves).set_xlabel("epoch", size=LABEL_SIZE, color=INK)
        curves.tick_params(labelbottom=not several)
        _draw_best(rows, runs, looks)
        heading = ", ".join(word for word in (title, group) if word)
        figure.text(
            0.5,
            (bottom + band + 0.25) / height,
            heading,
            ha="center",
            va="center",
            size=TITLE_SIZE,
            color=INK,
        )
        bottom -= _BOTTOM
    return figure


def _row(name: str, epochs: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(epochs, float), np.asarray(values, float)
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise InputError(
            f"bounds: {name} should have as many bounds as epochs, found shapes {x.shape} and {y.shape}"
        )
    return x, np.where(np.isfinite(y), y, np.nan)


def _best(series: tuple[Array, Array]) -> float:
    return float(np.max(series[1], initial=-np.inf, where=np.isfinite(series[1])))


def _looks(
    runs: Mapping[str, tuple[Array, Array]], alike: Mapping[str, Hashable]
) -> dict[str, dict[str, Any]]:
    """Give each kind of run a colour and, when colours run out, another dash.

    The kinds come in the order of their best bounds, so that neighbours never look alike.
    """
    order = sorted(runs, key=lambda name: -_best(runs[name]))
    kinds = [alike.get(name, name) for name in order]
    different, n = list(dict.fromkeys(kinds)), len(RUN_COLOURS)
    looks = {}
    for place, (name, kind) in enumerate(zip(order, kinds, strict=True)):
        k = different.index(kind)
        looks[name] = {
            "color": RUN_COLOURS[k % n],
            "linestyle": RUN_DASHES[k // n % len(RUN_DASHES)],
            "linewidth": 1.2 if kinds.count(kind) == 1 else 0.7,
            "zorder": 3 - place / 1e3,
        }
    return looks


def _draw_curves(
    axes: Axes, runs: Mapping[str, tuple[Array, Array]], looks: Mapping[str, dict[str, Any]]
) -> None:
    dress(axes)
    for name, (epochs, values) in runs.items():
        axes.plot(epochs, values, marker="o" if len(epochs) <= _FEW else None, markersize=2.5, **looks[name])
    axes.set_ylim(*visible_range(list(runs.values())))
    last = max(float(epochs.max()) for epochs, _ in runs.values())
    axes.set_xlim(1 - 0.03 * last, last + max(0.03 * (last - 1), 0.5))
    axes.xaxis.set_major_locator(tick_locator(6, whole=True))
    axes.yaxis.set_major_locator(tick_locator(5))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.set_ylabel("nats per example", size=LABEL_SIZE, color=INK)


def _draw_gaps(
    axes: Axes, runs: Mapping[str, tuple[Array, Array]], looks: Mapping[str, dict[str, Any]]
) -> None:
    """Draw how far each run lies below the best one at that epoch.

    The best run itself lies at the foot of the axis.
    """
    dress(axes)
    highest: dict[float, float] = {}
    for epochs, values in runs.values():
        for epoch, value in zip(epochs.tolist(), values.tolist(), strict=True):
            highest[epoch] = max(highest.get(epoch, -np.inf), value if np.isfinite(value) else -np.inf)
    largest = _FINEST
    for name, (epochs, values) in runs.items():
        gaps = np.array([highest[epoch] for epoch in epochs.tolist()]) - values
        largest = max(largest, float(np.max(gaps, initial=0, where=np.isfinite(gaps))))
        shown = np.where(gaps > _FINEST, gaps, np.nan)
        axes.plot(epochs, shown, marker="o" if len(epochs) <= _FEW else None, markersize=2.5, **looks[name])
    axes.set_yscale("log")
    if largest <= _FINEST:
        axes.set_ylim(_FINEST, 1)
    ticks = round_numbers(*axes.get_ylim(), most=5)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.set_ylabel("below the best, nats", size=LABEL_SIZE, color=INK)


def _draw_best(
    axes: Axes, runs: Mapping[str, tuple[Array, Array]], looks: Mapping[str, dict[str, Any]]
) -> None:
    dress(axes)
    order = sorted(runs, key=lambda name: _best(runs[name]))
    best = [_best(runs[name]) for name in order]
    finite = [value for value in best if np.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    margin = 0.08 * (high - low) or 0.5
    axes.set(xlim=(low - margin, high + margin), ylim=(-0.7, len(order) - 0.3))
    for k, (name, value) in enumerate(zip(order, best, strict=True)):
        look = looks[name]
        axes.axhline(k, color=FAINT, linewidth=0.3, zorder=0)
        if np.isfinite(value):
            axes.plot(
                [low - margin, value], [k, k], color=look["color"], linestyle=look["linestyle"], linewidth=1.2
            )
            axes.plot([value], [k], color=look["color"], linestyle="", marker="o", markersize=4, zorder=3)
        said = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "not finite"
        axes.annotate(
            said, (1, k), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            size=LABEL_SIZE, color=INK, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(order)), [name_shortened(name, _LONGEST) for name in order])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(tick_locator(3))
    axes.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.set_xlabel("best bound, nats per example", size=LABEL_SIZE, color=INK)
