"""Read named arrays from a .npz or .safetensors file, which any language can write; nothing is unpickled."""

import os
import struct
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from scratchvae import strict_json
from scratchvae.arrays import Array, InputError
from scratchvae.data.limits import in_words, max_bytes, require_room
from scratchvae.data.numpy_files import read_npz
from scratchvae.files import open_regular, path_from, read_whole
from scratchvae.schema import Listing, Record, Table, Text, Whole, check

AS_FLOAT64 = 8  # bytes: a comparison turns every entry into float64


def read_named_arrays(path: str | PathLike[str]) -> dict[str, Array]:
    """Read every array of a .npz or .safetensors file and return them by name.

    InputError for a file that is neither, for a malformed one, and for one whose entries would take more
    bytes as float64 than reading may.
    """
    path = path_from("read_named_arrays", path)
    with open_regular(path) as file:
        start = file.read(4)
    arrays = read_npz(path) if start in (b"PK\3\4", b"PK\5\6") else read_safetensors(path)[0]
    entries = sum(array.size for array in arrays.values())
    require_room(str(path), entries * AS_FLOAT64, f"{entries:,} entries in float64")
    return arrays


def read_safetensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a .safetensors file and return its arrays by name, and the metadata in its header.

    InputError for a file that is no .safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_whole(path, most_bytes=max_bytes())
    metadata = _metadata(_header(path, BytesIO(content), len(content)), path)
    try:
        return {name: np.array(array) for name, array in load(content).items()}, metadata
    except (
        SafetensorError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
    ) as error:
        raise InputError(f"{_expected(path)} ({error!s:.200})") from None


def read_safetensors_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a .safetensors file without reading its arrays.

    InputError for a file that is no .safetensors file, or that is not as long as its header says.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        header = _header(path, file, size)
        begin = file.tell()
    arrays = {name: about for name, about in header.items() if name != "__metadata__"}
    kind = Record({"dtype": Text(), "shape": Listing(Whole()), "data_offsets": Listing(Whole())})
    checked = check(arrays, Table(kind), f"{path}: the header")
    end = begin + max((offset for about in checked.values() for offset in about["data_offsets"]), default=0)
    if end != size:
        raise InputError(f"{_expected(path)}, found {size:,} bytes where its header says {end:,}")
    return _metadata(header, path)


def _header(path: Path, file: BinaryIO, size: int) -> dict[str, Any]:
    """Return the JSON object that stands at the beginning of a .safetensors file of `size` bytes.

    Nothing behind the header is read.
    """
    start = file.read(8)
    if len(start) < 8:
        raise InputError(f"{_expected(path)}, found {len(start)} bytes")
    (length,) = struct.unpack("<Q", start)
    if length > size - 8:
        raise InputError(
            f"{_expected(path)}, found one whose header would have {in_words(length)} bytes, of {size:,}"
        )
    header = strict_json.parse(file.read(min(length, strict_json.MOST_BYTES + 1)), f"{path}: the header")
    if not isinstance(header, dict):
        raise InputError(f"{_expected(path)}, found a header that is no object")
    return header


def _metadata(header: dict[str, Any], path: Path) -> dict[str, str]:
    metadata: dict[str, str] = check(header.get("__metadata__", {}), Table(Text()), str(path), "__metadata__")
    return metadata


def _expected(path: Path) -> str:
    return f"{path}: expected a .npz or .safetensors file of arrays of numbers, whole"
