"""NumPy's own files, one array (.npy) or a zip of them (.npz), are read without unpickling anything."""

import gzip
import logging
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.dataset import Dataset
from scratchvae.data.layouts import channels_first
from scratchvae.data.limits import in_words, max_bytes, require_room
from scratchvae.data.rows import Rows
from scratchvae.data.streams import MOST_AXES, opened, read_promised
from scratchvae.files import open_regular, path_from

# A .npz may keep its images under any of these names; the first one that it has is read.
IMAGES = ("images", "x", "data", "arr_0")
LABELS = ("labels", "y")  # and its labels; a y of floating numbers holds conditions
CONDITIONS = "conditions"
# A mask may mean the opposite of observed, so an array of such a name is refused.
MASKS = ("mask", "masks", "missing", "hidden", "is_missing", "missing_mask")
OBSERVED = "observed"  # True where an entry of the images was observed
OF_A_DIRECTORY = 16  # what each byte of a zip's directory becomes in memory
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: str | PathLike[str], *, kind: str = "values", limit: int | None = None) -> Dataset:
    """Read the examples of a .npy or .npz file, and the labels and conditions of a .npz file if it has any.

    The first bytes say which of the two a file is. A .npz file keeps its arrays under these names:

    - its examples under "images", "x", "data" or "arr_0", unless it holds a single array
    - labels, whole numbers (N,), under "labels" or "y"
    - conditions, real numbers (N, C) or (N,) that a model may be told of each example, under "conditions", or
      under "y" where these are floating numbers
    - which entries were observed, of the shape of the examples, under "observed"

    `channels_first` says how the axes are read. The numbers are of the `kind` that is declared, whatever
    their dtype. With a `limit`, only the first so many examples of a .npy file are read. A plain .npy file of
    more bytes than reading may take stays on disk, and each batch reads its own examples. InputError when the
    file is malformed, breaks off, holds Python objects or a mask, or holds fewer or more bytes than a header
    promises. A log line names the other arrays, which are not read.
    """
    path = path_from("read_arrays", path)
    labels = conditions = observed = None
    with opened(path) as stream:
        start = stream.read(6)
        stream.seek(0)
        if start == b"\x93NUMPY":
            images: Any = _read_npy(
                stream, str(path), limit=limit, in_place=not isinstance(stream, gzip.GzipFile)
            )
        elif start[:4] in (b"PK\3\4", b"PK\5\6"):
            # a zip is read from its end, which is known only when everything is inflated
            if isinstance(stream, gzip.GzipFile):
                raise InputError(f"{path}: a .npz file in a gzip is not read: unpack the gzip")
            images, labels, conditions, observed = _read_npz(stream, path)
        else:
            raise InputError(
                f"{path}: expected a .npy or .npz file, found {'other bytes' if start else 'an empty file'}"
            )
    images = images if isinstance(images, Rows) else channels_first(images, str(path))
    observed = None if observed is None else channels_first(observed, str(path))
    return Dataset(path.name, images, labels, conditions=conditions, observed=observed, kind=kind)


def read_npz(path: str | PathLike[str]) -> dict[str, Array]:
    """Read every array of a .npz file and return them by name.

    InputError as of `read_arrays`, and where the arrays take more bytes together than reading may.
    """
    path = path_from("read_npz", path)
    with open_regular(path) as stream, _archive(stream, path) as (archive, named):
        promised = sum(member.file_size for member in named.values())
        require_room(str(path), promised, f"{len(named):,} arrays together")
        return {name: _read_member(archive, member, f"{path}[{name!r}]") for name, member in named.items()}


@contextmanager
def _archive(stream: IO[bytes], path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open the zip and list its arrays by name; a fault of the zip becomes an InputError."""
    try:
        require_room(
            str(path), _length_of_directory(stream) * OF_A_DIRECTORY, "the names in the zip's directory"
        )
        with zipfile.ZipFile(stream) as archive:
            yield (
                archive,
                {
                    m.filename.removesuffix(".npy"): m
                    for m in archive.infolist()
                    if m.filename.endswith(".npy")
                },
            )
    except InputError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(f"{path}: the zip archive is corrupt or truncated ({error!s:.200})") from None


def _length_of_directory(stream: IO[bytes]) -> int:
    """Return how many bytes the zip says its directory has, before anything else of it is read.

    The record at the end of the zip says so at offset 12. A zip of more than 4 GB has a second such record
    before it, with the length at offset 40.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - (1 << 16) - 98))
    tail = stream.read()
    stream.seek(0)
    ends = [tail.rfind(mark) for mark in (b"PK\5\6", b"PK\6\6")]
    lengths = [
        tail[end + at : end + at + n] for end, at, n in zip(ends, (12, 40), (4, 8), strict=True) if end >= 0
    ]
    return min(size, max((int.from_bytes(length, "little") for length in lengths), default=0))


def _read_npz(stream: IO[bytes], path: Path) -> tuple[Array, Array | None, Array | None, Array | None]:
    """Return the images, the labels, the conditions and the observed entries of a zip.

    InputError for a mask under another name. A log line names the arrays that nothing reads.
    """
    with _archive(stream, path) as (archive, members):
        found = [name for name in IMAGES if name in members] or (list(members) if len(members) == 1 else [])
        if not found:
            raise InputError(
                f"{path}: expected images under one of {', '.join(IMAGES)}, or a single array; "
                f"found {', '.join(members) or 'no arrays'}"
            )
        labelled = [name for name in LABELS if name in members and name != found[0]][:1]
        names = [name for name in (found[0], *labelled, CONDITIONS, OBSERVED) if name in members]
        if masks := [name for name in members if name.lower() in MASKS and name not in names]:
            helps = f"np.savez(path, images=…, {OBSERVED}=…) takes True where an entry was observed"
            raise InputError(
                f"{path}: expected which entries were observed under {OBSERVED!r}; "
                f"found {masks[0]!r}: {helps}"
            )
        if unread := [name for name in members if name not in names]:
            logging.getLogger("scratchvae").info(
                "%s: nothing reads %s, which it holds besides", path, ", ".join(unread)[:200]
            )
        read = {name: _read_member(archive, members[name], f"{path}[{name!r}]") for name in names}
    images, conditions, observed = read.pop(found[0]), read.pop(CONDITIONS, None), read.pop(OBSERVED, None)
    labels = next(iter(read.values()), None)
    if labels is not None and labels.dtype.kind == "f" and labelled == ["y"]:
        if conditions is not None:
            raise InputError(
                f"{path}: y should hold labels, whole numbers, beside {CONDITIONS}; found {labels.dtype}"
            )
        if not np.isfinite(labels).all():
            helps = "labels are whole numbers, -1 where one is hidden"
            raise InputError(
                f"{path}: a y of floating numbers holds finite {CONDITIONS}, found others: {helps}"
            )
        labels, conditions = None, labels
    if conditions is not None:
        conditions = conditions if conditions.dtype.kind == "f" else conditions.astype(np.float64)
        conditions = conditions[:, None] if conditions.ndim == 1 else conditions
    return images, labels, conditions, observed


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Array:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{where}: expected a stored or deflated array, found compression method {member.compress_type}"
        )
    with archive.open(member) as stream:
        return _read_npy(stream, where)


def _read_npy(stream: IO[bytes], where: str, *, limit: int | None = None, in_place: bool = False) -> Any:
    """Read one array: magic bytes, a header that is a Python literal, and the values.

    With `in_place` an array that is too large for memory stays in its file, as Rows.
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise InputError(f"{where}: expected a plain array, found a .npy header of version {version}")
        shape, columns_first, dtype = HEADERS[version](stream)
    except InputError:
        raise
    except (
        ValueError,
        TypeError,
        SyntaxError,
        tokenize.TokenError,
        OverflowError,
        MemoryError,
        RecursionError,
    ) as error:
        raise InputError(f"{where}: malformed .npy header ({error!s:.200})") from None
    if dtype.kind not in "biuf":
        strings = "np.unique(strings, return_inverse=True)[1] numbers them"
        helps = strings if dtype.kind in "SU" else "Python objects are never read"
        raise InputError(f"{where}: expected an array of numbers, found {dtype} ({helps})")
    if any(length <= 0 for length in shape) or len(shape) > MOST_AXES:
        found = ", ".join(map(in_words, shape))
        raise InputError(
            f"{where}: expected at least one value and at most {MOST_AXES} axes, found shape ({found})"
        )
    promised = math.prod(shape) * dtype.itemsize
    if columns_first or not shape:
        limit = None
    first = None if limit is None else min(limit, shape[0]) * math.prod(shape[1:]) * dtype.itemsize
    if (
        in_place
        and not columns_first
        and (promised if first is None else first) > max_bytes()
        and _holds(stream, promised)
    ):
        rows = Rows(partial(_laid_out, where, dtype, stream.tell(), shape))
        return rows if limit is None else rows.choose(slice(0, limit))
    values = read_promised(stream, promised, where, first=first)
    shape = shape if limit is None else (min(limit, shape[0]), *shape[1:])
    array = np.frombuffer(values, dtype).astype(dtype.newbyteorder("="), copy=False)
    return array.reshape(shape[::-1]).T if columns_first else array.reshape(shape)


def _holds(stream: IO[bytes], promised: int) -> bool:
    """Whether exactly so many bytes remain in a file; the position in the file stays the same."""
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return end - here == promised


def _laid_out(path: str, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> Array:
    """Open the array in a file as a memory map, with its channels first."""
    return channels_first(np.memmap(path, dtype, "r", offset, shape), path)
