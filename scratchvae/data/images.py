"""A folder of PNG files as one data set: examples, or one sub-folder of examples for each class."""

import struct
import warnings
import zlib
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from scratchvae.arrays import Array, InputError
from scratchvae.data.dataset import Dataset

GREY = ("1", "L", "LA", "I", "I;16")  # Pillow's modes of one channel; the others become red, green and blue
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, struct.error, zlib.error)


def read_png_folder(folder: str | PathLike[str]) -> Dataset:
    """The *.png files of a folder in the order of their names, (N, C, H, W) uint8, all of the size and channels of the first.

    A folder of sub-folders holds one class in each: labels count them in the order of their names, which are the label names.
    Hidden files, and sub-folders without PNG files, are left out. Grey images (1, 8 or 16 bits) have C = 1; colours and
    palettes have C = 3. Of 16 bits the upper 8 remain, rounded; transparent parts are laid over black.
    InputError when there are no PNG files, when one can't be read, or when one differs from the first, which it names.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of PNG files, found {'a file' if folder.exists() else 'nothing there'}")
    files = _png_files(folder)
    classes = {sub.name: found for sub in sorted(folder.iterdir()) if sub.is_dir() and (found := _png_files(sub))}
    if files and classes:
        raise InputError(f"{folder}: expected PNG files or sub-folders of them, found both (such as {next(iter(classes))})")
    if not files and not classes:
        raise InputError(f"{folder}: expected PNG files, or sub-folders of them, found none")
    labels = np.repeat(np.arange(len(classes)), [len(found) for found in classes.values()]) if classes else None
    return Dataset(folder.name, _stacked(files or [f for found in classes.values() for f in found]), labels, tuple(classes))


def _png_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.suffix.lower() == ".png" and not f.name.startswith(".") and f.is_file())


def _stacked(files: list[Path]) -> Array:
    first = _read_png(files[0])
    images = np.empty((len(files), *first.shape), np.uint8)
    for i, file in enumerate(files):
        image = _read_png(file)
        if image.shape != first.shape:
            raise InputError(f"{file}: expected {_in_words(first)} like {files[0].name}, found {_in_words(image)}")
        images[i] = image
    return images


def _in_words(image: Array) -> str:
    channels, height, width = image.shape
    return f"{width} x {height} pixels in {channels} channel{'s' if channels > 1 else ''}"


def _read_png(file: Path) -> Array:
    """One image, (C, H, W) uint8."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=("PNG",)) as image:
                return eight_bits(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{file}: too many pixels for a PNG image to be read ({error})") from None
    except UNREADABLE as error:
        raise InputError(f"{file}: can't be read as a PNG image ({error})") from None


def eight_bits(image: Image.Image) -> Array:
    """One image as (C, H, W) uint8, by the rules of read_png_folder."""
    if image.mode in ("I", "I;16"):
        return ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)[np.newaxis]
    grey = image.mode in GREY
    if image.mode.endswith("A") or "transparency" in image.info:
        pixels = np.asarray(image.convert("LA" if grey else "RGBA")).astype(np.uint32)
        pixels = ((pixels[..., :-1] * pixels[..., -1:] + 127) // 255).astype(np.uint8)
    else:
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., np.newaxis], 2, 0)
