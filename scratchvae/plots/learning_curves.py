"""Learning curves: what a run recorded, epoch after epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from scratchvae.arrays import Array, InputError
from scratchvae.plots.labels import visible_range
from scratchvae.plots.style import (
    HELD_OUT,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    TRAIN,
    blank_figure,
    dress,
    tick_locator,
)

TERM_TITLES = {
    "loss": "Loss",
    "bound": "Lower bound on log p(x)",
    "log_px": "Reconstruction, log p(x|z)",
    "kl": "Divergence, KL(q(z|x) ‖ p(z))",
}
_PARTS = {"train": ("train", TRAIN), "held_out": ("held out", HELD_OUT)}
_WIDTH, _HEIGHT = 1.8, 1.4  # inches of a panel
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.62, 0.1, 0.4, 0.28  # inches around it
_LEGEND = 0.35
_ACROSS = 3
_FEW = 20  # points that are marked one by one


def curves(records: Sequence[Mapping[str, Any]], terms: Sequence[str] = ("bound", "log_px", "kl")) -> Figure:
    """Draw a panel for each of the `terms` that the records hold, in nats per example.

    A panel shows training and held-out data together. Records are as a run keeps them: {"epoch": 1, "train":
    {"bound": ..., ...}, "held_out": {...}}, of which the last may be absent. A value that is not finite
    interrupts its curve and is marked × at the foot of the panel. First epochs that would flatten all the
    rest reach out of the panel.
    """
    if not records:
        raise InputError("curves: records should hold at least one epoch, found none")
    if not all("epoch" in record for record in records):
        raise InputError("curves: each record should say its epoch, found one that does not")
    held = list(dict.fromkeys(term for record in records for part in _PARTS for term in record.get(part, {})))
    shown = [term for term in terms if term in held]
    if not shown:
        raise InputError(
            f"curves: records should hold one of {', '.join(terms)}; found {', '.join(held) or 'no terms'}"
        )

    across = min(len(shown), _ACROSS)
    down = -(-len(shown) // across)
    width, height = (_LEFT + _WIDTH + _RIGHT) * across, (_TOP + _HEIGHT + _BOTTOM) * down + _LEGEND
    figure = blank_figure(width, height)
    for k, term in enumerate(shown):
        left = (_LEFT + _WIDTH + _RIGHT) * (k % across) + _LEFT
        bottom = (_TOP + _HEIGHT + _BOTTOM) * (down - 1 - k // across) + _BOTTOM
        axes = figure.add_axes((left / width, bottom / height, _WIDTH / width, _HEIGHT / height))
        _draw_panel(axes, records, term)
    lines = {str(line.get_label()): line for axes in figure.axes for line in axes.get_lines()}
    look: dict[str, Any] = {"frameon": False, "fontsize": LABEL_SIZE, "labelcolor": INK, "handlelength": 1.5}
    figure.legend(lines.values(), lines.keys(), loc="upper right", ncols=min(len(lines), 2 * across), **look)
    return figure


def _draw_panel(axes: Axes, records: Sequence[Mapping[str, Any]], term: str) -> None:
    dress(axes)
    for part, (label, colour) in _PARTS.items():
        epochs, values = _series(records, part, term)
        if not len(epochs):
            continue
        marker = "o" if len(epochs) <= _FEW else None
        axes.plot(epochs, values, label=label, color=colour, linewidth=1.2, marker=marker, markersize=2.5)
        lost = epochs[~np.isfinite(values)]
        if len(lost):
            axes.plot(
                lost, np.zeros(len(lost)), label=f"{label}, not finite", color=colour, linestyle="",
                marker="x", markersize=4, transform=axes.get_xaxis_transform(), clip_on=False,
            )  # fmt: skip
    axes.set_ylim(*visible_range([_series(records, part, term) for part in _PARTS]))
    epochs = np.array([record["epoch"] for record in records], float)
    margin = 0.03 * np.ptp(epochs) or 0.5
    axes.set_xlim(epochs.min() - margin, epochs.max() + margin)
    axes.xaxis.set_major_locator(tick_locator(5, whole=True))
    axes.yaxis.set_major_locator(tick_locator(5))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.set_title(TERM_TITLES.get(term, term), size=TITLE_SIZE, color=INK)
    axes.set_xlabel("epoch", size=LABEL_SIZE, color=INK)
    axes.set_ylabel("nats per example", size=LABEL_SIZE, color=INK, va="top")
    axes.yaxis.set_label_coords(-0.95 * _LEFT / _WIDTH, 0.5)


def _series(records: Sequence[Mapping[str, Any]], part: str, term: str) -> tuple[Array, Array]:
    """Return the epochs at which `term` was recorded, and its values there, with NaN for infinities."""
    kept = [(record["epoch"], record[part][term]) for record in records if term in record.get(part, {})]
    epochs, values = np.array(kept, float).reshape(-1, 2).T
    return epochs, np.where(np.isfinite(values), values, np.nan)
