"""One number says how many bytes reading may take, and all readers respect it.

A reader asks for room before it allocates, as soon as a header says how much will be needed, and while it
decompresses. The functions that draw examples ask in the same way. The number counts values as they lie in
memory. Conversions hold up to three copies of them for a moment, so the peak of memory is three times the
number. The number bounds time too: what costs more time than its bytes counts as more bytes. Whoever has more
memory raises it:

    SCRATCHVAE_MAX_BYTES=8000000000      for a process
    load(path, max_bytes=8 << 30)        for one call
    with at_most(8 << 30): ...           for every reader called inside
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from scratchvae.arrays import InputError

MAX_BYTES = 1 << 30  # the limit unless another number is given
VARIABLE = "SCRATCHVAE_MAX_BYTES"
OF_A_FILE = 1 << 12  # what each entry of a folder counts as
OF_A_FRAME = 1 << 14  # what each frame of an animation counts as at least
OF_A_PIXEL = 1 << 4  # what each pixel of a picture counts as while it is decoded
OF_A_LETTER = 1 << 4  # what each byte of a text counts as, since words become objects
OF_A_DOCUMENT = 1 << 9  # what each document counts as at least

_chosen: ContextVar[int | None] = ContextVar("max_bytes", default=None)


def max_bytes() -> int:
    """Return the limit: that of the innermost `at_most`, else $SCRATCHVAE_MAX_BYTES, else MAX_BYTES."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    given = os.environ.get(VARIABLE, "").strip()
    if given and not (given.isdecimal() and len(given) < 20 and int(given) > 0):
        raise InputError(f"${VARIABLE} should be a whole number of bytes, at least 1; found {given[:40]!r}")
    return int(given) if given else MAX_BYTES


@contextmanager
def at_most(max_bytes: int | None) -> Iterator[None]:
    """Allow every reader that is called inside so many bytes; None changes nothing."""
    if max_bytes is not None and (
        isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 1
    ):
        raise InputError(f"max_bytes should be a whole number of bytes, at least 1; found {max_bytes!r}")
    token = _chosen.set(_chosen.get() if max_bytes is None else max_bytes)
    try:
        yield
    finally:
        _chosen.reset(token)


def require_room(where: str, needed: int, what: str) -> None:
    """InputError where `what`, a plural for the message, would take `needed` bytes and that is too many."""
    if needed > (limit := max_bytes()):
        raise InputError(
            f"{where}: {what} take {in_words(needed)} bytes, and reading may take at most {limit:,}; "
            f"max_bytes=… or ${VARIABLE} raises that"
        )


def require_room_to_draw(where: str, examples: int, of_each: int, at_once: int = 0) -> None:
    """InputError where so many `examples` of `of_each` bytes have no room.

    Drawing them takes `at_once` bytes besides.
    """
    require_room(
        where,
        examples * of_each + at_once,
        f"{in_words(examples)} examples of {in_words(of_each)} bytes each",
    )


def in_words(number: int) -> str:
    """Write a whole number for a message: its digits, or the power of ten where there are too many digits."""
    return f"{number:,}" if number < 10**24 else f"about 10^{math.log10(number):.0f}"
