"""Images side by side: any images, data above their reconstructions, samples."""

from collections.abc import Sequence
from math import ceil, isqrt

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_shapes
from scratchvae.plots.labels import text_width
from scratchvae.plots.mosaic import pixels, tile, tile_origins
from scratchvae.plots.style import DPI, INK, LABEL_SIZE, TITLE_SIZE, blank_figure

_PAGE = (6.5, 8.5)  # the width and height, in inches, that a grid fills if it can
_LARGEST_CELL = 1.2  # inches
_MARGIN = 12  # pixels around everything
_PAD = 9  # pixels between labels and images
_LINE = round(1.3 * LABEL_SIZE * DPI / 72)  # pixels that a line of labels takes
_TITLE_LINE = round(1.6 * TITLE_SIZE * DPI / 72)


def image_grid(
    images: Array,
    *,
    columns: int | None = None,
    title: str | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
) -> Figure:
    """Draw images (N, H, W) or (N, C, H, W), row after row, every pixel a sharp square.

    Intensities are floats in [0, 1], where 0 is black and 1 is white; others are clipped. Without `columns`
    the grid is about square. Column labels that would collide are thinned out.
    """
    shades = pixels("image_grid", "images", images)
    K = _square_columns(len(shades)) if columns is None else columns
    if K < 1:
        raise InputError(f"image_grid: columns should be at least 1, found {columns}")
    return _draw(_rows(shades, K), title, row_labels, column_labels)


def reconstructions(
    originals: Array, reconstructed: Array, *, title: str = "Data and their reconstructions"
) -> Figure:
    """Draw pairs of rows: data above, and what the model makes of them below.

    Both are (N, H, W) or (N, C, H, W), floats in [0, 1]. Pixels of the data that are missing (NaN) are
    orange.
    """
    require_shapes("reconstructions", originals=(originals, "N ..."), reconstructed=(reconstructed, "N ..."))
    above = pixels("reconstructions", "originals", originals, holed=True)
    below = pixels("reconstructions", "reconstructed", reconstructed)
    if above.shape != below.shape:
        sizes = f"{above.shape[1:3]} pixels like originals, found {below.shape[1:3]}"
        raise InputError(f"reconstructions: reconstructed should have {sizes}")
    most = max(10, isqrt(2 * len(above)))
    K = ceil(len(above) / ceil(len(above) / most))
    pairs = np.stack([_rows(above, K), _rows(below, K)], axis=1)
    holed = bool(np.isnan(originals).any())
    labels = ["data (orange: missing)" if holed else "data", "reconstruction"] * len(pairs)
    return _draw(pairs.reshape(-1, *pairs.shape[2:]), title, labels, None, rows_together=2)


def samples(images: Array, *, title: str = "Samples from the model") -> Figure:
    """Draw images from the model, (N, H, W) or (N, C, H, W), floats in [0, 1]."""
    return image_grid(images, title=title)


def _square_columns(n: int) -> int:
    """Return the fewest columns, from √n to 2√n, that leave no row unfinished, else √n rounded up."""
    least = isqrt(n - 1) + 1
    return next((k for k in range(least, isqrt(4 * n) + 1) if n % k == 0), least)


def _rows(shades: Array, K: int) -> Array:
    """Lay images (N, H, W, 3) out as cells (R, K, H, W, 3), and fill the last row up with white."""
    K = min(K, len(shades))
    missing = -len(shades) % K
    blanks = np.full((missing, *shades.shape[1:]), 255, np.uint8)
    return np.concatenate([shades, blanks]).reshape(-1, K, *shades.shape[1:])


def _draw(
    cells: Array,
    title: str | None,
    row_labels: Sequence[str] | None,
    column_labels: Sequence[str] | None,
    rows_together: int = 1,
) -> Figure:
    """Draw the figure of cells (R, K, H, W, 3) with its words.

    A pixel of the mosaic is a whole number of pixels of the figure.
    """
    R, K, H, W, _ = cells.shape
    for name, labels, expected in (("row_labels", row_labels, R), ("column_labels", column_labels, K)):
        if labels is not None and len(labels) != expected:
            raise InputError(f"image_grid: {name} should hold {expected} labels, found {len(labels)}")

    cell = min(_PAGE[0] / K / W, _PAGE[1] / R / H, _LARGEST_CELL / max(H, W)) * DPI
    scale = max(1, round(cell), ceil(_LINE / H) if row_labels else 1)
    spacing = {"gap": max(2, min(H, W) * scale // 24), "scale": scale}
    if rows_together > 1:
        spacing |= {"extra_gap": max(6, H * scale // 8), "every": rows_together}
    picture = tile(cells, **spacing)
    height, width = picture.shape[:2]
    tops, lefts = tile_origins(cells.shape, **spacing)

    words = text_width(column_labels or (), LABEL_SIZE)
    overhang = max(0, words - W * scale, text_width([title or ""], TITLE_SIZE) - width) // 2
    left = _MARGIN + max(overhang, text_width(row_labels, LABEL_SIZE) + _PAD if row_labels else 0)
    top = _MARGIN + (_LINE if column_labels else 0) + (_TITLE_LINE if title else 0)
    full_width, full_height = left + width + overhang + _MARGIN, top + height + _MARGIN

    figure = blank_figure(full_width / DPI, full_height / DPI)
    axes = figure.add_axes(
        (left / full_width, _MARGIN / full_height, width / full_width, height / full_height)
    )
    axes.set_axis_off()
    axes.imshow(picture, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
    for label, y in zip(row_labels or (), tops, strict=False):
        axes.text(
            -_PAD, y + H * scale / 2, label, ha="right", va="center_baseline", size=LABEL_SIZE, color=INK
        )
    step = ceil((words + _PAD) / (W * scale + spacing["gap"]))
    for label, x in list(zip(column_labels or (), lefts, strict=False))[::step]:
        axes.text(x + W * scale / 2, -_PAD / 2, label, ha="center", va="bottom", size=LABEL_SIZE, color=INK)
    if title:
        axes.text(
            width / 2,
            -_PAD - (_LINE if column_labels else 0),
            title,
            ha="center",
            va="bottom",
            size=TITLE_SIZE,
            color=INK,
        )
    return figure
