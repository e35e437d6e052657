"""Data that are too large for the memory of this machine raise an error in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from scratchvae.arrays import InputError


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Turn the error about too little memory into an InputError that says `what` was too large.

    This holds for the memory of the machine and for the largest size of an array.
    """
    try:
        yield
    except (MemoryError, ValueError) as error:
        if isinstance(error, ValueError) and not (
            "array is too big" in str(error) or "Maximum allowed dim" in str(error)
        ):
            raise
        raise InputError(
            f"{what}: it should fit into memory; found too little of it ({error!s:.100})"
        ) from None
