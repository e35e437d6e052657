"""Named arrays from a file of any language's: .npz or .safetensors, never unpickled."""

import struct
from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae import strict_json
from scratchvae.arrays import Array, InputError
from scratchvae.data.limits import in_words, max_bytes, require_room
from scratchvae.data.numpy_files import read_npz
from scratchvae.files import open_regular, read_whole
from scratchvae.schema import Table, Text, check

AS_FLOAT64 = 8  # bytes, as which a comparison takes every entry


def read_named_arrays(path: str | PathLike[str]) -> dict[str, Array]:
    """Every array of a .npz or .safetensors file by its name.

    InputError for a file that is neither, is malformed, or whose entries would take more bytes as float64 than reading may.
    """
    path = Path(path)
    with open_regular(path) as file:
        start = file.read(4)
    arrays = read_npz(path) if start in (b"PK\3\4", b"PK\5\6") else read_safetensors(path)[0]
    entries = sum(array.size for array in arrays.values())
    require_room(str(path), entries * AS_FLOAT64, f"{entries:,} entries in float64")
    return arrays


def read_safetensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a .safetensors file by name, and the metadata in its header; InputError for anything else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_whole(path, most_bytes=max_bytes())
    expected = f"{path}: expected a .npz or .safetensors file of arrays of numbers, whole"
    if len(content) < 8:
        raise InputError(f"{expected}, found {len(content)} bytes")
    (length,) = struct.unpack("<Q", content[:8])
    if length > len(content) - 8:
        raise InputError(f"{expected}, found one whose header would have {in_words(length)} bytes, of {len(content):,}")
    header = strict_json.parse(content[8 : 8 + length], f"{path}: the header")
    if not isinstance(header, dict):
        raise InputError(f"{expected}, found a header that is no object")
    metadata = check(header.get("__metadata__", {}), Table(Text()), str(path), "__metadata__")
    try:
        return {name: np.array(array) for name, array in load(content).items()}, metadata
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputError(f"{expected} ({error!s:.200})") from None
