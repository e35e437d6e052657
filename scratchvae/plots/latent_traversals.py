"""Latent traversals: one latent walks through its range while the others stay."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, require_finite, require_shapes
from scratchvae.plots.grids import image_grid
from scratchvae.plots.labels import latent_name, number_labels


def traversal_codes(z0: Array, values: Array) -> Array:
    """Return codes (Z, T, Z), of which [i, t] is z0 (Z,) with latent i set to values[t], values (T,).

    The dtype is that of z0.

    >>> traversal_codes(np.array([5.0, 6.0]), np.array([-1.0, 1.0])).tolist()
    [[[-1.0, 6.0], [1.0, 6.0]], [[5.0, -1.0], [5.0, 1.0]]]
    """
    sizes = require_shapes("traversal_codes", z0=(z0, "Z"), values=(values, "T"))
    codes = np.tile(z0, (sizes["Z"], sizes["T"], 1))
    np.einsum("iti->it", codes)[:] = np.expand_dims(values, 0)
    return codes


def traversals(
    decoded: Array, values: Array, *, latents: Sequence[int] | None = None, title: str = "Latent traversals"
) -> Figure:
    """Draw the decoded `traversal_codes`, (Z, T, C, H, W) in [0, 1]: a row for each latent.

    The values (T,) stand on top. Where the rows are not all latents in order, `latents` tells which they are,
    counted from 0.
    """
    sizes = require_shapes("traversals", decoded=(decoded, "Z T C H W"), values=(values, "T"))
    require_finite("traversals", "values", values)
    return image_grid(
        np.reshape(decoded, (sizes["Z"] * sizes["T"], *np.shape(decoded)[2:])),
        columns=sizes["T"],
        title=title,
        row_labels=[latent_name(i) for i in (range(sizes["Z"]) if latents is None else latents)],
        column_labels=number_labels(values),
    )
