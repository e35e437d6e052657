"""Files are written whole or not at all, and only regular files are read."""

import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from scratchvae.arrays import InputError

KINDS = {  # names of what a path may lead to besides a regular file
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}
# after so many seconds, an unfinished file of another machine is taken to be abandoned
ABANDONED = 3600.0
_numbers = count()


def path_from(where: str, given: Any, *, or_else: str = "") -> Path:
    """Return the path that a caller gives as a text or as a Path.

    Anything else raises InputError, whose message begins with `where`.
    """
    if isinstance(given, str | PathLike):
        path = os.fspath(given)
        if isinstance(path, str):
            return Path(path)
    expected = f"a path, a text such as 'data/x.npy' or a Path{', or ' + or_else if or_else else ''}"
    found = "None" if given is None else f"a {type(given).__name__}"
    raise InputError(f"{where}: the source should be {expected}; found {found}")


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`, which holds either the old file or the new one, whole, whatever happens.

    The content is written to a file beside `path`, which is then renamed. File and folder are synced, so that
    the new file outlasts a loss of power. A link at `path` is replaced and never followed. Files that killed
    writers of the same path have left beside it are removed.

    InputError is raised if the folder cannot be written or the disk is full. The old file is unchanged then.
    """
    beside = path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{next(_numbers)}.part")
    try:
        _remove_abandoned(path)
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(os.open(beside, flags, 0o666), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except (OSError, ValueError) as error:  # a zero byte in the path raises ValueError
        with suppress(OSError, ValueError):
            beside.unlink()
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be written: {said}; what stood there before is unchanged") from error


def make_folder(path: Path) -> None:
    """Create the folder and those above it if they are not there. InputError says why it cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the folder {path} can't be made: {getattr(error, 'strerror', None) or error}"
        ) from error


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open the regular file at `path` to be read.

    A folder, a device or a pipe, which might never end, raises InputError. Links are followed, and they have
    to lead to a regular file as well. Errors during the reading become InputError too.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise InputError(
                    f"{path}: expected a file, found {KINDS.get(stat.S_IFMT(mode), 'something else')}"
                )
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file, found nothing there") from None
    except OSError as error:
        if error.errno is None:  # a reader such as gzip or Pillow complains of the bytes
            raise
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, InputError) or "\0" not in str(path):
            raise
        raise InputError(f"{str(path)!r}: can't be read ({error})") from None


def read_whole(path: Path, *, most_bytes: int) -> bytes:
    """Return all bytes of a regular file.

    InputError is raised if the file cannot be read, or if it has more than `most_bytes`.
    """
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            size = max(os.fstat(file.fileno()).st_size, len(content))
            raise InputError(f"{path}: the file should have at most {most_bytes:,} bytes, found {size:,}")
    return content


def _host() -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:32] or "host"


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files that writers of `path` have abandoned.

    A file of this machine is abandoned if its process no longer runs, and a file of another machine if nobody
    has written to it for ABANDONED seconds.
    """
    unfinished = re.compile(rf"\.{re.escape(path.name)}\.(?P<host>[\w-]+)-(?P<pid>\d+)-\d+\.part")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if found := unfinished.fullmatch(entry.name):
                dead = found["host"] == _host() and _is_dead(found["pid"])
                with suppress(OSError):
                    if dead or time.time() - entry.stat(follow_symlinks=False).st_mtime > ABANDONED:
                        Path(entry.path).unlink()


def _is_dead(pid: str) -> bool:
    if os.name != "posix":  # on Windows, os.kill would end the process that it asks about
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _sync_folder(folder: Path) -> None:
    """Have the renaming itself written to the disk, where folders can be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
