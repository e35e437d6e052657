"""What is too large for the memory of this machine is said in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from scratchvae.arrays import InputError


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """Whatever is too large for this machine's memory, or for any array, becomes an InputError that says
    `what` it was.
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
