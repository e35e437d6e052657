"""Files read no further than they promise: a header is believed only as far as the bytes are there."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from scratchvae.arrays import InputError

MOST_AXES = 32  # more than any file of images has, and NumPy has room for
PIECE = 1 << 20  # bytes asked for at a time


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, inflated if it begins as gzip does.

    InputError, naming the file, when it can't be opened or when its gzip stream breaks off or is corrupt.
    """
    try:
        with path.open("rb") as file:
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
        raise InputError(f"{path}: the gzip stream is corrupt ({error})") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from None


def read_promised(stream: IO[bytes], promised: int, where: str) -> bytearray:
    """The bytes that remain in the stream, exactly the `promised` number of them, else an InputError.

    Memory grows with the bytes that arrive, not with the promise, and one byte beyond the promise is as far as it reads.
    """
    values = bytearray()
    while len(values) < promised:
        piece = stream.read(min(PIECE, promised - len(values)))
        if not piece:
            raise InputError(f"{where}: the header promises {promised} bytes of values, the file holds {len(values)}")
        values += piece
    if stream.read(1):
        raise InputError(f"{where}: the header promises {promised} bytes of values, the file holds trailing bytes beyond them")
    return values
