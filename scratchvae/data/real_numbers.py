"""Arrays of any dtype become arrays of real numbers; an array that holds none is refused in one sentence."""

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.masks import has_masks


def real_numbers(where: str, called: str, array: Array) -> Array:
    """Return the array as one of real numbers in the machine's byte order."""
    kind, expected = array.dtype.kind, f"{where}: {called} should hold real numbers"
    if kind in "biuf":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if kind == "c":
        helps = f"np.concatenate([{called}.real, {called}.imag], axis=1) makes two numbers of each"
        raise InputError(
            f"{where}: Complex data not supported: {called} should hold real numbers, "
            f"found {array.dtype}; {helps}"
        )
    if kind in "Mm":
        unit = f"{called} - {called}.min()" if kind == "M" else called
        words = "dates" if kind == "M" else "durations"
        helps = f"({unit}) / np.timedelta64(1, 's') makes seconds of them"
        raise InputError(f"{expected}, found {words} ({array.dtype}); {helps}")
    if kind in "SUT":
        helps = f"np.unique({called}, return_inverse=True)[1] numbers the words of a column"
        if array.size and _reads_as_numbers(array):
            helps = f"{called}.astype(np.float64) reads these as numbers"
        found = (
            f"found strings, such as {str(array.reshape(-1)[0])!r:.40}"
            if array.size
            else f"found no entry, of {array.dtype}"
        )
        raise InputError(f"{expected}, {found}; {helps}")
    if array.dtype.names is not None:
        fields = ", ".join(array.dtype.names)
        helps = f"numpy.lib.recfunctions.structured_to_unstructured({called}) makes columns of them"
        raise InputError(f"{expected}, found records of the fields {fields}; {helps}")
    if kind == "O":
        return _of_objects(where, called, array)
    try:
        return array.astype(np.float32)  # the half-precision formats of other libraries
    except (TypeError, ValueError):
        raise InputError(f"{expected}, found {array.dtype}") from None


def _reads_as_numbers(array: Array) -> bool:
    try:
        array.astype(np.float64)
    except ValueError:
        return False
    return True


def _of_objects(where: str, called: str, array: Array) -> Array:
    """Turn Python's own numbers into float64 and None into NaN.

    InputError names the first entry that is neither.
    """
    numbers = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        entry = array[index]
        if entry is None or type(entry).__name__ in ("NAType", "NaTType", "MaskedConstant"):
            numbers[index] = np.nan
        elif isinstance(entry, Real | Decimal | np.bool_):
            numbers[index] = _as_float(where, called, entry, index)
        elif isinstance(entry, np.ma.MaskedArray) and not entry.ndim:
            numbers[index] = (
                np.nan if np.ma.is_masked(entry) else _as_float(where, called, entry.item(), index)
            )
        else:
            _refuse_object(where, called, entry, index, array)
    return numbers


def _as_float(where: str, called: str, entry: Any, index: tuple[int, ...]) -> float:
    """Return the nearest float to one of Python's numbers.

    InputError where there is none: 10**400 is too large, and a signalling NaN has no float.
    """
    try:
        return float(entry)
    except (OverflowError, ValueError, TypeError):
        found = f"found a {type(entry).__name__} {_at(index)} that float64 cannot hold"
        helps = "divide the numbers, or take their logarithms; NaN stands for a missing one"
        raise InputError(f"{where}: {called} should hold real numbers, {found}; {helps}") from None


def _at(index: tuple[int, ...]) -> str:
    """Say in words where an entry of an array stands."""
    if len(index) > 2 or not index:
        return f"at {index}"
    return f"in row {index[0]}" + (f", column {index[1]}" if len(index) == 2 else "")


def _refuse_object(where: str, called: str, entry: Any, index: tuple[int, ...], array: Array) -> None:
    expected, at = f"{where}: {called} should hold real numbers", _at(index)
    if array.ndim == 1 and isinstance(entry, np.ndarray | list | tuple):
        require_one_shape(where, called, array)
        stack = "np.ma.stack" if has_masks(list(array)) else "np.stack"
        raise InputError(
            f"{expected}, found an array of arrays: {stack}(list({called})) makes one array of them"
        )
    if isinstance(entry, str):
        helps = f"np.unique({called}, return_inverse=True)[1] numbers the words of a column"
        raise InputError(f"{expected}, found the text {entry!r:.40} {at}; {helps}")
    raise InputError(
        f"{expected}, found a {type(entry).__name__} {at}: the argument must be a string or a number"
    )


def require_one_shape(where: str, called: str, parts: Iterable[Any]) -> None:
    """InputError where the parts of a list have different shapes; it names the first part that differs."""
    shapes = [_shape(part) for part in parts]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            found = f"found a ragged list: its part 0 has shape {shapes[0]}, part {i} has {shape}"
            helps = "cut or pad them to one shape, with NaN where there is nothing"
            raise InputError(f"{where}: {called} should have examples of one shape; {found}: {helps}")


def _shape(part: Any) -> tuple[int, ...] | str:
    try:
        return np.shape(part)
    except ValueError:
        return "no single shape"
