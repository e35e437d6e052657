"""Files and folders as data sets: a file's first bytes, its name, or a folder's content say what it is."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.bags import bag_of_words
from scratchvae.data.corpus import read_texts
from scratchvae.data.dataset import Dataset
from scratchvae.data.folders import holds
from scratchvae.data.idx import read_idx
from scratchvae.data.images import read_pictures, suffixes
from scratchvae.data.layouts import channels_first
from scratchvae.data.numpy_files import read_arrays
from scratchvae.data.sound import SOUNDS, read_sound, read_sounds
from scratchvae.data.spectrogram import Spectrogram
from scratchvae.data.streams import opened
from scratchvae.data.video import read_video, windows
from scratchvae.data.wav import read_wav

SPLITS = {"train": "train", "test": "t10k"}  # split: how its IDX files begin
IMAGE_FILES = (
    "{}-images-idx3-ubyte",
    "{}-images-idx3-ubyte.gz",
    "{}-images.idx3-ubyte",
    "{}-images.idx3-ubyte.gz",
)
FILES = "an IDX, .npy, .npz, .csv, .tsv, .wav, .flac, .ogg, .gif, .webp or .txt file"
READ = f"{FILES}, or of a folder of pictures, of sounds or of .txt files"


@dataclass(frozen=True)
class Reading:
    """What a caller asks of the data that are read.

    kind      the kind of the numbers; None where the file decides
    size      the height and width of pictures; None where the file decides
    resize    how pictures come to that size
    limit     how many examples; None for all
    in_order  whether data that come sorted by class keep their order
    """

    kind: str | None
    size: tuple[int, int] | None
    resize: str
    limit: int | None
    in_order: bool

    def side(self) -> int:
        """Return the side of pictures that are drawn, which are square."""
        height, width = self.size or (28, 28)
        if height != width:
            raise InputError(
                f"load: what is drawn is square, so that size should be one number; found {height} x {width}"
            )
        return height


def read_path(path: Path, split: str, asked: Reading) -> Dataset:
    """Read the examples at an existing path; InputError for what is no data, or lacks that split."""
    if path.is_dir() and any(images_in(path, either) for either in SPLITS):
        if images := images_in(path, split):
            return read_pair(images, path.name, asked=asked)
        raise InputError(
            f"{path}: the {split} split isn't there, only the other one; expected {split_files(split)}"
        )
    if all((path / either).is_dir() for either in SPLITS):
        return _read_folder(path / split, asked)
    if split != "train":
        raise InputError(
            f"{path}: holds no separate {split!r} split: split='train' takes all of it, "
            "and Dataset.split holds some of it out"
        )
    return _read_folder(path, asked) if path.is_dir() else _read_file(path, asked)


def _read_folder(path: Path, asked: Reading) -> Dataset:
    """Read the examples of a folder that holds files of one kind."""
    endings = {"pictures": suffixes(), "sounds": SOUNDS, "texts": (".txt",)}
    kinds = [kind for kind, suffix in endings.items() if holds(path, suffix)]
    if len(kinds) > 1:
        raise InputError(
            f"{path}: expected files of one kind, found {' and '.join(kinds)}: move one kind elsewhere"
        )
    if kinds == ["texts"]:
        return bag_of_words(read_texts(path))
    if kinds == ["sounds"]:
        return read_sounds(path)
    return _pixels(
        path, read_pictures(path, size=asked.size, resize=asked.resize, kind=asked.kind or "pixels"), asked
    )


def _read_file(path: Path, asked: Reading) -> Dataset:
    """Read the examples of a file, whose first bytes say what it is, or its name where they do not."""
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return bag_of_words(read_texts(path))
    with opened(path) as stream:
        start = stream.read(12)
    if start[:4] == b"GIF8" or start[8:] == b"WEBP":
        return windows(read_video(path), name=path.name, kind="pixels")
    if start[8:] == b"WAVE" or suffix in SOUNDS or start[:4] in (b"fLaC", b"OggS"):
        samples, rate = read_wav(path) if start[8:] == b"WAVE" else read_sound(path)
        return Spectrogram.of_rate(rate).dataset(samples, path.name)
    if start[:2] in (b"\x93N", b"PK"):
        return read_arrays(path, kind=asked.kind or "values", limit=asked.limit)
    if start[:2] == b"\0\0" or "idx" in path.name.lower():
        return read_pair(path, path.name, asked=asked)
    if suffix in suffixes():
        helps = "a folder of pictures holds several, and data.patches(data.read_picture(path)) cuts one up"
        raise InputError(f"{path}: one picture is one example, and a data set needs more: {helps}")
    found = "an empty file" if not start else f"a {suffix} file" if suffix else "a file without a suffix"
    raise InputError(f"{path}: found {found} that begins with {start[:4].hex(' ')!r}; what is read is {READ}")


def _pixels(path: Path, data: Dataset, asked: Reading) -> Dataset:
    """Return data whose format says that they are pixels.

    InputError where all are 0 or 1, which may mean black and white, unless the caller has said what they are.
    """
    if asked.kind is None and data.kind == "pixels" and data.images.max() == 1:
        expected = "pixels from 0 to 255, as the format has them"
        stand = "kind='values' (--kind values) takes them as they stand"
        helps = f"{stand}, kind='pixels' (--kind pixels) divides them by 255"
        raise InputError(f"{path}: expected {expected}, found 0 and 1 only: {helps}")
    return data


def split_files(split: str) -> str:
    """Return the names of the IDX files of a split, for a message."""
    return f"{SPLITS[split]}-images-idx3-ubyte[.gz] and {SPLITS[split]}-labels-idx1-ubyte[.gz]"


def images_in(folder: Path, split: str) -> Path | None:
    """Return the IDX file with the images of a split in a folder, or None."""
    files = (folder / pattern.format(SPLITS[split]) for pattern in IMAGE_FILES)
    return next((file for file in files if file.is_file()), None)


def read_pair(images_file: Path, name: str, label_names: tuple[str, ...] = (), *, asked: Reading) -> Dataset:
    """Read the images of one IDX file, and the labels of the file beside it if there is one.

    Bytes are pixels, and numbers of any other type are values.
    """
    labels_file = _labels_beside(images_file)
    labels = None if labels_file is None else read_idx(labels_file)
    limit = None if labels is not None and sorted_by_class(labels) and not asked.in_order else asked.limit
    images = channels_first(read_idx(images_file, limit=limit), str(images_file))
    kind = asked.kind or ("pixels" if images.dtype == np.uint8 else "values")
    if labels is not None:
        labels = labels if limit is None else labels[:limit]
        if labels.shape != (len(images),):
            raise InputError(
                f"{labels_file}: expected {len(images)} labels for {images_file.name}, "
                f"found shape {labels.shape}"
            )
    return _pixels(images_file, Dataset(name, images, labels, label_names, kind=kind), asked)


def _labels_beside(images_file: Path) -> Path | None:
    if "images" not in images_file.name:
        return None
    plain = re.sub(r"idx\d", "idx1", images_file.name.replace("images", "labels")).removesuffix(".gz")
    files = (images_file.with_name(plain + suffix) for suffix in ("", ".gz"))
    return next((file for file in files if file.is_file()), None)


def sorted_by_class(labels: Array) -> bool:
    """Whether labels never fall and are not all the same."""
    return labels.ndim == 1 and bool((labels[:-1] <= labels[1:]).all()) and labels[0] != labels[-1]
