"""The manifold that a decoder spans over two latents, as in Kingma and Welling 2014, figure 4."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import name_axes, number_labels, text_width
from scratchvae.plots.mosaic import pixels, tile
from scratchvae.plots.style import (
    CLASS_COLOURS,
    DPI,
    HELD_OUT,
    INK,
    LABEL_SIZE,
    TITLE_SIZE,
    blank_figure,
    dress,
)

COLLAPSED = 0.01  # the variance of a latent's codes at and below which it is not active: Burda et al. 2016
_SIDE = 5.0  # the side, in inches, that the picture has if it can
_MARGINS = {"left": 84, "right": 48, "bottom": 48, "top": 60}  # pixels


def manifold_codes(n: int, z: Array | None = None) -> tuple[Array, Array]:
    """Return codes (n, n, 2) and their values (n,): row i has z₂ = values[i], column j has z₁ = values[j].

    The values Φ⁻¹((k + ½)/n) are the middles of n parts of the standard normal prior that have equal
    probability. Given the codes z (N, 2) of data, the values (2, n) of each latent are such middles of these
    codes, and so lie where the data lie. A latent whose codes hardly vary, with a variance of 0.01 or less,
    says nothing about the data and keeps the prior's values.
    """
    from scipy.special import ndtri

    if n < 1:
        raise InputError(f"manifold_codes: n should be at least 1, found {n}")
    shares = (np.arange(n) + 0.5) / n
    values: Array = ndtri(shares)
    if z is not None:
        require_shapes("manifold_codes", z=(z, "N 2"))
        require_finite("manifold_codes", "z", z)
        used = np.var(z, axis=0, dtype=np.float64) > COLLAPSED
        values = np.stack(
            [np.quantile(z[:, k].astype(float), shares) if used[k] else values for k in range(2)]
        )
    horizontal, vertical = np.broadcast_to(values, (2, n))
    z1, z2 = np.meshgrid(horizontal, vertical)
    return np.stack([z1, z2], axis=-1), values


def manifold(
    decoded: Array,
    values: Array,
    *,
    z: Array | None = None,
    labels: Array | None = None,
    axis_names: tuple[str, str] = ("z₁", "z₂"),
    title: str = "Decoded plane of two latents",
) -> Figure:
    """Draw the decoded `manifold_codes`, (n, n, C, H, W) in [0, 1], as one picture with their values.

    The values are (n,) or (2, n). z₁ increases to the right and z₂ upwards, so that the first row of
    `decoded` is the lowest of the picture. Codes z (N, 2) are drawn above it, each where its own values lie
    between those of the images, in the colours of up to 12 `labels` (N,).
    """
    n = require_shapes("manifold", decoded=(decoded, "n n C H W"))["n"]
    require_shapes("manifold", values=(values, f"{n}" if np.ndim(values) == 1 else f"2 {n}"))
    require_finite("manifold", "values", values)
    shades = pixels("manifold", "decoded", np.reshape(decoded, (n * n, *np.shape(decoded)[2:])))
    cells = shades.reshape(n, n, *shades.shape[1:])[::-1]
    scale = max(1, round(_SIDE * DPI / (n * max(cells.shape[2:4]))))
    gap = max(2, scale // 4)
    picture = tile(cells, gap=gap, scale=scale)
    picture = np.pad(
        picture, ((gap - gap // 2, gap // 2), (gap // 2, gap - gap // 2), (0, 0)), constant_values=255
    )
    # n steps of a cell and a gap each, so that cells have their middles at half-numbers
    height, width = picture.shape[:2]
    both = np.broadcast_to(values, (2, n))
    words = [number_labels(one) for one in both]
    left = max(_MARGINS["left"], text_width(words[1], LABEL_SIZE) + 30)

    full_width, full_height = left + width + _MARGINS["right"], _MARGINS["top"] + height + _MARGINS["bottom"]
    figure = blank_figure(full_width / DPI, full_height / DPI)
    axes = figure.add_axes(
        (left / full_width, _MARGINS["bottom"] / full_height, width / full_width, height / full_height)
    )
    dress(axes)
    axes.spines[:].set_visible(False)
    axes.imshow(picture, interpolation="nearest", aspect="auto", extent=(0, n, 0, n))
    step = ceil(1.2 * text_width(words[0], LABEL_SIZE) / (cells.shape[3] * scale))
    axes.set_xticks(np.arange(0, n, step) + 0.5, words[0][::step])
    axes.set_yticks(np.arange(0, n, step) + 0.5, words[1][::step])
    if z is not None:
        _draw_codes(axes, np.asarray(z), both, labels)
    name_axes(axes, *axis_names)
    axes.set_title(title, size=TITLE_SIZE, color=INK)
    return figure


def _draw_codes(axes: Axes, z: Array, values: Array, labels: Array | None) -> None:
    """Draw codes (N, 2) as points among the images, whose middles lie at half-numbers.

    Codes beyond the outermost values are drawn on the edge.
    """
    n = values.shape[1]
    if n < 2 or (np.diff(values, axis=1) <= 0).any():
        raise InputError("manifold: values should increase where codes are drawn between them")
    places = [np.interp(z[:, k], _with_ends(values[k]), np.arange(-0.5, n + 1)) for k in range(2)]
    kinds = np.unique(labels) if labels is not None else np.zeros(1, int)
    colours: Any = HELD_OUT
    if labels is not None and len(kinds) <= len(CLASS_COLOURS):
        colours = [CLASS_COLOURS[k] for k in np.searchsorted(kinds, labels)]
    look: dict[str, Any] = {"s": 16, "edgecolors": "white", "linewidths": 0.4, "alpha": 0.95}
    axes.scatter(np.clip(places[0], 0, n), np.clip(places[1], 0, n), c=colours, clip_on=False, **look)


def _with_ends(values: Array) -> Array:
    """Return the values and one more at each end, as far from its neighbour as the next two are apart."""
    return np.concatenate([[2 * values[0] - values[1]], values, [2 * values[-1] - values[-2]]])
