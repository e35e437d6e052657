"""A claim lets one process train in a folder: a lock that ends with the process, however it ends."""

import os
import socket
import sys
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path

from scratchvae.arrays import InputError
from scratchvae.files import make_folder

NAME = ".lock"


class Claimed(InputError):
    """Somebody else trains in the folder."""


class Claim:
    """A claim to a folder that no other process on this machine can have at the same time.

    It holds from its making until `release`, or until its process has died. The system's lock on the file
    `.lock` decides, and the text in that file only tells others who holds it. So a file that a killed process
    has left hinders nobody. Claimed, an InputError, says that another process, or another claim of this one,
    holds the folder.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        while True:
            descriptor = _opened(path)
            try:
                if not _locks(descriptor):
                    holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
                    raise Claimed(
                        f"{folder} is being trained in by {holder}: "
                        "wait for its end, or choose another folder"
                    )
                if _is_at(path, descriptor):  # otherwise its last holder has just removed the file
                    break
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
        self.release = weakref.finalize(self, _release, path, descriptor)


def new_folder(root: Path, name: str) -> Path:
    """Make a new folder `name` in `root`, or name-2, name-3, … where that name is taken.

    A system makes a folder for one caller only, so that processes which ask at the same time get different
    folders.
    """
    make_folder(root)
    for k in count(1):
        folder = root / (name if k == 1 else f"{name}-{k}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(f"the folder {folder} can't be made: {error.strerror or error}") from error
        return folder
    raise AssertionError("count never ends")


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except FileNotFoundError:
        raise InputError(f"{path.parent} should be a run's folder, found nothing there") from None
    except OSError as error:
        raise InputError(
            f"{path.parent} can't be trained in: {path.name} {error.strerror or error}"
        ) from error


def _locks(descriptor: int) -> bool:
    """Lock the file for this process; False where somebody has locked it.

    A file system without locks lets every process claim the folder.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _release(path: Path, descriptor: int) -> None:
    """Remove the file while it is still locked, and then release the lock."""
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):
        os.close(descriptor)
