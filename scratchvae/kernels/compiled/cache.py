"""The cache of compiled kernels on disk, which is void when any source or option of a kernel has changed."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache


def sources() -> str:
    """A digest of all files that the kernels are compiled from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Cache(FunctionCache):
    """Numba's cache on disk, with a stamp of all sources and all options.

    Numba's own stamp covers the file of a loop, but not the functions and options that the loop takes from
    other files. Numba unpickles what it finds in the cache, so that anyone who may write into its folder may
    have code executed. A file that can't be read, such as one that was cut off, is cleared, and the kernel is
    compiled and kept anew.
    """

    def __init__(self, loop: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(loop)  # type: ignore[no-untyped-call]
        self.options = repr(
            [(name, sorted(o) if isinstance(o, set) else o) for name, o in sorted(options.items())]
        )
        self._cache_file._source_stamp = (self._cache_file._source_stamp, SOURCES)

    def _index_key(self, *arguments: Any) -> Any:
        return super()._index_key(*arguments), self.options  # type: ignore[no-untyped-call]

    def load_overload(self, *arguments: Any) -> Any:
        try:
            found = super().load_overload(*arguments)  # type: ignore[no-untyped-call]
        except Exception:  # whatever unpickling damaged bytes may raise
            self.flush()  # type: ignore[no-untyped-call]
            found = None
        if found is None:
            tell_that_it_compiles()
        return found


SOURCES = sources()
_told = False


def tell_that_it_compiles() -> None:
    """Say once, by the logger "scratchvae", that kernels are being compiled; the command line prints it."""
    global _told
    if not _told:
        _told = True
        said = "compiling kernels that were not used on this machine before, and keeping them: this takes some seconds"
        logging.getLogger("scratchvae").info(said)
