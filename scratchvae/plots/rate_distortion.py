"""Compression against fidelity, for several kinds of model at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from scratchvae.arrays import Array, InputError
from scratchvae.plots.labels import round_numbers
from scratchvae.plots.style import CLASS_COLOURS, FAINT, INK, LABEL_SIZE, TITLE_SIZE, blank_figure, dress

Curves = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]]  # name: where, and the error there

_MARKERS = "osD^vP"


def rate_distortion(
    by_latents: Curves, by_rate: Curves, *, limits: Curves | None = None, error: str = "squared error"
) -> Figure:
    """Draw the error against the number of latents, and against the rate in nats; all numbers are positive.

    Each curve has a name, and a name in both panels has one colour. Both panels share the vertical axis,
    which is logarithmic and called `error`. `limits` are drawn dashed beside the curves of `by_rate`: what
    theory says of them.
    """
    drawn = {
        panel: {name: _positive(f"{panel}: {name}", *pair) for name, pair in curves.items()}
        for panel, curves in (("by_latents", by_latents), ("by_rate", by_rate), ("limits", limits or {}))
    }
    if not (drawn["by_latents"] and drawn["by_rate"]):
        raise InputError(
            "rate_distortion: by_latents and by_rate should hold at least one curve each, found none"
        )
    names = list(dict.fromkeys([*drawn["by_latents"], *drawn["by_rate"]]))
    figure = blank_figure(6.6, 3.0)
    left = figure.add_axes((0.09, 0.15, 0.39, 0.66))
    right = figure.add_axes((0.57, 0.15, 0.39, 0.66), sharey=left)
    for axes, panel in ((left, "by_latents"), (right, "by_rate")):
        dress(axes)
        axes.set_yscale("log")
        for name, (where, values) in drawn[panel].items():
            k = names.index(name)
            look: dict[str, Any] = {
                "color": CLASS_COLOURS[k % len(CLASS_COLOURS)],
                "marker": _MARKERS[k % len(_MARKERS)],
            }
            axes.plot(where, values, label=name, linewidth=1.2, markersize=3.2, **look)
    for name, (where, values) in drawn["limits"].items():
        right.plot(where, values, "--", color=FAINT, linewidth=1, label=name, zorder=0)
    _finish(left, "Error against the number of latents", "latents", error)
    _finish(right, "Error against the rate", "rate, nats per example", "")
    shown = round_numbers(*left.get_ylim())
    left.yaxis.set_minor_locator(NullLocator())
    left.set_yticks(shown, [f"{value:.3g}" for value in shown])
    latents = np.unique(np.concatenate([where for where, _ in drawn["by_latents"].values()]))
    left.set_xscale("log")
    left.xaxis.set_major_locator(FixedLocator(list(latents)))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_xticks(latents, [f"{Z:g}" for Z in latents])
    lines = {str(line.get_label()): line for axes in (left, right) for line in axes.get_lines()}
    words: dict[str, Any] = {"frameon": False, "fontsize": LABEL_SIZE, "labelcolor": INK, "handlelength": 1.8}
    figure.legend(
        lines.values(), lines.keys(), loc="upper center", ncols=min(len(lines), 5), columnspacing=1.4, **words
    )
    return figure


def _positive(where: str, places: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(places, float), np.asarray(values, float)
    if (
        x.ndim != 1
        or x.shape != y.shape
        or not x.size
        or not (np.isfinite([x, y]).all() and (x >= 0).all() and (y > 0).all())
    ):
        raise InputError(
            f"rate_distortion: {where} should be two rows of numbers of one length, finite and positive"
        )
    return x, y


def _finish(axes: Axes, title: str, horizontal: str, vertical: str) -> None:
    axes.set_title(title, size=TITLE_SIZE, color=INK)
    axes.set_xlabel(horizontal, size=LABEL_SIZE, color=INK)
    axes.set_ylabel(vertical, size=LABEL_SIZE, color=INK)
