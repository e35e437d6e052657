"""How a loop becomes a kernel: Numba compiles it at the first call for each combination of dtypes.

The machine code is kept on disk. Where a loop can't be compiled, its textbook twin takes its place, with one
warning.
"""

import threading
import warnings
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from inspect import signature
from operator import index
from typing import Any

import numba
import numpy as np
from numba.core.caching import NullCache
from numba.core.errors import NumbaError

from scratchvae.arrays import InputError
from scratchvae.kernels.compiled.cache import Cache, tell_that_it_compiles

# Division by zero gives infinity as in NumPy, which also lets loops with a division vectorize, and a product
# may be fused with a sum. Loops that add up many terms may take them in any order. No loop has the flags by
# which a compiler assumes that NaN and infinity do not occur.
AS_WRITTEN: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
REORDERED: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}, "nogil": True}

# A function of numbers. It is inlined, because a loop that calls a function is not vectorized.
scalar = numba.njit(forceinline=True, **AS_WRITTEN)


def compiled(
    loop: Callable[..., Any], options: dict[str, Any] = AS_WRITTEN, given_up: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """Compile `loop` into a kernel that takes arrays of any memory layout, read-only ones too.

    The loop itself receives C-contiguous, aligned arrays. It writes into arrays that it made, and into
    arguments that its caller gives up: those named `given_up`.
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
    """`compiled` for a loop that overwrites the arguments of these names."""
    return partial(compiled, given_up=names)


def pointwise(loop: Callable[..., Any], given_up: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Compile a `loop` over 1-D arrays of one length into a kernel for arrays of any one shape.

    The value has the memory order of the first array, so that images whose channels come last keep them last.
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
    """The compiled loop as run(*arguments), and two facts about each argument.

    They are whether the loop writes into the argument, and the function that makes a number of it.
    """
    # A number becomes what its annotation says: Numba by itself would cut 2.5 off to 2.
    numbers: dict[Any, Callable[[Any], Any]] = {float: float, int: index}
    kinds = [
        (name in given_up, numbers.get(p.annotation, _as_it_is))
        for name, p in signature(loop).parameters.items()
    ]
    written = [writes for writes, _ in kinds]
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        # Under NUMBA_DISABLE_JIT=1 Python runs the loop over NumPy's numbers, which would warn where compiled
        # code does not.
        quiet = np.errstate(all="ignore")(loop)
        return quiet, kinds
    return _Machine(loop, written, options), kinds


def _as_it_is(a: Any) -> Any:
    return a


def _fit(a: np.ndarray, writes: bool) -> np.ndarray:
    """The array itself where a loop can take it, and otherwise a copy that it can take."""
    flags = a.flags
    return a if flags.carray or (flags.c_contiguous and flags.aligned and not writes) else a.copy()


def _memory_order(a: np.ndarray) -> tuple[int, ...] | None:
    """The axes from the longest stride to the shortest, or None where they are in this order already."""
    order = tuple(sorted(range(a.ndim), key=lambda axis: -a.strides[axis]))
    return None if order == tuple(range(a.ndim)) else order


def _shaped(vector: np.ndarray, shape: tuple[int, ...], order: tuple[int, ...] | None) -> np.ndarray:
    if order is None:
        return vector.reshape(shape)
    return vector.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


class _Machine:
    """A compiled loop, with a machine function for each combination of types that it was called with."""

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
            compiler._cache = Cache(self.loop, self.options)
            compiler.compile(signature)
        except Exception:
            # The cache can't be written, or what is there can't be read: compile for this process only.
            tell_that_it_compiles()
            compiler._cache = NullCache()
            compiler.compile(signature)
        if self.function is None:
            compiler.disable_compile()
            self.function = compiler
        else:
            self.function.add_overload(compiler.overloads[signature])


def _numba_type(a: Any, written: bool) -> Any:
    if isinstance(a, np.ndarray):  # read-only, so that one compilation takes both kinds of array
        return numba.types.Array(numba.from_dtype(a.dtype), a.ndim, "C", readonly=not written)
    return numba.typeof(a)  # type: ignore[no-untyped-call]


_warned = False


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
