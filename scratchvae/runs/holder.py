"""The holder of a folder is the process that trains there: this file looks at its lock without taking it."""

import os
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path

from scratchvae.runs.claim import NAME

_HOLDER = re.compile(r"process (\d{1,10}) on (\S+)")


def is_held(folder: Path) -> bool:
    """Whether a process trains in the folder.

    The file says which process locked it. Where that process has died, the file is left over, and nobody
    touches the lock. Where the process may be alive, the lock itself decides, because another process may
    have been given the number of a dead one.
    """
    path = folder / NAME
    with suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            found = _HOLDER.fullmatch(os.read(descriptor, 200).decode(errors="replace").strip())
            return found is not None and _may_live(int(found[1]), found[2]) and _is_locked(descriptor)
        except PermissionError:  # Windows lets nobody read what another process has locked
            return True
        finally:
            os.close(descriptor)
    return False


def _may_live(pid: int, host: str) -> bool:
    if host != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _is_locked(descriptor: int) -> bool:
    """Whether somebody holds the lock of the open file.

    This takes the lock for a moment where nobody holds it.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
