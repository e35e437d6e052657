"""Spectrograms show sound: frequency upwards, time to the right, and the level as a colour."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite
from scratchvae.plots.style import INK, LABEL_SIZE, TITLE_SIZE, blank_figure, dress

_LOOK: dict[str, Any] = {"cmap": "magma", "vmin": 0, "vmax": 1, "interpolation": "nearest"}


def spectrograms(
    levels: Sequence[Array],
    frequencies: Array,
    seconds_per_frame: float,
    *,
    names: Sequence[str],
    title: str | None = None,
) -> Figure:
    """Draw levels (T, F), from 0 (black) to 1, one spectrogram above the other, all on the same scales.

    The frequencies (F,) are in Hz and evenly spaced. InputError unless there is a name for each spectrogram
    and a frequency for each of F entries.
    """
    if not levels or len(names) != len(levels):
        raise InputError(
            "spectrograms: names should be as many as levels, one or more; "
            f"found {len(names)} and {len(levels)}"
        )
    for one in levels:
        if one.ndim != 2 or one.size == 0 or one.shape[1] != len(frequencies) or len(frequencies) < 2:
            raise InputError(
                f"spectrograms: levels should have shape (T, F) with F = {len(frequencies)}, "
                f"found {one.shape}"
            )
        require_finite("spectrograms", "levels", one)
    rows, height = len(levels), 0.2 + 1.45 * len(levels) + (0.4 if title else 0.15)
    figure = blank_figure(6.5, height)
    half = (frequencies[1] - frequencies[0]) / 2000
    longest = max(len(one) for one in levels) * seconds_per_frame
    for k, (one, name) in enumerate(zip(levels, names, strict=True)):
        bottom = (0.4 + 1.45 * (rows - 1 - k)) / height
        axes = figure.add_axes((0.07, bottom, 0.83, 1.15 / height))
        dress(axes)
        extent = (
            0,
            len(one) * seconds_per_frame,
            frequencies[0] / 1000 - half,
            frequencies[-1] / 1000 + half,
        )
        image = axes.imshow(one.T, origin="lower", aspect="auto", extent=extent, **_LOOK)
        axes.set_xlim(0, longest)
        axes.set_title(name, size=LABEL_SIZE, color=INK, loc="left", pad=3)
        axes.set_ylabel("kHz", size=LABEL_SIZE, color=INK, labelpad=2)
        if k < rows - 1:
            axes.set_xticklabels([])
        else:
            axes.set_xlabel("seconds", size=LABEL_SIZE, color=INK, labelpad=2)
    scale = figure.add_axes((0.92, 0.4 / height, 0.014, (1.15 + 1.45 * (rows - 1)) / height))
    bar = figure.colorbar(image, cax=scale, ticks=np.linspace(0, 1, 3))
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=LABEL_SIZE, color=INK, labelcolor=INK, width=0.6, length=2.5, pad=2)
    bar.ax.set_ylabel("level", size=LABEL_SIZE, color=INK, labelpad=2)
    if title:
        figure.text(0.5, 1 - 0.08 / height, title, ha="center", va="top", size=TITLE_SIZE, color=INK)
    return figure
