"""Machines that Dask has joined to a cluster, which train the runs of a sweep."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from scratchvae.arrays import InputError

TIMEOUT = "10s"  # for the scheduler's answer


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The workers of the cluster whose scheduler listens at `address`; a run whose worker dies goes on with
    another one.

    They have to see the sweep's folder and the data under the same paths. InputError where the package
    distributed is not installed, or nobody answers.
    """
    try:
        from dask import distributed
    except ImportError:
        raise InputError("--dask needs the package distributed: pip install distributed") from None
    dask: Any = distributed
    try:
        client = dask.Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        expected = "--dask should be the address of a scheduler that runs, such as tcp://host:8786"
        raise InputError(f"{expected}; found {address!r} ({' '.join(str(error).split()):.200})") from None
    with client:
        yield client.get_executor(pure=False)
