"""Interpolations: straight walks from one code to another."""

import numpy as np
from matplotlib.figure import Figure

from scratchvae.arrays import Array, InputError, require_shapes
from scratchvae.plots.grids import image_grid


def interpolation_codes(a: Array, b: Array, steps: int) -> Array:
    """Return codes (R, T, Z) on the straight lines from a (R, Z) to b (R, Z), both ends included, T = steps.

    >>> interpolation_codes(np.array([[0.0, 2.0]]), np.array([[1.0, 4.0]]), 3).tolist()
    [[[0.0, 2.0], [0.5, 3.0], [1.0, 4.0]]]
    """
    require_shapes("interpolation_codes", a=(a, "R Z"), b=(b, "R Z"))
    _require_both_ends("interpolation_codes", "steps", steps)
    t = np.linspace(0, 1, steps, dtype=np.result_type(a, b, np.float16))[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def interpolations(decoded: Array, *, title: str = "Interpolations between two codes") -> Figure:
    """Draw the decoded `interpolation_codes`, (R, T, C, H, W) in [0, 1]: each row is a walk to the right."""
    sizes = require_shapes("interpolations", decoded=(decoded, "R T C H W"))
    T = sizes["T"]
    _require_both_ends("interpolations", "T", T)
    return image_grid(
        np.reshape(decoded, (sizes["R"] * T, *np.shape(decoded)[2:])),
        columns=T,
        title=title,
        column_labels=["start", *[""] * (T - 2), "end"],
    )


def _require_both_ends(where: str, name: str, steps: int) -> None:
    if steps < 2:
        raise InputError(f"{where}: {name} should be at least 2, one for each end, found {steps}")
