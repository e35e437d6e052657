"""How the likelihood rises, step after step of EM."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from scratchvae.arrays import InputError
from scratchvae.plots.style import CLASS_COLOURS, FAINT, INK, LABEL_SIZE, TITLE_SIZE, blank_figure, dress


def likelihood_climb(curves: Mapping[str, npt.ArrayLike], maxima: Mapping[str, float]) -> Figure:
    """What is left to the maximum, in nats per example: curves (S,) of mean log p(x) by name, and each one's maximum.

    Both axes are logarithmic; what is left is drawn down to 1e-10, below which it is rounding.
    """
    lines = {name: np.asarray(values, float) for name, values in curves.items()}
    if not lines or lines.keys() - maxima.keys() or any(values.ndim != 1 or len(values) < 2 for values in lines.values()):
        raise InputError("likelihood_climb: curves should be rows of two or more numbers, each with its maximum")
    figure = blank_figure(4.4, 3.0)
    axes = figure.add_axes((0.16, 0.16, 0.8, 0.72))
    dress(axes)
    for k, (name, values) in enumerate(lines.items()):
        left = maxima[name] - values
        steps = np.flatnonzero(left > 1e-10)
        axes.loglog(steps + 1, left[steps], color=CLASS_COLOURS[k % len(CLASS_COLOURS)], linewidth=1.2, label=name)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", axis="y", color=FAINT, linewidth=0.3)
    axes.set_xlabel("step of EM", size=LABEL_SIZE, color=INK)
    axes.set_ylabel("nats per example below the maximum", size=LABEL_SIZE, color=INK)
    axes.set_title("What EM has yet to gain", size=TITLE_SIZE, color=INK)
    axes.legend(frameon=False, fontsize=LABEL_SIZE, labelcolor=INK)
    return figure
