"""Curves that rise towards a level that none of them can pass."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchvae.arrays import InputError
from scratchvae.plots.style import CLASS_COLOURS, FAINT, HELD_OUT, INK, LABEL_SIZE, TITLE_SIZE, TRAIN, blank_figure, dress


def ascent(
    steps: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    ceiling: float,
    ceiling_label: str,
    title: str,
    quantity: str = "nats per example",
) -> Figure:
    """Each of the `series`, one value a step, against `steps`, below a dashed line at `ceiling`; the vertical axis is linear."""
    lengths = {len(values) for values in series.values()}
    if lengths != {len(steps)} or not len(steps):
        raise InputError(f"ascent: each series should have one value for each of {len(steps)} steps, found {sorted(lengths)}")
    figure = blank_figure(4.6, 3.0)
    axes = figure.add_axes((0.15, 0.15, 0.81, 0.74))
    dress(axes)
    axes.axhline(ceiling, linestyle="--", linewidth=0.9, color=FAINT, label=ceiling_label)
    for (name, values), colour in zip(series.items(), (TRAIN, HELD_OUT, *CLASS_COLOURS), strict=False):
        axes.plot(steps, values, label=name, color=colour, linewidth=1.2)
    lowest = min(float(np.min(values)) for values in series.values())
    axes.set_ylim(top=ceiling + 0.06 * (ceiling - lowest or 1.0))
    axes.set_xlim(min(steps), max(steps))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel("steps", size=LABEL_SIZE, color=INK)
    axes.set_ylabel(quantity, size=LABEL_SIZE, color=INK)
    axes.set_title(title, size=TITLE_SIZE, color=INK)
    axes.legend(frameon=False, fontsize=LABEL_SIZE, labelcolor=INK, loc="lower right")
    return figure
