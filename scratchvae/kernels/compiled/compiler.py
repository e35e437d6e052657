"""How a loop becomes a kernel: compiled by Numba at the first call for each combination of dtypes, cached on disk.

Where a loop can't be compiled, its textbook twin stands in, with one warning.
"""

import hashlib
import warnings
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache

from scratchvae.arrays import InputError

# Division by zero gives infinity as in NumPy (this also lets loops with a division vectorize), and a product may be fused with a
# sum. Loops that add up many terms may take them in any order. Never the flags that assume away NaN and infinity.
AS_WRITTEN: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
REORDERED: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}

scalar = numba.njit(forceinline=True, **AS_WRITTEN)  # a function of numbers; as a call it would keep loops from vectorizing


def compiled(loop: Callable[..., Any], options: dict[str, Any] = AS_WRITTEN) -> Callable[..., Any]:
    """Compile `loop`; its arrays may come in any memory layout, read-only too, and are handed over C-contiguous and aligned."""
    specialized: dict[tuple[Any, ...], Callable[..., Any]] = {}

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        arguments = tuple(_in_order(a) if isinstance(a, np.ndarray) else a for a in arguments)
        key = tuple((a.dtype, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in arguments)
        if key not in specialized:
            specialized[key] = _specialize(loop, arguments, options)
        return specialized[key](*arguments)

    return kernel


summing = partial(compiled, options=REORDERED)


def pointwise(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a `loop` over 1-D arrays of one length into a kernel for arrays of any one shape."""
    over_vectors = compiled(loop)

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        shape = arguments[0].shape
        for a in arguments:
            if isinstance(a, np.ndarray) and a.shape != shape:
                raise InputError(f"{loop.__name__}: the arrays should have one shape, found {shape} and {a.shape}")
        value = over_vectors(*(a.reshape(-1) if isinstance(a, np.ndarray) else a for a in arguments))
        return tuple(part.reshape(shape) for part in value) if isinstance(value, tuple) else value.reshape(shape)

    return kernel


def _in_order(a: np.ndarray) -> np.ndarray:
    return a if a.flags.c_contiguous and a.flags.aligned else a.copy()


def _specialize(loop: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Callable[..., Any]:
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        # NUMBA_DISABLE_JIT=1: Python runs the loop over NumPy's numbers, which would warn where the machine's do not
        return np.errstate(all="ignore")(loop)
    try:
        signature = tuple(_numba_type(a) for a in arguments)
        try:
            return _compile(loop, signature, options, _Cache(loop))
        except Exception:  # nowhere to keep the cache, or what is there can't be read: compile for this process only
            return _compile(loop, signature, options, None)
    except Exception as error:
        return _textbook_twin(loop, error)


def _compile(loop: Callable[..., Any], signature: tuple[Any, ...], options: dict[str, Any], cache: Any) -> Callable[..., Any]:
    dispatcher = numba.njit(**options)(loop)
    if cache is not None:
        dispatcher._cache = cache
    dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def _numba_type(a: Any) -> Any:
    if isinstance(a, np.ndarray):  # declared read-only, which admits both kinds of array with one compilation
        return numba.types.Array(numba.from_dtype(a.dtype), a.ndim, "C", readonly=True)
    return numba.typeof(a)  # type: ignore[no-untyped-call]


def _sources() -> str:
    """A digest of all that the kernels are compiled from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Cache(FunctionCache):
    """Numba's cache on disk, which by itself looks at a loop's own file, not at the functions and options taken from others."""

    def __init__(self, loop: Callable[..., Any]) -> None:
        super().__init__(loop)  # type: ignore[no-untyped-call]
        self._cache_file._source_stamp = (self._cache_file._source_stamp, SOURCES)


SOURCES = _sources()
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
