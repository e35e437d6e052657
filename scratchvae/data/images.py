"""A folder of pictures is one data set: it holds examples, or one sub-folder of examples for each class."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from scratchvae.arrays import Array, InputError, require_choice, require_count
from scratchvae.data.dataset import Dataset
from scratchvae.data.folders import examples
from scratchvae.data.limits import OF_A_PIXEL, in_words, require_room
from scratchvae.files import open_regular, path_from

# formats that other programs decode, or that hold no pixels
LEFT_OUT = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "WMF"}
WHOLE_NUMBERS = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # Pillow's modes of more than 8 bits
# Pillow's modes of one channel; a picture in any other mode becomes red, green and blue
GREY = ("1", "L", "LA", "La", *WHOLE_NUMBERS)
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, struct.error, zlib.error)
# "crop" covers the frame and loses the edges; "fit" lies in the frame with black around it
RESIZED = {"crop": ImageOps.fit, "fit": ImageOps.pad}


@cache
def formats() -> tuple[str, ...]:
    """Return the formats that Pillow decodes without another program."""
    Image.init()
    return tuple(sorted(Image.OPEN.keys() - LEFT_OUT))


@cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes of files in those formats, such as .png and .jpeg."""
    Image.init()
    return tuple(
        sorted(suffix for suffix, name in Image.registered_extensions().items() if name in formats())
    )


def read_pictures(
    folder: str | PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    resize: str = "crop",
    kind: str = "pixels",
) -> Dataset:
    """Read the pictures of a folder, (N, C, H, W) uint8, in any format that Pillow decodes by itself.

    They come in the order of their names. In a folder of sub-folders each sub-folder holds one class. Labels
    count the classes in the order of their names, which become the label names. Hidden files are left out,
    and so is every file whose name is not that of a picture. C is 1 where all pictures are grey (1, 8 or 16
    bits), else 3, and a grey picture among coloured ones gets three equal channels. Of 16 bits the upper 8
    remain, rounded. Transparent parts are laid over black, which a log line tells. Photographs are turned
    upright as their camera says. Of several frames only the first is read.

    With a `size` (H, W) all pictures are brought to that size. "crop" scales a picture until it covers the
    frame, and cuts out its middle; "fit" scales it until it lies in the frame, with black around it. Without
    a `size` all pictures must be of one size. InputError when there are no pictures, when one cannot be read,
    when one has another size than the first, or when they would take more bytes than reading may.
    """
    folder = path_from("read_pictures", folder)
    require_choice("read_pictures", "resize", resize, RESIZED)
    for length in size or ():
        require_count("read_pictures", "each number of size", length)
    files, labels, names = examples(folder, suffixes(), "picture")
    return Dataset(folder.name, _stacked(files, size, resize), labels, names, kind=kind)


def _stacked(files: list[Path], size: tuple[int, int] | None, resize: str) -> Array:
    images, transparent = np.empty((0, 1, 0, 0), np.uint8), 0
    if size is not None:
        _require_room(files, (1, *size))  # before the first picture is made so large
    for i, file in enumerate(files):
        with decoding(file, formats(), "a picture") as image:
            transparent += "A" in image.getbands() or "transparency" in image.info
            one = eight_bits(image, str(file))
        if size is not None:
            one = _resized(one, size, resize)
        if i == 0:
            images = _room_for(files, one)
        if one.shape[1:] != images.shape[2:]:
            helps = "size=(H, W), on the command line --size HxW, brings all pictures to one size"
            first = f"{images.shape[3]} x {images.shape[2]} pixels like {files[0].name}"
            raise InputError(f"{file}: expected {first}, found {one.shape[2]} x {one.shape[1]}: {helps}")
        if len(one) > images.shape[1]:  # this is the first picture in colour
            images, grey = _room_for(files, one), images
            images[:i] = grey[:i]
        images[i] = one
    if transparent:
        said = "of the %d pictures %d have transparent parts, which are laid over black"
        logging.getLogger("scratchvae").info(f"%s: {said}", files[0].parent, len(files), transparent)
    return images


def _room_for(files: list[Path], one: Array) -> Array:
    _require_room(files, one.shape)
    return np.empty((len(files), *one.shape), np.uint8)


def _require_room(files: list[Path], shape: tuple[int, ...]) -> None:
    """InputError where pictures of that shape (C, H, W) have no room: all of them, or one as it is made."""
    channels, height, width = shape
    of_each = (
        f"{in_words(width)} x {in_words(height)} pixels in {channels} channel{'s' if channels > 1 else ''}"
    )
    need = max(len(files) * channels * height * width, OF_A_PIXEL * height * width)
    require_room(str(files[0].parent), need, f"{len(files):,} images of {of_each}")


def _resized(pixels: Array, size: tuple[int, int], resize: str) -> Array:
    """Resize a picture (C, H, W) uint8 by cubic interpolation over as many pixels as become one."""
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2))
    found = np.asarray(RESIZED[resize](picture, (size[1], size[0]), Image.Resampling.BICUBIC))
    return found[np.newaxis] if found.ndim == 2 else np.moveaxis(found, 2, 0)


@contextmanager
def decoding(file: Path, formats: Sequence[str], kind: str) -> Iterator[Image.Image]:
    """Open Pillow's image of a regular file in one of the formats; a fault of the file is an InputError.

    The image is not decoded yet. An image whose pixels would take more bytes than reading may is refused by
    its header.
    """
    try:
        with warnings.catch_warnings(), open_regular(file) as stream:
            warnings.simplefilter("ignore")  # Pillow warns of files that are odd but can be read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(stream, formats=list(formats)) as image:
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
    """InputError where an image, or its current frame, would take more bytes than reading may."""
    width, height = image.size
    require_room(where, width * height * OF_A_PIXEL, f"{width:,} x {height:,} pixels, while decoded,")


def eight_bits(image: Image.Image, where: str) -> Array:
    """Return one image as (C, H, W) uint8, by the rules of read_pictures.

    InputError, which names `where`, for numbers that are no brightnesses.
    """
    if image.mode == "F":
        raise InputError(
            f"{where}: expected a picture of 1, 8 or 16 bits, found floating numbers: keep them as .npy"
        )
    image = ImageOps.exif_transpose(image)
    if image.mode in WHOLE_NUMBERS:
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            found = f"found whole numbers from {wide.min()} to {wide.max()}: keep them as .npy"
            raise InputError(f"{where}: expected a picture of 1, 8 or 16 bits, {found}")
        return ((wide + 128) // 257).astype(np.uint8)[np.newaxis]
    grey = image.mode in GREY
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        pixels = np.asarray(image.convert("LA" if grey else "RGBA")).astype(np.uint32)
        pixels = ((pixels[..., :-1] * pixels[..., -1:] + 127) // 255).astype(np.uint8)
    else:
        pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., np.newaxis], 2, 0)
