"""Files are written whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from scratchvae.arrays import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and rename it there: whatever happens, `path` holds the old file or the new one, whole.

    Raises InputError where the folder can't be written or the disk is full; the old file is untouched then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise InputError(f"{path} can't be written: {error.strerror or error}; what stood there before is unchanged") from error


def make_folder(path: Path) -> None:
    """Create the folder and those above it, if they aren't there; InputError where that can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} can't be made: {error.strerror or error}") from error
