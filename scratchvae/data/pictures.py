"""Patches are cut from one big picture, such as the photograph that comes with Matplotlib."""

from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_flag
from scratchvae.data.dataset import Dataset
from scratchvae.data.images import decoding, eight_bits, formats
from scratchvae.data.limits import require_room_to_draw
from scratchvae.files import path_from

PHOTOGRAPH = "grace_hopper.jpg"  # 512 x 600 pixels, in every Matplotlib


def photograph() -> Array:
    """Return Matplotlib's sample photograph of Grace Hopper, in colour: (3, 600, 512) uint8."""
    import matplotlib

    return read_picture(Path(matplotlib.get_data_path(), "sample_data", PHOTOGRAPH))


def read_picture(path: str | PathLike[str]) -> Array:
    """Read a picture in a format that Pillow decodes, as (C, H, W) uint8, where C is 1 if it is grey, else 3.

    Of several frames only the first is read.
    """
    with decoding(path_from("read_picture", path), formats(), "a picture") as image:
        return eight_bits(image, str(path))


def patches(
    picture: Array | None = None,
    n: int = 10_000,
    *,
    size: int = 16,
    grey: bool = True,
    seed: int | np.random.SeedSequence = 0,
) -> Dataset:
    """Cut n square patches (n, C, size, size) uint8 from random places of a picture (C, H, W) uint8.

    The places are uniformly distributed. Without a picture the photograph is cut. `grey` averages the
    colours. The factors x and y are the place of each patch, in pixels from the left and from the top.
    InputError when a patch would be larger than the picture.
    """
    require_flag("patches", "grey", grey)
    picture = photograph() if picture is None else np.asarray(picture)
    if picture.ndim != 3 or picture.dtype != np.uint8:
        raise InputError(
            f"patches: picture should be (C, H, W) uint8, found {picture.dtype} of shape {picture.shape}"
        )
    require_count("patches", "n", n)
    require_count("patches", "size", size)
    if size > min(picture.shape[1:]):
        raise InputError(
            f"patches: size should be at most {min(picture.shape[1:])}, the picture's own; found {size}"
        )
    if not isinstance(seed, np.random.SeedSequence) and seed < 0:
        raise InputError(f"patches: seed should not be negative, found {seed}")
    if grey:
        picture = np.rint(picture.mean(axis=0, keepdims=True)).astype(np.uint8)
    require_room_to_draw("patches", n, 2 * len(picture) * size**2 + 32)
    _, height, width = picture.shape
    uniform = np.random.default_rng(seed).random((n, 2))
    x, y = (uniform * (width - size + 1, height - size + 1)).astype(np.intp).T
    every = np.lib.stride_tricks.sliding_window_view(picture, (size, size), axis=(1, 2))
    return Dataset(
        "patches",
        np.ascontiguousarray(every[:, y, x].swapaxes(0, 1)),
        factors={"x": x, "y": y},
        kind="pixels",
    )
