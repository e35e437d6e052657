"""Data sets by name or by path: `load("mnist")`, `load("my/images.npy")`."""

import os
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import InputError, require_choice
from scratchvae.data.bags import bag_of_words
from scratchvae.data.corpus import Corpus, read_texts
from scratchvae.data.dataset import Dataset
from scratchvae.data.docstrings import docstrings
from scratchvae.data.folders import holds
from scratchvae.data.glyphs import glyphs, numerals
from scratchvae.data.idx import read_idx
from scratchvae.data.images import read_png_folder
from scratchvae.data.layouts import channels_first
from scratchvae.data.limits import at_most
from scratchvae.data.notes import notes
from scratchvae.data.numpy_files import read_arrays
from scratchvae.data.pictures import patches
from scratchvae.data.spectrogram import Spectrogram
from scratchvae.data.streams import opened
from scratchvae.data.video import bouncing_glyphs, read_video, windows
from scratchvae.data.wav import read_wav


@dataclass(frozen=True)
class Source:
    """A data set of IDX files: the folders it may lie in, below a place that is looked through, and the names of its labels."""

    folders: tuple[str, ...]
    label_names: tuple[str, ...]


CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SOURCES = {
    "mnist": Source(("mnist", "MNIST/raw"), tuple("0123456789")),
    "fashion-mnist": Source(("fashion-mnist", "FashionMNIST/raw"), CLOTHES),
}
NAMES = ("numerals", "glyphs", *SOURCES, "bouncing-glyphs", "docstrings", "notes", "patches")
SPLITS = {"train": "train", "test": "t10k"}  # split: how its IDX files begin
GLYPHS = {"train": 20_000, "test": 2_000}  # split: how many are drawn
DRAWN = {"train": 10_000, "test": 2_000}  # how many scenes, notes and patches are
IMAGE_FILES = ("{}-images-idx3-ubyte", "{}-images-idx3-ubyte.gz", "{}-images.idx3-ubyte", "{}-images.idx3-ubyte.gz")
VARIABLE = "SCRATCHVAE_DATA"
SYSTEM = Path("/usr/share/datasets")  # where Debian's dataset packages put theirs


def load(
    source: str | PathLike[str],
    *,
    split: str = "train",
    data_dir: str | PathLike[str] | None = None,
    seed: int = 0,
    size: int = 28,
    max_bytes: int | None = None,
) -> Dataset:
    """The data set of that name (NAMES), else the one at that path.

    "glyphs" is drawn from `seed` at `size` pixels a side, its 20,000 training and 2,000 test images from random streams that
    never meet. So are as many "numerals", its digits in ten typefaces, and 10,000 and 2,000 each of "bouncing-glyphs", "notes"
    and "patches". "docstrings" are bags of words of Python's own documentation, a fifth of it the test split. mnist and
    fashion-mnist are IDX files with their labels; they are looked for in `data_dir`, $SCRATCHVAE_DATA and /usr/share/datasets,
    each time in a folder of that name, and in `data_dir` itself unless it bears another data set's name.

    A path is an IDX file (labels are taken from the file beside it, images-idx3 -> labels-idx1), a .npy or .npz file, a folder
    of PNG files, or a folder that holds both splits: as MNIST's IDX files, or as train/ and test/. Or it is a .wav file, whose
    frames are levels of a spectrogram; a .gif or .webp file, in windows of four frames; a .txt file or a folder of them, bags of
    words. All but those folders of both have one split only, "train", which is all of it. `Dataset.split` holds some of it out.

    Only regular files are read. Those that would take more than `max_bytes` (None: $SCRATCHVAE_MAX_BYTES, else 1 GiB; `limits`
    says what counts) are refused before, or as soon as decompression goes beyond.
    """
    with at_most(max_bytes):
        return _load(source, split, data_dir, seed, size)


def _load(source: str | PathLike[str], split: str, data_dir: str | PathLike[str] | None, seed: int, size: int) -> Dataset:
    require_choice("load", "split", split, SPLITS)
    if source in ("glyphs", "numerals"):
        draw = glyphs if source == "glyphs" else numerals
        return draw(GLYPHS[split], seed=_stream(seed, split), size=size)
    if source in NAMES and source not in SOURCES:
        return _made(str(source), split, seed, size)
    if source in SOURCES:
        return _load_named(str(source), split, data_dir)
    return _mixed(_load_path(Path(source), split))


def _made(name: str, split: str, seed: int, size: int) -> Dataset:
    """What needs no file: drawn from the seed, or counted in Python's own documentation."""
    if name == "docstrings":
        corpus = docstrings()
        n = len(corpus) - len(corpus) // 5
        first = Corpus(corpus.name, corpus.documents[:n], None)
        everything = bag_of_words(corpus, vocabulary=bag_of_words(first).entry_names)
        return everything.subset(slice(0, n) if split == "train" else slice(n, None))
    stream = _stream(seed, split)
    if name == "notes":
        return notes(DRAWN[split], seed=stream)
    if name == "patches":
        return patches(n=DRAWN[split], size=size, seed=stream)
    return bouncing_glyphs(DRAWN[split], size=size, seed=stream)


def _load_path(path: Path, split: str) -> Dataset:
    try:
        path.stat()
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        raise InputError(
            f"load: source should be one of {', '.join(NAMES)}, or the path of an IDX, .npy, .npz, .wav, .gif, .webp or .txt "
            f"file or of a folder of PNG or .txt files; found {str(path)!r}, which is neither a known name nor an existing path"
        ) from None
    if path.is_dir() and any(_images_in(path, either) for either in SPLITS):
        if images := _images_in(path, split):
            return _read_pair(images, path.name)
        raise InputError(f"{path}: the {split} split isn't there, only the other one; expected {_expected(split)}")
    if all((path / either).is_dir() for either in SPLITS):
        return read_png_folder(path / split)
    if split != "train":
        raise InputError(
            f"{path}: holds no separate {split!r} split: split='train' takes all of it, and Dataset.split holds some of it out"
        )
    if path.is_dir():
        return bag_of_words(read_texts(path)) if holds(path, ".txt") else read_png_folder(path)
    if path.suffix.lower() == ".txt":
        return bag_of_words(read_texts(path))
    with opened(path) as stream:
        start = stream.read(12)
    if start[:4] == b"GIF8" or start[8:] == b"WEBP":
        return windows(read_video(path), name=path.name)
    if start[8:] == b"WAVE" or path.suffix.lower() == ".wav":
        samples, rate = read_wav(path)
        return Spectrogram.of_rate(rate).dataset(samples, path.name)
    return read_arrays(path) if start[:2] in (b"\x93N", b"PK") else _read_pair(path, path.name)


def _stream(seed: int, split: str) -> int | np.random.SeedSequence:
    """The seed itself for training; for the test split a child of it, whose numbers are independent of every seed's."""
    if split == "train" or seed < 0:
        return seed
    return np.random.SeedSequence(seed, spawn_key=(1,))


def _mixed(data: Dataset) -> Dataset:
    """Data that come sorted by class in a fixed random order, so that any part of them is like the whole; others as they are."""
    labels = data.labels
    if labels is None or (np.diff(labels) < 0).any() or labels[0] == labels[-1]:
        return data
    return data.subset(np.random.default_rng(0).permutation(len(data)))


def _load_named(name: str, split: str, data_dir: str | PathLike[str] | None) -> Dataset:
    places = [_expanded(place) for place in (data_dir, os.environ.get(VARIABLE)) if place] + [SYSTEM]
    folders = [place / folder for place in places for folder in SOURCES[name].folders]
    if data_dir and _may_hold(places[0], name):
        folders.insert(len(SOURCES[name].folders), places[0])
    for folder in folders:
        if images := _images_in(folder, split):
            return _read_pair(images, name, SOURCES[name].label_names)
    for folder in folders:
        for other in SPLITS:
            if found := _images_in(folder, other):
                raise InputError(f"load: {name} has no {split} split here, only {other} ({found}); expected {_expected(split)}")
    raise InputError(
        f"load: {name} was not found in {', '.join(map(str, folders))}; expected {_expected(split)}; "
        f"put them there, or name another place by data_dir or ${VARIABLE}"
    )


def _expanded(place: str | PathLike[str]) -> Path:
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise InputError(f"load: data_dir should be a folder, found {str(place)!r}, the home of a user who isn't known") from None


def _may_hold(folder: Path, name: str) -> bool:
    """Whether files directly in the folder can be this source's: no other source's name is the last one on its path."""
    owner = {place.split("/")[0].lower(): known for known, source in SOURCES.items() for place in source.folders}
    owners = [owner[part.lower()] for part in folder.resolve().parts if part.lower() in owner]
    return not owners or owners[-1] == name


def _expected(split: str) -> str:
    return f"{SPLITS[split]}-images-idx3-ubyte[.gz] and {SPLITS[split]}-labels-idx1-ubyte[.gz]"


def _images_in(folder: Path, split: str) -> Path | None:
    files = (folder / pattern.format(SPLITS[split]) for pattern in IMAGE_FILES)
    return next((file for file in files if file.is_file()), None)


def _read_pair(images_file: Path, name: str, label_names: tuple[str, ...] = ()) -> Dataset:
    """The images of one IDX file with the labels of the one beside it, if it is there."""
    images = channels_first(read_idx(images_file), str(images_file))
    labels_file = _labels_beside(images_file)
    if labels_file is None:
        return Dataset(name, images, None, label_names)
    labels = read_idx(labels_file)
    if labels.shape != (len(images),):
        raise InputError(f"{labels_file}: expected {len(images)} labels for {images_file.name}, found shape {labels.shape}")
    return Dataset(name, images, labels, label_names)


def _labels_beside(images_file: Path) -> Path | None:
    if "images" not in images_file.name:
        return None
    plain = re.sub(r"idx\d", "idx1", images_file.name.replace("images", "labels")).removesuffix(".gz")
    files = (images_file.with_name(plain + suffix) for suffix in ("", ".gz"))
    return next((file for file in files if file.is_file()), None)
