"""Machines that Dask has joined to a cluster can train the runs of a sweep."""

import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from scratchvae.arrays import InputError

TIMEOUT = "10s"  # for the scheduler's answer
WATCHED = 5.0  # seconds between two looks at whether a worker is left


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Yield an executor for the workers of the cluster whose scheduler listens at `address`.

    A run whose worker dies continues on another worker. The workers must see the sweep's folder and the data
    under the same paths. Where no worker is left, the runs wait for one to join the cluster, and a line says
    so. InputError where the package distributed is not installed, or where no scheduler answers.
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
    ended = Event()
    with client:
        Thread(target=say_when_no_worker_is_left, args=(client, address, ended), daemon=True).start()
        try:
            yield client.get_executor(pure=False)
        finally:
            ended.set()


def say_when_no_worker_is_left(client: Any, address: str, ended: Event) -> None:
    """Log a line whenever the last worker of a Dask client's cluster has gone, until `ended` is set."""
    alone = False
    while not ended.wait(WATCHED):
        try:
            none = not client.nthreads()  # a mapping from each worker to its threads
        except Exception:  # a scheduler that is gone fails in many ways, and the sweep itself reports it
            return
        if none and not alone:
            helps = "Ctrl-C stops it, and the same sweep goes on later"
            logging.getLogger("scratchvae").warning(
                "%s: no worker is left: the sweep waits until one joins; %s", address, helps
            )
        alone = none
