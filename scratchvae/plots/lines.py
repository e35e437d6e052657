"""Curves with names, in one panel or several side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from scratchvae.arrays import Array, InputError, require_choice
from scratchvae.plots.style import (
    CLASS_COLOURS,
    FAINT,
    HELD_OUT,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    TRAIN,
    blank_figure,
    dress,
    tick_locator,
)

Series = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]  # name: where, and the values there

_WIDTH, _HEIGHT = 2.1, 1.8  # inches of a panel; a single panel is half as large again
_LEFT, _GAP, _RIGHT, _BOTTOM, _TITLE = 0.6, 0.35, 0.15, 0.42, 0.3
_LETTER, _HANDLE, _ROW = 0.055, 0.5, 0.17  # inches of a letter, a sample of a line, and a row of the legend
_COLOURS = (TRAIN, HELD_OUT, *CLASS_COLOURS[3:])
_FEW = 12  # points that are marked one by one


def lines(
    panels: Mapping[str, Series],
    *,
    x_label: str,
    y_label: str,
    title: str = "",
    levels: Mapping[str, float] | None = None,
    log: str = "",
) -> Figure:
    """Draw a panel for each name, in which a curve of one name has the same colour as in all others.

    `levels` are dashed lines across all panels. `log` names the axes that are logarithmic: "", "x", "y" or
    "xy". Panels share the vertical axis. Values that are not finite interrupt their curve, as do those that
    are not positive on a logarithmic axis.
    """
    require_choice("lines", "log", log, ("", "x", "y", "xy"))
    drawn = {
        panel: {name: _row(name, *pair) for name, pair in series.items()} for panel, series in panels.items()
    }
    names = list(dict.fromkeys(name for series in drawn.values() for name in series))
    if not names:
        raise InputError("lines: panels should hold at least one curve, found none")
    scale = 1.5 if len(drawn) == 1 else 1.0
    panel_width, panel_height = scale * _WIDTH, scale * _HEIGHT
    width = _LEFT + len(drawn) * (panel_width + _GAP) - _GAP + _RIGHT
    legend = [*(levels or {}), *names]
    across = max(1, min(len(legend), int(width / (_HANDLE + _LETTER * max(map(len, legend))))))
    rows = -(-len(legend) // across)
    height = _BOTTOM + panel_height + _TITLE + _ROW * (rows + any(drawn)) + 0.06
    figure = blank_figure(width, height)
    figure.text(0.5, 1 - 0.1 / height, title, ha="center", va="top", size=TITLE_SIZE, color=INK)
    first: Axes | None = None
    for k, (panel, series) in enumerate(drawn.items()):
        left = _LEFT + k * (panel_width + _GAP)
        axes = figure.add_axes(
            (left / width, _BOTTOM / height, panel_width / width, panel_height / height),
            sharey=first,
            label=panel,
        )
        first = first or axes
        dress(axes)
        _draw(axes, series, names, levels or {}, log)
        axes.set_title(panel, size=LABEL_SIZE, color=INK)
        axes.set_xlabel(x_label, size=LABEL_SIZE, color=INK)
        axes.tick_params(labelleft=k == 0)
    assert first is not None
    first.set_ylabel(y_label, size=LABEL_SIZE, color=INK)
    shown = {str(line.get_label()): line for axes in figure.axes for line in axes.get_lines()}
    look: dict[str, Any] = {"frameon": False, "fontsize": LABEL_SIZE, "labelcolor": INK, "handlelength": 1.6}
    look |= {
        "loc": "upper center",
        "bbox_to_anchor": (0.5, 1 - 0.22 / height),
        "ncols": across,
        "borderaxespad": 0.2,
    }
    figure.legend(shown.values(), shown.keys(), **look)
    return figure


def _draw(
    axes: Axes,
    series: Mapping[str, tuple[Array, Array]],
    names: list[str],
    levels: Mapping[str, float],
    log: str,
) -> None:
    if "x" in log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(tick_locator(5))
    if "y" in log:
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(tick_locator(5))
    for name, level in levels.items():
        axes.axhline(level, label=name, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    for name, (where, values) in series.items():
        marker = "o" if len(where) <= _FEW else None
        colour = _COLOURS[names.index(name) % len(_COLOURS)]
        axes.plot(where, values, label=name, color=colour, linewidth=1.2, marker=marker, markersize=3)


def _row(name: str, where: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(where, float), np.asarray(values, float)
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise InputError(
            f"lines: {name} should be two rows of numbers of one length, found shapes {x.shape} and {y.shape}"
        )
    return x, np.where(np.isfinite(y), y, np.nan)
