"""A folder of PNG files as one data set: examples, or one sub-folder of examples for each class."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from scratchvae.arrays import Array, InputError
from scratchvae.data.dataset import Dataset
from scratchvae.data.folders import examples
from scratchvae.data.limits import OF_A_PIXEL, require_room
from scratchvae.files import open_regular

GREY = ("1", "L", "LA", "I", "I;16")  # Pillow's modes of one channel; the others become red, green and blue
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, struct.error, zlib.error)


def read_png_folder(folder: str | PathLike[str]) -> Dataset:
    """The *.png files of a folder in the order of their names, (N, C, H, W) uint8, all of the size and channels of the first.

    A folder of sub-folders holds one class in each: labels count them in the order of their names, which are the label names.
    Hidden files, and sub-folders without PNG files, are left out. Grey images (1, 8 or 16 bits) have C = 1; colours and
    palettes have C = 3. Of 16 bits the upper 8 remain, rounded; transparent parts are laid over black.
    InputError when there are no PNG files, when one can't be read, when one differs from the first, which it names, or when
    they would take more bytes than reading may.
    """
    folder = Path(folder)
    files, labels, names = examples(folder, ".png", "PNG")
    return Dataset(folder.name, _stacked(files), labels, names)


def _stacked(files: list[Path]) -> Array:
    first = _read_png(files[0])
    require_room(str(files[0].parent), len(files) * first.size, f"{len(files):,} images of {_in_words(first)}")
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
    with decoding(file, ("PNG",), "a PNG image") as image:
        return eight_bits(image)


@contextmanager
def decoding(file: Path, formats: tuple[str, ...], kind: str) -> Iterator[Image.Image]:
    """Pillow's image of a regular file in one of the formats; whatever goes wrong with it becomes an InputError.

    The image is not decoded yet: one whose pixels would take more bytes than reading may is refused by its header.
    """
    try:
        with warnings.catch_warnings(), open_regular(file) as stream:
            warnings.simplefilter("ignore")  # of what is odd about a file but can be read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream, formats=formats) as image:
                require_room_to_decode(image, str(file))
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{file}: too many pixels for {kind} to be read ({error!s:.200})") from None
    except UnidentifiedImageError:
        raise InputError(f"{file}: can't be read as {kind}, found another format") from None
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"{file}: can't be read as {kind} ({error!s:.200})") from None


def require_room_to_decode(image: Image.Image, where: str) -> None:
    """InputError where the pixels of an image, or of the frame that it stands at, would take more bytes than reading may."""
    width, height = image.size
    require_room(where, width * height * OF_A_PIXEL, f"{width:,} x {height:,} pixels, while decoded,")


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
