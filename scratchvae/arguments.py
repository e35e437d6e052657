"""The door of every op and law: it decides which arrays come in, and with which dtype."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar, cast

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback

Function = TypeVar("Function", bound=Callable[..., Any])
FLOATS = np.dtype(np.float32), np.dtype(np.float64)


def differentiable(op: Function) -> Function:
    """Check the arguments and the gradients of an op or a law, `value, pullback = op(*arrays, **constants)`.

    Positional arrays are differentiated, and so they have to be float32 or float64. If they are of both
    dtypes, the op computes in float64, and the pullback returns each gradient in the dtype of its argument.
    An array of another byte order is brought to the machine's order, and a subclass such as a memory map is
    taken as the plain array that it is.

    Everything else raises InputError: whole numbers, because the op could only guess whether its constants
    should be rounded to them, half and extended precision, and arrays with a mask.

    Keyword constants may be whole numbers and bools too. A gradient that the pullback receives has the shape
    of its part of the value, and the op receives it in that part's dtype. A single number stands for an array
    full of it.
    """
    where, names = _called(op), _positional(op)
    count = len(names)

    @wraps(op)
    def checked(*arrays: Any, **constants: Any) -> tuple[Any, Pullback]:
        dtype = arrays[0].dtype if arrays and type(arrays[0]) is np.ndarray else None
        # arrays that kernels return have the same dtype in another object, so "is" would miss it
        plain = dtype is not None and dtype in FLOATS and len(arrays) >= count
        for a in arrays if plain else ():
            plain = plain and type(a) is np.ndarray and a.dtype == dtype
        given = None
        if not plain:
            arrays, constants = _in_order(arrays, constants, names)
            arrays = _as_floats(where, names, arrays)
            given = tuple(a.dtype for a in arrays)
            dtype = np.result_type(*given) if given else np.dtype(np.float64)
            arrays = tuple(a.astype(dtype, copy=False) for a in arrays)
        for name, constant in constants.items():
            if isinstance(constant, np.ndarray):
                constants[name] = _as_constant(where, name, constant)
        value, op_pullback = op(*arrays, **constants)
        shapes = tuple([part.shape for part in value]) if isinstance(value, tuple) else (value.shape,)

        def pullback(*gradients: Any) -> Any:
            for d, shape in zip(gradients, shapes):  # noqa: B905  (batch_norm's last two can be left out)
                if type(d) is not np.ndarray or d.dtype != dtype or d.shape != shape:
                    gradients = _as_gradients(where, gradients, shapes, dtype)
                    break
            found = op_pullback(*gradients)
            return found if given is None else _as_given(found, given)

        return value, pullback

    return cast(Function, checked)


def in_float64(op: Function) -> Function:
    """Compute an op in float64, and return its value and its gradients in the dtype that came in.

    This decorator is for ops whose results are differences of large numbers. A gradient beyond the dtype's
    range becomes infinite.
    """

    @wraps(op)
    def computed(*arrays: Array, **constants: Any) -> tuple[Any, Pullback]:
        given = tuple(a.dtype for a in arrays)
        value, op_pullback = op(*(a.astype(np.float64, copy=False) for a in arrays), **constants)
        parts = len(value) if isinstance(value, tuple) else 1

        def pullback(*gradients: Array) -> Any:
            return _as_given(op_pullback(*(d.astype(np.float64, copy=False) for d in gradients)), given)

        return _as_given(value, given[:1] * parts), pullback

    return cast(Function, computed)


def sampler(draw: Function) -> Function:
    """Check the arguments of a function that draws, as `differentiable` does for a function with a pullback.

    Parameters that are NaN raise InputError.
    """
    where, names = _called(draw), _positional(draw)

    @wraps(draw)
    def checked(*arrays: Any, **constants: Any) -> Any:
        arrays, constants = _in_order(arrays, constants, names)
        arrays = _as_floats(where, names, arrays)
        for name, array in zip(names, arrays, strict=True):
            if np.isnan(array).any():
                raise InputError(
                    f"{where}: {name} should be numbers, found NaN, which has no law to draw from"
                )
        for name, constant in constants.items():
            if isinstance(constant, np.ndarray):
                constants[name] = _as_constant(where, name, constant)
        return draw(*arrays, **constants)

    return cast(Function, checked)


def as_float(where: str, name: str, a: Any) -> Array:
    """Return a plain array of float32 or float64 in the machine's byte order, or raise InputError."""
    if type(a) is np.ndarray and a.dtype in FLOATS:
        return a
    plain = _plain(where, name, a)
    dtype = plain.dtype.newbyteorder("=")
    if dtype not in FLOATS:
        real = dtype.kind in "biuf"
        helps = f": {name}.astype(np.float64) makes it so" if real else ""
        raise InputError(f"{where}: {name} should be float32 or float64, found {plain.dtype}{helps}")
    return plain.astype(dtype, copy=False)


def _called(function: Callable[..., Any]) -> str:
    """Return the name that messages use: "linear" for an op, "gaussian.kl" for a law."""
    room, file = function.__module__.split(".")[-2:]
    return f"{file}.{function.__name__}" if room == "distributions" else function.__name__


def _positional(function: Callable[..., Any]) -> list[str]:
    """Return the names of the positional arguments. `*parts` has none."""
    return [
        name
        for name, p in signature(function).parameters.items()
        if p.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]


def _in_order(
    arrays: tuple[Any, ...], constants: dict[str, Any], names: list[str]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move arrays that were given by name behind the others, and return them with the remaining constants."""
    by_name = [name for name in names[len(arrays) :] if name in constants]
    rest = {name: constant for name, constant in constants.items() if name not in by_name}
    return (*arrays, *(constants[name] for name in by_name)), rest


def _as_floats(where: str, names: list[str], arrays: tuple[Any, ...]) -> tuple[Array, ...]:
    # the arrays of `*parts` have no names of their own
    named = [*names, *(f"part {i}" for i in range(len(names), len(arrays)))]
    return tuple(as_float(where, name, a) for name, a in zip(named, arrays, strict=False))


def _as_constant(where: str, name: str, a: Array) -> Array:
    """Return a plain array of float32, float64, whole numbers or bools, in the machine's byte order."""
    if type(a) is np.ndarray and a.dtype in FLOATS:
        return a
    plain = _plain(where, name, a)
    dtype = plain.dtype.newbyteorder("=")
    if dtype.kind not in "biu" and dtype not in FLOATS:
        raise InputError(
            f"{where}: {name} should be float32, float64, whole numbers or bools, found {plain.dtype}"
        )
    return plain.astype(dtype, copy=False)


def _plain(where: str, name: str, a: Any) -> Array:
    if isinstance(a, np.ma.MaskedArray):
        helps = f"{name}.filled(value) puts a value in the place of masked entries"
        raise InputError(f"{where}: {name} should be a plain array, found a masked array: {helps}")
    if not isinstance(a, np.ndarray | np.generic):
        helps = f"np.asarray({name}, np.float64) makes an array from numbers"
        raise InputError(f"{where}: {name} should be an array, found a {type(a).__name__}: {helps}")
    return np.asarray(a)


def _as_gradients(
    where: str, gradients: tuple[Any, ...], shapes: tuple[tuple[int, ...], ...], dtype: Any
) -> tuple[Any, ...]:
    ready: list[Any] = []
    for d, shape in zip(gradients, shapes, strict=False):
        if d is None:
            ready.append(d)
            continue
        number = isinstance(d, int | float)
        array = (
            np.asarray(d, dtype)
            if number
            else as_float(where, "the gradient of the value", d).astype(dtype, copy=False)
        )
        if array.ndim and array.shape != shape:
            raise InputError(
                f"{where}: the gradient of the value should have its shape {shape}, found {array.shape}"
            )
        ready.append(array if array.shape == shape else np.full(shape, array))
    return (*ready, *gradients[len(shapes) :])


def _as_given(gradients: Any, dtypes: tuple[Any, ...]) -> Any:
    """Return each gradient in the dtype of its argument."""
    with np.errstate(over="ignore"):
        if not isinstance(gradients, tuple):
            return gradients.astype(dtypes[0], copy=False)
        return tuple(
            d if d is None else d.astype(dtype, copy=False)
            for d, dtype in zip(gradients, dtypes, strict=True)
        )
