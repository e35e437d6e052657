"""A bar for each latent shows how much it tells of the data, so that a collapse is seen at once."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import latent_name
from scratchvae.plots.style import (
    FAINT,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    TRAIN,
    blank_figure,
    dress,
    tick_locator,
)

_NAMED = 40  # bars that are named one by one
# The axis reaches at least this value, so that the bars are low where all latents have collapsed.
_LEAST = 0.1
_LOWER = 0.75  # inches below the bars


def latent_divergences(
    values: Array,
    active: Sequence[bool] | Array,
    *,
    measure: str = "KL(q(z|x) ‖ p(z)), nats",
    title: str = "",
) -> Figure:
    """Draw a bar for each latent of `values` (Z,), the highest on the left.

    A bar is blue where the latent is `active` (Z,), else grey. `measure` says what the values are. A latent
    that no example moves has collapsed, and its bar is too low to be seen.
    """
    Z = require_shapes("latent_divergences", values=(values, "Z"), active=(np.asarray(active), "Z"))["Z"]
    require_finite("latent_divergences", "values", values)
    if Z == 0:
        raise InputError("latent_divergences: values should hold at least one latent, found none")
    width, height = 0.75 + min(6.5, max(3.2, 0.2 * Z)), 2.6
    figure = blank_figure(width, height)
    axes = figure.add_axes((0.6 / width, _LOWER / height, 1 - 0.75 / width, 1 - (_LOWER + 0.35) / height))
    dress(axes)
    order, used = np.argsort(-np.asarray(values), kind="stable"), np.asarray(active, bool)
    axes.bar(
        range(Z), np.asarray(values)[order], width=0.8, color=[TRAIN if used[i] else FAINT for i in order]
    )
    axes.set_xlim(-0.7, Z - 0.3)
    axes.set_ylim(min(0.0, 1.05 * float(np.min(values))), 1.05 * max(float(np.max(values)), _LEAST))
    axes.yaxis.set_major_locator(tick_locator(5))
    if Z <= _NAMED:
        axes.set_xticks(range(Z), [latent_name(int(i)) for i in order], rotation=90 if Z > 24 else 0)
        axes.tick_params(axis="x", length=0)
    else:
        axes.set_xticks([])
    axes.set_xlabel(
        f"latents, the highest first; grey: not active ({int((~used).sum())} of {Z})",
        size=LABEL_SIZE,
        color=INK,
    )
    axes.set_ylabel(measure, size=LABEL_SIZE, color=INK)
    axes.set_title(title or f"{int(used.sum())} of {Z} latents are active", size=TITLE_SIZE, color=INK)
    return figure
