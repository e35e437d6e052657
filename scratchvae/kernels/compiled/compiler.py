"""How a loop becomes a kernel: compiled by Numba at the first call for each combination of dtypes, cached on
disk.

Where a loop can't be compiled, its textbook twin stands in, with one warning.
"""

import hashlib
import logging
import threading
import warnings
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from inspect import signature
from operator import index
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, NullCache
from numba.core.errors import NumbaError

from scratchvae.arrays import InputError

# Division by zero gives infinity as in NumPy (this also lets loops with a division vectorize), and a product
# may be fused with a sum. Loops that add up many terms may take them in any order. Never the flags that
# assume away NaN and infinity.
AS_WRITTEN: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
REORDERED: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}, "nogil": True}

# a function of numbers; as a call it would keep loops from vectorizing
scalar = numba.njit(forceinline=True, **AS_WRITTEN)


def compiled(
    loop: Callable[..., Any], options: dict[str, Any] = AS_WRITTEN, given_up: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """Compile `loop`; its arrays may come in any memory layout, read-only too, and are handed over
    C-contiguous and aligned.

    A loop writes into arrays that it made, and into arguments that its caller gives up: those named
    `given_up`.
    """
    run, kinds = _compiled(loop, options, given_up)

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        ready: list[Any] = []
        for a, (writes, number) in zip(arguments, kinds, strict=True):
            ready.append(_fit(a, writes) if isinstance(a, np.ndarray) else number(a))
        return run(*ready)

    return kernel


summing = partial(compiled, options=REORDERED)


def giving_up(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`compiled` for a loop that overwrites arguments."""
    return partial(compiled, given_up=names)


def pointwise(loop: Callable[..., Any], given_up: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Compile a `loop` over 1-D arrays of one length into a kernel for arrays of any one shape.

    Its value lies in memory as its first array does: images whose channels come last keep them there.
    """
    run, kinds = _compiled(loop, AS_WRITTEN, given_up)

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        first = arguments[0]
        shape = first.shape
        order = None if first.flags.c_contiguous else _memory_order(first)
        vectors: list[Any] = []
        for a, (writes, number) in zip(arguments, kinds, strict=True):
            if isinstance(a, np.ndarray):
                if a.shape != shape:
                    raise InputError(
                        f"{loop.__name__}: the arrays should have one shape, found {shape} and {a.shape}"
                    )
                vectors.append(_fit((a if order is None else a.transpose(order)).ravel(), writes))
            else:
                vectors.append(number(a))
        value = run(*vectors)
        if isinstance(value, tuple):
            return tuple([_shaped(part, shape, order) for part in value])
        return _shaped(value, shape, order)

    return kernel


updating = partial(pointwise, given_up=("velocity", "square", "m", "v"))  # an optimizer's slots


def _compiled(
    loop: Callable[..., Any], options: dict[str, Any], given_up: tuple[str, ...]
) -> tuple[Callable[..., Any], list[tuple[bool, Callable[[Any], Any]]]]:
    """run(*arguments) of the loop, compiled; and of each argument whether it is written into, and what makes
    it a number.
    """
    # as annotated: Numba by itself would cut 2.5 off to 2
    numbers: dict[Any, Callable[[Any], Any]] = {float: float, int: index}
    kinds = [
        (name in given_up, numbers.get(p.annotation, _as_it_is))
        for name, p in signature(loop).parameters.items()
    ]
    written = [writes for writes, _ in kinds]
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        # NUMBA_DISABLE_JIT=1: Python runs the loop over NumPy's numbers, which would warn where the machine's
        # do not
        quiet = np.errstate(all="ignore")(loop)
        return quiet, kinds
    return _Machine(loop, written, options), kinds


def _as_it_is(a: Any) -> Any:
    return a


def _fit(a: np.ndarray, writes: bool) -> np.ndarray:
    """The array as a loop expects it: itself, or a copy."""
    flags = a.flags
    return a if flags.carray or (flags.c_contiguous and flags.aligned and not writes) else a.copy()


def _memory_order(a: np.ndarray) -> tuple[int, ...] | None:
    """The axes from the longest stride to the shortest; None if that's as they are."""
    order = tuple(sorted(range(a.ndim), key=lambda axis: -a.strides[axis]))
    return None if order == tuple(range(a.ndim)) else order


def _shaped(vector: np.ndarray, shape: tuple[int, ...], order: tuple[int, ...] | None) -> np.ndarray:
    if order is None:
        return vector.reshape(shape)
    return vector.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


class _Machine:
    """A loop, compiled: it keeps a machine function for each combination of types that has come."""

    def __init__(self, loop: Callable[..., Any], written: list[bool], options: dict[str, Any]) -> None:
        self.loop, self.written, self.options = loop, written, options
        self.lock = threading.Lock()
        self.known: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self.function: Any = None  # Numba's, which finds the machine function for the arguments' types

    def __call__(self, *arguments: Any) -> Any:
        try:
            if self.function is not None:
                try:
                    return self.function(*arguments)
                except (TypeError, NumbaError):  # there is no machine function for these types yet
                    pass
            return self._for(arguments)(*arguments)
        except SystemError as error:  # Ctrl-C came while Numba was looking for the machine function
            if isinstance(error.__cause__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise

    def _for(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        types = tuple((a.dtype, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in arguments)
        with self.lock:
            if types not in self.known:
                try:
                    self._compile(tuple(map(_numba_type, arguments, self.written)))
                    self.known[types] = self.function
                except Exception as error:
                    self.known[types] = _textbook_twin(self.loop, error)
        return self.known[types]

    def _compile(self, signature: tuple[Any, ...]) -> None:
        compiler = numba.njit(**self.options)(self.loop)
        try:
            compiler._cache = _Cache(self.loop, self.options)
            compiler.compile(signature)
        except Exception:
            # nowhere to keep the cache, or what is there can't be read: compile for this process only
            _tell_that_it_compiles()
            compiler._cache = NullCache()
            compiler.compile(signature)
        if self.function is None:
            compiler.disable_compile()
            self.function = compiler
        else:
            self.function.add_overload(compiler.overloads[signature])


def _numba_type(a: Any, written: bool) -> Any:
    if isinstance(a, np.ndarray):  # declared read-only, which admits both kinds of array with one compilation
        return numba.types.Array(numba.from_dtype(a.dtype), a.ndim, "C", readonly=not written)
    return numba.typeof(a)  # type: ignore[no-untyped-call]


def _sources() -> str:
    """A digest of all that the kernels are compiled from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Cache(FunctionCache):
    """Numba's cache on disk, which by itself looks at a loop's own file, not at the functions and options
    taken from others.

    Numba unpickles what lies there: whoever may write into the cache's folder may have code executed. What
    can't be read, such as a file that was cut off, is cleared, so that the kernel is compiled and kept anew.
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
            _tell_that_it_compiles()
        return found


SOURCES = _sources()
_told = False
_warned = False


def _tell_that_it_compiles() -> None:
    """Once, by the logger "scratchvae": the command line prints it."""
    global _told
    if not _told:
        _told = True
        said = "compiling kernels that were not used on this machine before, and keeping them: this takes some seconds"
        logging.getLogger("scratchvae").info(said)


def _textbook_twin(loop: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"scratchvae: Numba can't compile {loop.__name__} ({type(error).__name__}: {str(error).strip().splitlines()[0]}); "
            "NumPy stands in for it, and for others without another warning",
            RuntimeWarning,
            stacklevel=4,
        )
    return getattr(import_module(loop.__module__.replace(".compiled.", ".textbook.")), loop.__name__)
