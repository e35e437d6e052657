"""One picture shows what a conditional model makes of the same draws for each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_shapes
from scratchvae.plots.grids import image_grid

TITLE = "Each class a row, each draw of z a column"


def classes(images: Array, names: Sequence[str] = (), *, title: str = TITLE) -> Figure:
    """Draw images (K, T, C, H, W) in [0, 1]: a row for each of K classes, a column for each of T draws of z.

    `model.sample(T, seed, y=k)` draws the same noise for every class k, and so the same z unless p(z|y)
    depends on k. Classes without `names` are numbered from 0.
    """
    sizes = require_shapes("classes", images=(images, "K T C H W"))
    if names and len(names) != sizes["K"]:
        expected = f"names should hold {sizes['K']} words, one for each class"
        raise InputError(f"classes: {expected}, found {len(names)}")
    return image_grid(
        np.reshape(images, (sizes["K"] * sizes["T"], *np.shape(images)[2:])),
        columns=sizes["T"],
        title=title,
        row_labels=list(names) or [str(k) for k in range(sizes["K"])],
    )
