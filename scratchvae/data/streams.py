"""A reader reads no further than a file promises, and no header makes it reserve memory in advance."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from scratchvae.arrays import InputError
from scratchvae.data.limits import require_room
from scratchvae.files import open_regular

MOST_AXES = 32  # more than any file of images has, and NumPy has room for
PIECE = 1 << 20  # so many bytes are asked for at a time


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file and yield its bytes, inflated if it begins as gzip does.

    InputError, naming the file, when it cannot be opened, when it is a device or a pipe, or when its gzip
    stream breaks off or is corrupt.
    """
    try:
        with open_regular(path) as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if compressed:
                with gzip.GzipFile(fileobj=file) as inflated:
                    yield cast(IO[bytes], inflated)
            else:
                yield file
    except EOFError:
        raise InputError(f"{path}: the gzip stream is truncated, it ends before its end mark") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip stream is corrupt ({error!s:.200})") from None


def read_promised(stream: IO[bytes], promised: int, where: str, *, first: int | None = None) -> bytearray:
    """Read the bytes that remain in the stream; InputError unless there are exactly as many as `promised`.

    With `first` only the first so many bytes are read, and those behind them are neither read nor checked. A
    number of bytes that is beyond the limit of reading is refused before the first byte is read. Memory grows
    with the bytes that arrive, not with the promise, and at most one byte beyond the promise is read.
    """
    wanted = promised if first is None else min(first, promised)
    require_room(
        where, wanted, "the values that the header promises" if wanted == promised else "the values asked for"
    )
    values = bytearray()
    while len(values) < wanted:
        piece = stream.read(min(PIECE, wanted - len(values)))
        if not piece:
            raise InputError(
                f"{where}: the header promises {promised} bytes of values, the file holds {len(values)}"
            )
        values += piece
    if wanted == promised and stream.read(1):
        raise InputError(
            f"{where}: the header promises {promised} bytes of values, "
            "the file holds trailing bytes beyond them"
        )
    return values


def read_all(stream: IO[bytes], where: str, *, each: int = 1) -> bytes:
    """Read every byte that remains in the stream, each of which counts as `each` bytes.

    InputError as soon as reading may take no more.
    """
    pieces, length = [], 0
    while piece := stream.read(PIECE):
        length += len(piece)
        require_room(
            where, length * each, f"the first {length:,} bytes and more, at {each} for each of them,"
        )
        pieces.append(piece)
    return b"".join(pieces)
