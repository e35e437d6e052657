"""The door for data: whatever holds the examples becomes a plain array of real numbers, or an InputError."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data.masks import count_hidden, has_masks
from scratchvae.data.real_numbers import real_numbers, require_one_shape


@dataclass(frozen=True, eq=False)
class Arrival:
    """The numbers that came in, what a mask hides of them, and the names of the columns.

    values  numbers in the machine's byte order, of any shape: bools, integers or floats; NaN where one is
            missing
    hidden  of the same shape, True where a mask says that an entry is missing; None where there is no mask
    names   what each column is called; empty where columns have no names
    """

    values: Array
    hidden: Array | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """A form in which data come: what it is called, how it is recognized, and how it becomes an Arrival.

    The first form of FORMS that fits is used.
    """

    words: str
    fits: Callable[[Any], bool]
    take: Callable[[str, str, Any], Arrival]


def arrival(where: str, given: Any, *, called: str = "x") -> Arrival:
    """Turn anybody's data into numbers by the table FORMS.

    InputError, which begins with `where`, for what holds no real numbers.
    """
    return next(form for form in FORMS if form.fits(given)).take(where, called, given)


def known(where: str, called: str, given: Any) -> Array:
    """Return what is known of examples beside x, such as labels, conditions and factors, as one array.

    Only entries of x may be missing. InputError where a mask hides an entry, at whatever depth of a list it
    stands, and where rows differ in length.
    """
    hidden = count_hidden(given)
    if hidden:
        helps = "give every entry its value, or leave out the examples for which there is none"
        raise InputError(
            f"{where}: {called} should be known, every entry of it; found {hidden} masked: {helps}"
        )
    try:
        return np.asarray(plain(given))
    except ValueError:
        found = "found rows of different lengths, or what is no array"
        raise InputError(f"{where}: {called} should be an array of one shape; {found}") from None


def plain(given: Any) -> Any:
    """Turn a torch tensor into a NumPy array, and return everything else as it is.

    This is for data that need not hold numbers, such as labels.
    """
    return _of_torch("", "", given) if _is_torch(given) else given


def _refuse_path(where: str, called: str, given: Any) -> Arrival:
    found = f"found the {'path' if isinstance(given, PathLike) else 'text'} {str(given)!r:.60}"
    raise InputError(
        f"{where}: {called} should be an array of examples; {found}: scratchvae.load(path) reads files"
    )


def _refuse(where: str, called: str, given: Any) -> Arrival:
    helps = ""
    if isinstance(given, Mapping):
        helps = ": give one of the arrays that it holds"
    elif isinstance(given, Iterator):
        helps = f": list({called}) makes a list of what it gives"
    found = "None" if given is None else f"a {type(given).__name__}"
    raise InputError(f"{where}: {called} should be an array of examples; found {found}{helps}")


def _is_sparse(given: Any) -> bool:
    return (hasattr(given, "nnz") or hasattr(given, "nse")) and (
        hasattr(given, "toarray") or hasattr(given, "todense")
    )


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
        raise InputError(
            f"{where}: {called} should be a dense array; {found}: {called}.to_dense() stores every entry"
        )
    tensor = given.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except (TypeError, RuntimeError):  # half-precision formats that NumPy does not have
        return np.asarray(tensor.float().numpy())


def _take_torch(where: str, called: str, given: Any) -> Arrival:
    return Arrival(real_numbers(where, called, _of_torch(where, called, given)))


def _take_masked(where: str, called: str, given: Any) -> Arrival:
    values = real_numbers(where, called, given.data)
    return Arrival(values, np.ma.getmaskarray(given))


def is_frame(given: Any) -> bool:
    """Whether it is a DataFrame of pandas, or one with the same interface."""
    return hasattr(given, "columns") and hasattr(given, "to_numpy") and hasattr(given, "dtypes")


def _take_frame(where: str, called: str, given: Any) -> Arrival:
    """Turn a DataFrame of numbers into an array, with NaN where an entry is missing.

    The message for a table that holds anything else begins here.
    """
    names = [str(name) for name in given.columns]
    if any(name is None or name != name for name in given.columns):
        helps = f"{called}.columns = […] gives every column one"
        raise InputError(
            f"{where}: {called} should have columns of different names; found one without a name: {helps}"
        )
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"{where}: {called} should have columns of different names; found {', '.join(names) or 'none'}"
        )
    columns = [_column(where, f"{called}[{name!r}]", given[name].to_numpy()) for name in given.columns]
    return Arrival(np.stack(columns, axis=1), names=tuple(names))


def _column(where: str, called: str, cells: Any) -> Array:
    """Return the numbers of a DataFrame's column, with NaN where a mask hides one."""
    numbers = real_numbers(where, called, np.asarray(cells))
    return np.where(np.ma.getmaskarray(cells), np.nan, numbers) if np.ma.is_masked(cells) else numbers


def _take_array(where: str, called: str, given: Any) -> Arrival:
    if isinstance(given, np.memmap) and given.dtype.kind in "biuf" and given.dtype.isnative:
        return Arrival(given)  # its entries are read when somebody asks for them
    try:
        array = np.asanyarray(given)  # asanyarray keeps a mask
    except (ValueError, TypeError, RuntimeError) as error:
        found = f"found a {type(given).__name__} whose __array__ gives none ({error!s:.200})"
        raise InputError(f"{where}: {called} should be an array of examples; {found}") from None
    if isinstance(array, np.ma.MaskedArray):
        return _take_masked(where, called, array)
    return Arrival(real_numbers(where, called, np.asarray(array)))


def _stacked(where: str, called: str, given: Any) -> Any:
    """Turn nested lists, some of whose parts are masked arrays, into one masked array."""
    if isinstance(given, list | tuple):
        parts = [_stacked(where, called, part) for part in given]
        require_one_shape(where, called, parts)
        return np.ma.stack(parts) if parts else np.empty(0)
    if isinstance(given, np.ma.MaskedArray):
        return np.ma.MaskedArray(real_numbers(where, called, given.data), np.ma.getmaskarray(given))
    return real_numbers(where, called, np.asarray(plain(given)))


def _take_sequence(where: str, called: str, given: Any) -> Arrival:
    parts = list(given)
    if has_masks(parts):
        return _take_masked(where, called, _stacked(where, called, parts))
    parts = [plain(part) for part in parts]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Warning: converting a masked element to nan")
            return Arrival(real_numbers(where, called, np.asarray(parts)))
    except InputError:
        raise
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        require_one_shape(where, called, parts)
        found = f"found a list that is none ({error!s:.200})"
        raise InputError(f"{where}: {called} should be an array of examples; {found}") from None


FORMS = (
    Form("a path or a text", lambda x: isinstance(x, str | bytes | PathLike), _refuse_path),
    Form("a sparse array", _is_sparse, _take_sparse),
    Form("a DataFrame", is_frame, _take_frame),
    Form("a masked array", lambda x: isinstance(x, np.ma.MaskedArray), _take_masked),
    Form("a torch tensor", _is_torch, _take_torch),
    Form(
        "an array of NumPy, JAX or others",
        lambda x: isinstance(x, np.ndarray) or hasattr(x, "__array__"),
        _take_array,
    ),
    Form("a list or a tuple", lambda x: isinstance(x, list | tuple | range), _take_sequence),
    Form("anything else", lambda x: True, _refuse),
)
