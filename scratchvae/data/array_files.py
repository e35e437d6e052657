"""Named arrays from a file of any language's: .npz or .safetensors, never unpickled."""

from os import PathLike
from pathlib import Path

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.numpy_files import read_npz

MOST_BYTES = 2 << 30


def read_named_arrays(path: str | PathLike[str]) -> dict[str, Array]:
    """Every array of a .npz or .safetensors file by its name; InputError for a file that is neither, malformed or too big."""
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from None
    if start in (b"PK\3\4", b"PK\5\6"):
        return read_npz(path, most_bytes=MOST_BYTES)
    if size > MOST_BYTES:
        raise InputError(f"{path}: the file should have at most {MOST_BYTES:,} bytes, found {size:,}")
    return _read_safetensors(path)


def _read_safetensors(path: Path) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: expected a .npz or .safetensors file of arrays of numbers ({error})") from None
