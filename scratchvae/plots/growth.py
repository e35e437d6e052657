"""One picture shows how cost grows with size."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from scratchvae.arrays import InputError
from scratchvae.plots.style import FAINT, INK, LABEL_SIZE, TITLE_SIZE, TRAIN, blank_figure, dress


def growth(size: str, sizes: Sequence[int], seconds: Sequence[float], exponent: float) -> Figure:
    """Draw time against size, both on logarithmic axes, beside a line of slope 1 through the last point."""
    if len(sizes) != len(seconds) or len(sizes) < 2 or min(*sizes, *seconds) <= 0:
        raise InputError(
            "growth: sizes and seconds should be two or more positive numbers each, "
            f"found {sizes} and {seconds}"
        )
    figure = blank_figure(4.0, 3.0)
    axes = figure.add_axes((0.16, 0.16, 0.8, 0.72))
    dress(axes)
    milliseconds = 1e3 * np.asarray(seconds)
    axes.loglog(
        sizes, milliseconds, "o-", color=TRAIN, markersize=4, label=f"measured, exponent {exponent:.2f}"
    )
    axes.loglog(
        sizes, milliseconds[-1] * np.asarray(sizes) / sizes[-1], "--", color=FAINT, label="exponent 1"
    )
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [str(s) for s in sizes])
    axes.set_xlabel(size, size=LABEL_SIZE, color=INK)
    axes.set_ylabel("ms", size=LABEL_SIZE, color=INK)
    axes.set_title(f"Time of a step against {size}", size=TITLE_SIZE, color=INK)
    axes.legend(frameon=False, fontsize=LABEL_SIZE, labelcolor=INK)
    return figure
