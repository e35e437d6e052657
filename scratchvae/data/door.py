"""The one door for data: whatever people have their examples in becomes a plain array of real numbers, or one sentence."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError


@dataclass(frozen=True, eq=False)
class Arrival:
    """What came in at the door.

    values  numbers in the machine's byte order, of any shape: bools, integers or floats, NaN where an entry is missing
    hidden  of the same shape, True where a mask says that an entry is missing; None where there is no mask
    names   what each column is called, or nothing
    """

    values: Array
    hidden: Array | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """A form in which data come: what it is called, how it is known, and what it becomes. The first that fits counts."""

    words: str
    fits: Callable[[Any], bool]
    take: Callable[[str, str, Any], Arrival]


def arrival(where: str, given: Any, *, called: str = "x") -> Arrival:
    """Anybody's data as numbers, by the table FORMS; InputError, which begins with `where`, for what holds no real numbers."""
    return next(form for form in FORMS if form.fits(given)).take(where, called, given)


def plain(given: Any) -> Any:
    """A torch tensor as a NumPy array, and everything else as it is: for what need not hold numbers, such as labels."""
    return _of_torch("", "", given) if _is_torch(given) else given


def _refuse_path(where: str, called: str, given: Any) -> Arrival:
    found = f"found the {'path' if isinstance(given, PathLike) else 'text'} {str(given)!r:.60}"
    raise InputError(f"{where}: {called} should be an array of examples; {found}: scratchvae.load(path) reads files")


def _refuse(where: str, called: str, given: Any) -> Arrival:
    helps = ""
    if isinstance(given, Mapping):
        helps = ": give one of the arrays that it holds"
    elif isinstance(given, Iterator):
        helps = f": list({called}) makes a list of what it gives"
    found = "None" if given is None else f"a {type(given).__name__}"
    raise InputError(f"{where}: {called} should be an array of examples; found {found}{helps}")


def _is_sparse(given: Any) -> bool:
    return (hasattr(given, "nnz") or hasattr(given, "nse")) and (hasattr(given, "toarray") or hasattr(given, "todense"))


def _take_sparse(where: str, called: str, given: Any) -> Arrival:
    dense = "toarray" if hasattr(given, "toarray") else "todense"
    entries = int(np.prod(given.shape, dtype=object))
    found = f"found sparse data of shape {tuple(given.shape)}"
    helps = f"{called}.{dense}() stores every entry, in {entries * np.dtype(given.dtype).itemsize:,} bytes"
    raise InputError(f"{where}: {called} should be a dense array; {found}: {helps}")


def _is_torch(given: Any) -> bool:
    return hasattr(given, "detach") and hasattr(given, "cpu")


def _of_torch(where: str, called: str, given: Any) -> Array:
    if str(given.layout) != "torch.strided":
        found = f"found a sparse tensor of shape {tuple(given.shape)}"
        raise InputError(f"{where}: {called} should be a dense array; {found}: {called}.to_dense() stores every entry")
    tensor = given.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except (TypeError, RuntimeError):  # half-precision formats that NumPy does not have
        return np.asarray(tensor.float().numpy())


def _take_torch(where: str, called: str, given: Any) -> Arrival:
    return Arrival(_numbers(where, called, _of_torch(where, called, given)))


def _take_masked(where: str, called: str, given: Any) -> Arrival:
    values = _numbers(where, called, given.data)
    return Arrival(values, np.ma.getmaskarray(given))


def is_frame(given: Any) -> bool:
    """Whether it is a DataFrame of pandas, or one that is used alike."""
    return hasattr(given, "columns") and hasattr(given, "to_numpy") and hasattr(given, "dtypes")


def _take_frame(where: str, called: str, given: Any) -> Arrival:
    """A DataFrame of numbers, NaN where an entry is missing. This is where tables go that hold anything else."""
    names = [str(name) for name in given.columns]
    if not names or len(set(names)) < len(names):
        raise InputError(f"{where}: {called} should have columns of different names; found {', '.join(names) or 'none'}")
    columns = [_numbers(where, f"{called}[{name!r}]", np.asarray(given[name].to_numpy())) for name in given.columns]
    return Arrival(np.stack(columns, axis=1), names=tuple(names))


def _take_array(where: str, called: str, given: Any) -> Arrival:
    if isinstance(given, np.memmap) and given.dtype.kind in "biuf" and given.dtype.isnative:
        return Arrival(given)  # which is read when it is asked for
    return Arrival(_numbers(where, called, np.asarray(given)))


def _take_sequence(where: str, called: str, given: Any) -> Arrival:
    parts = list(given)
    if any(isinstance(part, np.ma.MaskedArray) and part.ndim for part in parts):
        _require_one_shape(where, called, parts)
        return _take_masked(where, called, np.ma.stack(parts))
    parts = [plain(part) for part in parts]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Warning: converting a masked element to nan")
            return Arrival(_numbers(where, called, np.asarray(parts)))
    except InputError:
        raise
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        _require_one_shape(where, called, parts)
        found = f"found a list that is none ({error!s:.200})"
        raise InputError(f"{where}: {called} should be an array of examples; {found}") from None


def _require_one_shape(where: str, called: str, parts: Iterable[Any]) -> None:
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


def _numbers(where: str, called: str, array: Array) -> Array:
    """The array as one of real numbers in the machine's byte order."""
    kind, expected = array.dtype.kind, f"{where}: {called} should hold real numbers"
    if kind in "biuf":
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    if kind == "c":
        helps = f"np.concatenate([{called}.real, {called}.imag], axis=1) makes two numbers of each"
        raise InputError(f"{where}: Complex data not supported: {called} should hold real numbers, found {array.dtype}; {helps}")
    if kind in "Mm":
        unit = f"{called} - {called}.min()" if kind == "M" else called
        words = "dates" if kind == "M" else "durations"
        helps = f"({unit}) / np.timedelta64(1, 's') makes seconds of them"
        raise InputError(f"{expected}, found {words} ({array.dtype}); {helps}")
    if kind in "SUT":
        helps = f"np.unique({called}, return_inverse=True)[1] numbers the words of a column"
        if _reads_as_numbers(array):
            helps = f"{called}.astype(np.float64) reads these as numbers"
        raise InputError(f"{expected}, found strings, such as {str(array.reshape(-1)[0])!r:.40}; {helps}")
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
    """Python's own numbers as float64, NaN where there is None. InputError names the first that is neither."""
    numbers = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        entry = array[index]
        if entry is None or type(entry).__name__ in ("NAType", "NaTType", "MaskedConstant"):
            numbers[index] = np.nan
        elif isinstance(entry, Real | Decimal | np.bool_):
            numbers[index] = float(entry)
        else:
            _refuse_object(where, called, entry, index, array)
    return numbers


def _refuse_object(where: str, called: str, entry: Any, index: tuple[int, ...], array: Array) -> None:
    expected = f"{where}: {called} should hold real numbers"
    at = f"in row {index[0]}" + (f", column {index[1]}" if len(index) == 2 else "") if len(index) < 3 else f"at {index}"
    if array.ndim == 1 and isinstance(entry, np.ndarray | list | tuple):
        _require_one_shape(where, called, array)
        raise InputError(f"{expected}, found an array of arrays: np.stack(list({called})) makes one array of them")
    if isinstance(entry, str):
        helps = f"np.unique({called}, return_inverse=True)[1] numbers the words of a column"
        raise InputError(f"{expected}, found the text {entry!r:.40} {at}; {helps}")
    raise InputError(f"{expected}, found a {type(entry).__name__} {at}: the argument must be a string or a number")


FORMS = (
    Form("a path or a text", lambda x: isinstance(x, str | bytes | PathLike), _refuse_path),
    Form("a sparse array", _is_sparse, _take_sparse),
    Form("a DataFrame", is_frame, _take_frame),
    Form("a masked array", lambda x: isinstance(x, np.ma.MaskedArray), _take_masked),
    Form("a torch tensor", _is_torch, _take_torch),
    Form("an array of NumPy, JAX or others", lambda x: isinstance(x, np.ndarray) or hasattr(x, "__array__"), _take_array),
    Form("a list or a tuple", lambda x: isinstance(x, list | tuple | range), _take_sequence),
    Form("anything else", lambda x: True, _refuse),
)
