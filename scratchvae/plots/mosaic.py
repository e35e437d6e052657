"""Many images as one array of pixels."""

import numpy as np
from matplotlib.colors import to_rgb

from scratchvae.arrays import Array, InputError, require_finite
from scratchvae.plots.style import MISSING


def pixels(where: str, name: str, images: Array, *, holed: bool = False) -> Array:
    """Turn images (N, H, W) or (N, C, H, W) of floats, with C 1 or 3, into bytes (N, H, W, 3).

    Intensities are clipped to [0, 1]. With `holed` a pixel with a NaN among its channels is missing, and gets
    the colour MISSING.
    """
    images = np.asarray(images)
    coloured = images[:, None] if images.ndim == 3 else images
    if coloured.ndim != 4 or coloured.shape[1] not in (1, 3):
        raise InputError(
            f"{where}: {name} should have shape (N, H, W) or (N, C, H, W) with C 1 or 3, found {images.shape}"
        )
    if coloured.size == 0:
        raise InputError(
            f"{where}: {name} should hold at least one image of at least one pixel, "
            f"found shape {images.shape}"
        )
    if not (np.issubdtype(images.dtype, np.floating) or images.dtype == bool):
        raise InputError(
            f"{where}: {name} should be floats between 0 (black) and 1 (white), found dtype {images.dtype}"
        )
    missing = np.asarray(np.isnan(coloured)) if holed else np.zeros(coloured.shape, np.bool_)
    known = np.where(missing, 0, coloured)
    require_finite(where, name, known)
    shades = np.rint(255 * np.clip(known, 0, 1).astype(np.float32)).astype(np.uint8)
    shades = np.broadcast_to(shades, (len(shades), 3, *shades.shape[2:])).transpose(0, 2, 3, 1)
    anywhere = np.asarray(missing.any(axis=1))  # in any channel
    if anywhere.any():
        shades = np.where(anywhere[..., None], np.array(to_rgb(MISSING)) * 255, shades).astype(np.uint8)
    return shades


def tile(cells: Array, *, gap: int, scale: int, extra_gap: int = 0, every: int = 1) -> Array:
    """Enlarge cells (R, K, H, W, 3) of bytes `scale` times and return one picture (height, width, 3).

    White gaps of `gap` pixels separate the cells, and `extra_gap` more pixels follow each `every` rows.
    """
    R, K, H, W, _ = cells.shape
    tops, lefts = tile_origins(cells.shape, gap=gap, scale=scale, extra_gap=extra_gap, every=every)
    height, width = H * scale, W * scale
    picture = np.full((tops[-1] + height, lefts[-1] + width, 3), 255, np.uint8)
    for r in range(R):
        row = cells[r].repeat(scale, axis=1).repeat(scale, axis=2)
        for k in range(K):
            picture[tops[r] : tops[r] + height, lefts[k] : lefts[k] + width] = row[k]
    return picture


def tile_origins(
    shape: tuple[int, ...], *, gap: int, scale: int, extra_gap: int = 0, every: int = 1
) -> tuple[Array, Array]:
    """Return where the rows (R,) and the columns (K,) begin in `tile`'s picture of cells of this shape."""
    R, K, H, W, _ = shape
    rows = np.arange(R)
    return rows * (H * scale + gap) + rows // every * extra_gap, np.arange(K) * (W * scale + gap)
