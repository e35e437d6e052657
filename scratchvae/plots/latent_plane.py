"""The manifold that a decoder spans over two latents: Kingma and Welling 2014, figure 4."""

from math import ceil

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.plots.labels import name_axes, number_labels, text_width
from scratchvae.plots.mosaic import pixels, tile
from scratchvae.plots.style import DPI, INK, LABEL_SIZE, TITLE_SIZE, blank_figure, dress

_SIDE = 5.0  # inches that the picture strives for
_MARGINS = {"left": 84, "right": 48, "bottom": 48, "top": 60}  # pixels


def manifold_codes(n: int) -> tuple[Array, Array]:
    """Codes (n, n, 2) and the values (n,) they take: row i has z₂ = values[i], column j has z₁ = values[j].

    The values Φ⁻¹((k + ½)/n) cut the standard normal prior into n parts of equal probability and lie in the middle of each.
    """
    from scipy.special import ndtri

    if n < 1:
        raise InputError(f"manifold_codes: n should be at least 1, found {n}")
    values = ndtri((np.arange(n) + 0.5) / n)
    z1, z2 = np.meshgrid(values, values)
    return np.stack([z1, z2], axis=-1), values


def manifold(decoded: Array, values: Array, *, title: str = "Decoded plane of two latents") -> Figure:
    """What the decoder makes of `manifold_codes`: decoded (n, n, C, H, W) in [0, 1], values (n,), as one picture.

    z₁ increases to the right, z₂ upwards: the first row of `decoded` is the lowest of the picture.
    """
    n = require_shapes("manifold", values=(values, "n"), decoded=(decoded, "n n C H W"))["n"]
    require_finite("manifold", "values", values)
    shades = pixels("manifold", "decoded", np.reshape(decoded, (n * n, *np.shape(decoded)[2:])))
    cells = shades.reshape(n, n, *shades.shape[1:])[::-1]
    scale = max(1, round(_SIDE * DPI / (n * max(cells.shape[2:4]))))
    picture = tile(cells, gap=0, scale=scale)
    height, width = picture.shape[:2]

    full_width, full_height = _MARGINS["left"] + width + _MARGINS["right"], _MARGINS["top"] + height + _MARGINS["bottom"]
    figure = blank_figure(full_width / DPI, full_height / DPI)
    axes = figure.add_axes(
        (_MARGINS["left"] / full_width, _MARGINS["bottom"] / full_height, width / full_width, height / full_height)
    )
    dress(axes)
    axes.spines[:].set_visible(False)
    axes.imshow(picture, interpolation="nearest", aspect="auto", extent=(0, n, 0, n))
    words = number_labels(values)
    step = ceil(1.2 * text_width(words, LABEL_SIZE) / (cells.shape[3] * scale))
    axes.set_xticks(np.arange(0, n, step) + 0.5, words[::step])
    axes.set_yticks(np.arange(0, n, step) + 0.5, words[::step])
    name_axes(axes)
    axes.set_title(title, size=TITLE_SIZE, color=INK)
    return figure
