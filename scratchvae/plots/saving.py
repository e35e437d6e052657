"""A figure becomes a file."""

import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from scratchvae.arrays import InputError


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure as PNG, whole or not at all. The file names no date and no version: same figure, same bytes."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"save: path should end in .png, found {str(path)!r}")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(buffer.getvalue())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise InputError(f"save: cannot write {str(path)!r}: {error.strerror}") from error
