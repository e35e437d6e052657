"""A figure becomes a PNG file."""

import os
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from scratchvae.arrays import InputError
from scratchvae.files import write_whole


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure as PNG, whole or not at all.

    The file names no date and no version, so that the same figure gives the same bytes.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(f"save: path should end in .png, found {str(path)!r}")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    write_whole(path, buffer.getvalue())
