"""One pool of threads for OpenBLAS's products and the compiled loops, in place of two that take the cores from each other.

OpenBLAS's own threads spin while they wait for the next product: a loop shared out beside them meets cores that are taken.
Inside `one_pool` OpenBLAS hands the jobs of a product to the OpenMP threads that run Numba's parallel loops (the callback of
openblas_set_threads_callback_function, cblas.h), and large loops are shared out among the same threads. Two rules come with it:
all jobs of a product run at the same time, since they wait for each other; and one product runs at a time, since OpenBLAS has
one scratch buffer for each job's number. Decompositions also queue jobs for OpenBLAS's own threads under those numbers, and keep
Python's lock meanwhile: threads started while the pool lasts may multiply, but must not call numpy.linalg.
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
from numba.core.caching import NullCache
from numba.extending import intrinsic

from scratchvae import cpu

SETTERS = [f"{prefix}openblas_set_threads_callback_function{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")]
NEVER_MULTIPLY = {  # modules of the threads that progress bars and notebooks keep
    "tqdm._monitor",
    "ipykernel.control",
    "ipykernel.heartbeat",
    "ipykernel.iostream",
    "ipykernel.parentpoller",
    "ipykernel.shellchannel",
    "IPython.core.history",
    "zmq.utils.garbage",
}
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
_forked = False


@contextmanager
def one_pool() -> Iterator[int]:
    """Products and loops of this thread's block run on one pool, of as many threads as OpenBLAS is set to: gives their number.

    Products stay the same to the bit, loops to a unit in the last place. Where there is an `obstacle` nothing changes, and the
    number is 1; inside such a block it is that of the block. Start no threads in it that call numpy.linalg.
    """
    if _given or obstacle() is not None:
        yield here.threads
        return
    libraries = _libraries()
    callback, before = _callback().address, numba.get_num_threads()
    try:
        here.threads = max(blas.threads for blas, _ in libraries)
        numba.set_num_threads(here.threads)
        for _, setter in libraries:
            _given.append(setter)
            setter(callback)
        yield here.threads
    finally:
        _openmp().GOMP_critical_start()  # nobody's product is under way
        try:
            _take_back()
        finally:
            _openmp().GOMP_critical_end()
        numba.set_num_threads(before)


def obstacle() -> str | None:
    """Why there is no pool to be had, in words; None where there is one."""
    if os.environ.get(cpu.SWITCH) == "default":
        return f"{cpu.SWITCH}=default"
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return "NUMBA_DISABLE_JIT"
    if sys.platform != "linux":
        return "this system is not Linux"
    if _forked:
        return "OpenMP's threads can't be used in a forked process"
    others = [t.name for t in threading.enumerate() if t is not threading.current_thread() and not _never_multiplies(t)]
    if others:
        return f"other Python threads, which may be multiplying just now: {', '.join(others)}"
    libraries = _libraries()
    if not libraries:
        return "no OpenBLAS with several threads that hands its jobs over"
    return _missing(max(blas.threads for blas, _ in libraries))


def _never_multiplies(thread: threading.Thread) -> bool:
    runs = getattr(thread, "_target", None)  # of a plain Thread, a function
    return bool({type(thread).__module__, getattr(runs, "__module__", None)} & NEVER_MULTIPLY)


def _take_back() -> None:
    """OpenBLAS runs its jobs itself again."""
    for setter in _given:
        setter(None)
    _given.clear()
    here.threads = 1


def _after_fork() -> None:
    """GNU's OpenMP, whoever started it before the fork, would end the new process when it asks for threads."""
    global _forked
    _forked = True
    _take_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _libraries() -> list[tuple[cpu.Blas, Callable[[int | None], None]]]:
    """The OpenBLAS libraries loaded that can hand their jobs over, and how to tell them to."""
    found = []
    for blas in cpu.loaded_blas():
        library = ctypes.CDLL(blas.path)
        setter = next((getattr(library, name) for name in SETTERS if hasattr(library, name)), None)
        if setter is not None and blas.threads > 1:
            setter.argtypes, setter.restype = [ctypes.c_void_p], None
            found.append((blas, setter))
    return found


def _missing(wanted: int) -> str | None:
    """Why OpenMP, asked for so many threads, might give fewer; None if it gives them every time."""
    openmp = _openmp()
    if openmp is None:
        return "Numba's parallel loops don't run on OpenMP here"
    if wanted > numba.config.NUMBA_NUM_THREADS:  # type: ignore[attr-defined]
        return f"OpenBLAS has {wanted} threads, Numba {numba.config.NUMBA_NUM_THREADS}"  # type: ignore[attr-defined]
    if openmp.omp_get_thread_limit() < wanted or openmp.omp_get_dynamic() or openmp.omp_in_parallel():
        return f"OpenMP may give fewer than {wanted} threads"
    return None


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
    except Exception:  # nowhere to keep it, or what is there can't be read
        _share._cache = NullCache()  # type: ignore[attr-defined]
        return compile_run()(_run)
