"""Gaussians in the plane are drawn as the ellipses of one, two and more standard deviations."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from scratchvae.arrays import InputError, require_finite, require_shapes
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
)


def ellipses(
    laws: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], *, title: str = "", deviations: int = 2
) -> Figure:
    """Draw the ellipses of 1 … `deviations` deviations of each law, given as mean (2,) and covariance (2, 2).

    Both axes have one scale. Lines get thinner from law to law, so that a line below another one still shows
    on both sides of it.
    """
    if not laws:
        raise InputError("ellipses: laws should hold at least one mean and covariance, found none")
    figure = blank_figure(3.6, 3.6)
    axes = figure.add_axes((0.15, 0.13, 0.81, 0.76))
    dress(axes)
    angle = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    colours = (FAINT, TRAIN, HELD_OUT, *CLASS_COLOURS)
    for i, (name, law) in enumerate(laws.items()):
        mean, S = (np.asarray(part, float) for part in law)
        require_shapes("ellipses", mean=(mean, "2"), covariance=(S, "2 2"))
        require_finite("ellipses", f"the covariance of {name}", S)
        variances, directions = np.linalg.eigh(S)
        if variances[0] < 0:
            raise InputError(
                f"ellipses: the covariance of {name} should have no negative variance, "
                f"found {variances[0]:.3g}"
            )
        for k in range(1, deviations + 1):
            x, y = mean[:, None] + directions @ (k * np.sqrt(variances)[:, None] * circle)
            axes.plot(
                x, y, color=colours[i % len(colours)], linewidth=4.0 / (i + 1), label=name if k == 1 else None
            )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("z₁", size=LABEL_SIZE, color=INK)
    axes.set_ylabel("z₂", size=LABEL_SIZE, color=INK)
    figure.text(0.5, 0.97, title, ha="center", va="top", size=TITLE_SIZE, color=INK)
    axes.legend(frameon=False, fontsize=LABEL_SIZE, labelcolor=INK, loc="upper left")
    return figure
