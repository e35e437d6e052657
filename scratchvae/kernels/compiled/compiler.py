"""How a loop becomes a kernel: compiled by Numba at the first call for each combination of dtypes, cached on disk."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numba
import numpy as np

# Division by zero gives infinity as in NumPy (this also lets loops with a division vectorize). Sums may be reordered and
# contracted; never the flags that assume away NaN and infinity.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"reassoc", "contract", "arcp", "nsz"}}

SCALAR_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "forceinline": True}
scalar = numba.njit(**SCALAR_OPTIONS)
inlined = numba.njit(**OPTIONS)  # a scalar function that the loops of its own file call


def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `loop`; its arrays may come in any memory layout, read-only too, and are handed over C-contiguous."""
    specialized: dict[tuple[Any, ...], Callable[..., Any]] = {}

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        arguments = tuple(np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in arguments)
        key = tuple((a.dtype, a.ndim) if isinstance(a, np.ndarray) else type(a) for a in arguments)
        if key not in specialized:
            specialized[key] = _specialize(loop, arguments)
        return specialized[key](*arguments)

    return kernel


def pointwise(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a `loop` over 1-D arrays of one length into a kernel for arrays of any one shape."""
    over_vectors = compiled(loop)

    @wraps(loop)
    def kernel(*arguments: Any) -> Any:
        shape = arguments[0].shape
        value = over_vectors(*(a.reshape(-1) if isinstance(a, np.ndarray) else a for a in arguments))
        return tuple(part.reshape(shape) for part in value) if isinstance(value, tuple) else value.reshape(shape)

    return kernel


def _specialize(loop: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    def numba_type(a: Any) -> Any:
        if isinstance(a, np.ndarray):  # declared read-only, which admits both kinds of array with one compilation
            return numba.types.Array(numba.from_dtype(a.dtype), a.ndim, "C", readonly=True)
        return numba.typeof(a)  # type: ignore[no-untyped-call]

    signature = tuple(numba_type(a) for a in arguments)
    try:
        return numba.njit(signature, cache=True, **OPTIONS)(loop)
    except (RuntimeError, OSError):  # nowhere to keep the cache: compile for this process only
        return numba.njit(signature, **OPTIONS)(loop)
