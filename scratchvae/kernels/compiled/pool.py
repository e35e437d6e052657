"""One pool of threads for OpenBLAS's products and the compiled loops, in place of two that take the cores from each other.

OpenBLAS's own threads spin while they wait for the next product: a loop shared out beside them meets cores that are taken.
Inside `one_pool` OpenBLAS hands the jobs of a product to the OpenMP threads that run Numba's parallel loops (the callback of
openblas_set_threads_callback_function, cblas.h), and large loops are shared out among the same threads. Two rules come with it:
all jobs of a product run at the same time, since they wait for each other; and one product runs at a time, since OpenBLAS has
one scratch buffer for each job's number.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from scratchvae import cpu

SETTERS = [f"{prefix}openblas_set_threads_callback_function{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")]
CRITICAL = ("GOMP_critical_start", "GOMP_critical_end")  # the lock of OpenMP's critical sections
address: Any = types.uintp
number: Any = types.int32
_start: Any = types.ExternalFunction(CRITICAL[0], types.void())
_end: Any = types.ExternalFunction(CRITICAL[1], types.void())
_get_threads: Any = types.ExternalFunction("get_num_threads", number())  # of Numba's threading layer, by their names there
_set_threads: Any = types.ExternalFunction("set_num_threads", types.void(number))


class _Here(threading.local):
    threads = 1


here = _Here()  # `here.threads`: among how many a large loop of this thread is shared out
_given: list[Callable[[int | None], None]] = []  # the setters of the libraries whose jobs come here


@contextmanager
def one_pool() -> Iterator[int]:
    """Products and loops of this thread's block run on one pool, of as many threads as OpenBLAS is set to: gives their number.

    Products stay the same to the bit, loops to a unit in the last place. Nothing changes, and the number is 1, where that can't
    be had: with another BLAS, one thread of it, another system than Linux, another threading layer of Numba's; or beside other
    threads of Python's, which may be multiplying just now. SCRATCHVAE_CPU=default forbids it.
    """
    allowed = os.environ.get(cpu.SWITCH) != "default" and threading.active_count() == 1 and not _given
    libraries = _libraries() if allowed else []
    threads = max((blas.threads for blas, _ in libraries), default=1)
    if threads == 1 or not _has_threads(threads):
        yield here.threads
        return
    callback, before = _callback().address, numba.get_num_threads()
    _given[:] = [setter for _, setter in libraries]
    numba.set_num_threads(threads)
    here.threads = threads
    for setter in _given:
        setter(callback)
    try:
        yield threads
    finally:
        _openmp().GOMP_critical_start()  # nobody's product is under way
        _take_back()
        _openmp().GOMP_critical_end()
        numba.set_num_threads(before)


def _take_back() -> None:
    """OpenBLAS runs its jobs itself again. A forked process does this first: it has no threads but its own."""
    for setter in _given:
        setter(None)
    _given.clear()
    here.threads = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_take_back)


def _libraries() -> list[tuple[cpu.Blas, Callable[[int | None], None]]]:
    """The OpenBLAS libraries loaded that can hand their jobs over, and how to tell them to."""
    found = []
    for blas in cpu.loaded_blas() if sys.platform == "linux" else []:
        library = ctypes.CDLL(blas.path)
        setter = next((getattr(library, name) for name in SETTERS if hasattr(library, name)), None)
        if setter is not None and blas.threads > 1:
            setter.argtypes, setter.restype = [ctypes.c_void_p], None
            found.append((blas, setter))
    return found


def _has_threads(wanted: int) -> bool:
    """Whether OpenMP, asked for so many threads, gives them, every time."""
    openmp = _openmp()
    if openmp is None or wanted > numba.config.NUMBA_NUM_THREADS:  # type: ignore[attr-defined]
        return False
    return openmp.omp_get_thread_limit() >= wanted and not openmp.omp_get_dynamic() and not openmp.omp_in_parallel()


@cache
def _openmp() -> Any:
    """The OpenMP library behind Numba's parallel loops; None where there is none, or they are to run on another layer."""
    asked = numba.config.THREADING_LAYER  # type: ignore[attr-defined]
    try:
        if asked == "default":
            numba.config.THREADING_LAYER = "omp"  # type: ignore[attr-defined]
        numba.set_num_threads(numba.get_num_threads())  # starts the layer, if nobody has
        if numba.threading_layer() != "omp":  # type: ignore[attr-defined]
            return None
        from numba.np.ufunc import omppool  # type: ignore[attr-defined]

        openmp = ctypes.CDLL(omppool.__file__)
        for name in CRITICAL:
            binding.add_symbol(name, ctypes.cast(getattr(openmp, name), ctypes.c_void_p).value)
        return openmp
    except (ImportError, AttributeError, ValueError):
        return None
    finally:
        numba.config.THREADING_LAYER = asked  # type: ignore[attr-defined]


@intrinsic
def _call(context: Any, do: Any, i: Any, job: Any, mark: Any) -> Any:
    """Call the C function void (int, void *, int) at the address `do`."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        do, i, job, mark = arguments
        function = ir.FunctionType(ir.VoidType(), [ir.IntType(32), ir.IntType(64), ir.IntType(32)])
        builder.call(builder.inttoptr(do, function.as_pointer()), [i, job, mark])
        return context.get_dummy_value()

    return types.void(do, i, job, mark), build


@numba.njit(parallel=True)
def _share(do: int, jobs: int, size: int, first: int, mark: int) -> None:
    for i in numba.prange(jobs):
        _call(do, number(i), first + address(i) * size, mark)  # type: ignore[call-arg]


def _run(sync: int, do: int, jobs: int, size: int, first: int, mark: int) -> None:
    """What OpenBLAS calls with its jobs: job i is do(i, first + i · size, mark), and all are done when it returns."""
    _start()
    before = _get_threads()
    _set_threads(jobs)
    _share(do, jobs, size, first, mark)
    _set_threads(before)
    _end()


@cache
def _callback() -> Any:
    """_run as a C function, from the cache on disk if there is one."""
    compile_run = partial(numba.cfunc, types.void(number, address, number, address, address, number))
    try:
        _share.enable_caching()
        return compile_run(cache=True)(_run)
    except RuntimeError:  # nowhere to keep it
        return compile_run()(_run)
