"""Processes of this machine train several runs at once."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress

from scratchvae.arrays import require_count

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextmanager
def process_pool(workers: int) -> Iterator[Executor]:
    """Yield so many new processes with one thread each.

    On the way out by an error or a signal, each process ends after its training step.
    """
    require_count("sweep", "workers", workers, 1)
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))  # new processes inherit these before they import NumPy
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_to_parent)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            with suppress(OSError):
                process.terminate()
        raise
    finally:
        pool.shutdown()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _leave_to_parent() -> None:
    """Let the process ignore Ctrl-C, which reaches every process of a terminal.

    The parent handles it, and sends SIGTERM to the processes of its pool.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
