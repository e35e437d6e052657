"""`load` returns the data set of a name or of a path: `load("mnist")`, `load("my/images.npy")`."""

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import InputError, require_choice, require_count, require_flag, require_seed, sizes_of
from scratchvae.data.bags import bag_of_words
from scratchvae.data.corpus import Corpus
from scratchvae.data.dataset import Dataset
from scratchvae.data.docstrings import docstrings
from scratchvae.data.glyphs import glyphs, numerals
from scratchvae.data.images import RESIZED
from scratchvae.data.kinds import KINDS
from scratchvae.data.limits import at_most
from scratchvae.data.named_files import SOURCES, load_named
from scratchvae.data.notes import notes
from scratchvae.data.paths import (
    READ,
    SPLITS,
    Reading,
    read_path,
    sorted_by_class,
)
from scratchvae.data.pictures import patches
from scratchvae.data.table_files import is_table
from scratchvae.data.tables import Columns, as_table
from scratchvae.data.video import bouncing_glyphs
from scratchvae.files import path_from

NAMES = ("numerals", "glyphs", *SOURCES, "bouncing-glyphs", "docstrings", "notes", "patches")
DRAWN_TO_SIZE = ("numerals", "glyphs", "bouncing-glyphs", "patches")
GLYPHS = {"train": 20_000, "test": 2_000}  # the number of glyphs or numerals that are drawn for each split
DRAWN = {"train": 10_000, "test": 2_000}  # the number of scenes, notes or patches


def load(
    source: str | PathLike[str],
    *,
    split: str = "train",
    data_dir: str | PathLike[str] | None = None,
    seed: int = 0,
    size: int | Sequence[int] | None = None,
    resize: str = "crop",
    kind: str | None = None,
    limit: int | None = None,
    in_order: bool = False,
    max_bytes: int | None = None,
    columns: Columns | None = None,
) -> Dataset:
    """Load the data set that has this name, one of NAMES, or the one at this path.

    These are the names:

    - "glyphs" draws characters from `seed`, on pictures of `size` pixels a side (28 by default). It draws
      20,000 training images and 2,000 test images from independent random streams. "numerals" draws as many
      digits in ten typefaces. "bouncing-glyphs", "notes" and "patches" draw 10,000 and 2,000 examples each.
    - "docstrings" counts the words of Python's own documentation. A fifth of its documents is the test split.
    - "mnist" and "fashion-mnist" are IDX files with labels. `load` looks for a folder of that name in
      `data_dir`, in $SCRATCHVAE_DATA and in /usr/share/datasets. It also looks in `data_dir` itself, unless
      that folder has the name of another data set.

    A path may lead to:

    - an IDX file, whose labels are read from the file beside it (images-idx3 -> labels-idx1)
    - a .npy or .npz file
    - a sound (.wav, .flac, .ogg), which becomes frames of a spectrogram
    - a .gif or .webp file, which becomes windows of four frames
    - a .txt file, which becomes bags of words
    - a .csv or .tsv file, which is a table; `columns` says of which kind its columns are
    - a folder of pictures, of sounds or of texts; `resize` says how pictures are brought to `size` = (H, W)
    - a folder with both splits, either MNIST's IDX files or the folders train/ and test/

    A name and a folder with both splits have the split "test". Nothing else has: its split "train" is all of
    it, and `Dataset.split` holds some of it out.

    `kind`, one of KINDS, declares what the numbers are. By default the format decides: pictures, animations
    and IDX files of bytes are pixels, texts are counts, and arrays of any dtype are values. `limit` keeps the
    first `limit` examples, and no other example of an array in a file is read. Data that come sorted by class
    are brought into a fixed random order, so that every part of them resembles the whole. `in_order` keeps
    their order, as a time series needs.

    Only regular files are read. `load` refuses a file that would take more than `max_bytes`, either before it
    reads the file or as soon as the decompressed size is larger. None stands for $SCRATCHVAE_MAX_BYTES, or 1
    GiB. A plain .npy file that is larger is not refused: it stays on disk, and each batch reads its own
    examples.
    """
    if kind is not None:
        require_choice("load", "kind", kind, KINDS)
    require_flag("load", "in_order", in_order)
    if limit is not None:
        require_count("load", "limit", limit)
    require_choice("load", "resize", resize, RESIZED)
    require_seed("load", "seed", seed)
    sides = None if size is None else sizes_of("load", "size", size, least=1)
    if sides is not None and len(sides) > 2:
        raise InputError(
            f"load: size should be a number of pixels or two, (H, W), found {len(sides)} numbers"
        )
    sides = None if sides is None else (sides[0], sides[-1])
    if sides is None and resize != "crop":
        raise InputError(f"load: resize={resize!r} says how pictures are brought to a size; found no size")
    if not (isinstance(source, str) and source in NAMES):
        source = path_from("load", source, or_else="the name of a data set")
    with at_most(max_bytes):
        _require_size_has_effect(source, sides)
        if source not in NAMES and is_table(Path(source)):
            data = _load_table(Path(source), split, columns)
            if kind not in (None, "values"):
                helps = 'columns="name=count" (--columns) says what a column is'
                raise InputError(
                    f"load: each column of a table has a kind of its own; found kind={kind!r}: {helps}"
                )
        elif columns is not None:
            raise InputError(f"load: columns are for a table, a .csv or .tsv file; found {str(source)!r}")
        else:
            data = _load(source, split, data_dir, seed, Reading(kind, sides, resize, limit, in_order))
    if kind is not None and data.kind != kind:
        data = replace(data, kind=kind)
    if limit is not None and limit > len(data):
        raise InputError(
            f"limit should be between 1 and {len(data)}, the examples in {data.name}; found {limit}"
        )
    return data if limit in (None, len(data)) else data.subset(slice(0, limit))


def _load(
    source: str | PathLike[str], split: str, data_dir: str | PathLike[str] | None, seed: int, asked: Reading
) -> Dataset:
    require_choice("load", "split", split, SPLITS)
    if source in ("glyphs", "numerals"):
        draw = glyphs if source == "glyphs" else numerals
        return draw(GLYPHS[split], seed=_stream(seed, split), size=asked.side())
    if source in NAMES and source not in SOURCES:
        return _made(str(source), split, seed, asked.side())
    if source in SOURCES:
        return load_named(str(source), split, data_dir, asked)
    path = Path(source)
    try:
        path.stat()
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        expected = f"one of {', '.join(NAMES)}, or the path of {READ}"
        found = f"found {str(path)!r}, which is neither a known name nor an existing path"
        raise InputError(f"load: source should be {expected}; {found}") from None
    data = read_path(path, split, asked)
    return data if asked.in_order else _mixed(data)


def _require_size_has_effect(source: str | PathLike[str], sides: tuple[int, int] | None) -> None:
    """InputError where a `size` is given for data that have a size of their own."""
    if (
        sides is None
        or source in DRAWN_TO_SIZE
        or (source not in NAMES and (not Path(source).exists() or Path(source).is_dir()))
    ):
        return
    helps = f"leave size out; it is for {', '.join(DRAWN_TO_SIZE)} and folders of pictures"
    asked = f"size={sides[0]}x{sides[1]}"
    raise InputError(
        f"load: {asked} would change nothing about {str(source)!r:.80}, which has a size of its own: {helps}"
    )


def _load_table(path: Path, split: str, columns: Columns | None) -> Dataset:
    if split != "train":
        raise InputError(
            f"{path}: a table has one split only: split='train' takes all of it; found {split!r}"
        )
    return as_table(path, columns)


def _made(name: str, split: str, seed: int, size: int) -> Dataset:
    """Return a data set that needs no file: drawn from the seed, or counted in Python's documentation."""
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


def _stream(seed: int, split: str) -> int | np.random.SeedSequence:
    """Return the seed itself for the training split, and a child of it for the test split.

    The child's numbers are independent of those of every seed.
    """
    if split == "train" or seed < 0:
        return seed
    return np.random.SeedSequence(seed, spawn_key=(1,))


def _mixed(data: Dataset) -> Dataset:
    """Return data that come sorted by class in a fixed random order, and other data as they are.

    After that, any part of the data resembles the whole.
    """
    if data.labels is None or not sorted_by_class(data.labels):
        return data
    return data.subset(np.random.default_rng(0).permutation(len(data)))
