"""Files are written whole or not at all, and what they hold of JSON is JSON."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def strict_json(where: str, content: Any, *, indent: int | None = None) -> str:
    """`content` as JSON that every reader takes. InputError, with the entry's name, for NaN and infinities.

    The JSON of RFC 8259 has no words for them (section 6). Python's reader takes its own words for them; others stop.
    """
    for name, number in _not_finite(content, ""):
        raise InputError(f"{where} should hold finite numbers, as JSON has no others; found {number} at {name.strip('.')}")
    return json.dumps(content, indent=indent, allow_nan=False) + "\n"


def _not_finite(content: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(content, Mapping):
        for key, entry in content.items():
            yield from _not_finite(entry, f"{name}.{key}")
    elif isinstance(content, list | tuple):
        for i, entry in enumerate(content):
            yield from _not_finite(entry, f"{name}[{i}]")
    elif isinstance(content, float) and not math.isfinite(content):
        yield name, content


def make_folder(path: Path) -> None:
    """Create the folder and those above it, if they aren't there; InputError where that can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} can't be made: {error.strerror or error}") from error
