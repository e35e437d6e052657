"""The examples that people give to a model's verbs, as a Dataset of the model's events."""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset, TableSchema, arrival
from scratchvae.likelihoods import Likelihood, require_supported
from scratchvae.models.conditions import Classes, Condition

NOISY = (-8, 9)  # pixels to which noise was added lie between these


def as_dataset(
    where: str,
    x: Array | Dataset,
    event_shape: tuple[int, ...],
    y: npt.ArrayLike | None = None,
    condition: Condition | None = None,
    *,
    schema: TableSchema | None = None,
    likelihood: Likelihood | None = None,
    kind: str | None = None,
    noisy: bool = False,
    hidden: bool = False,
) -> Dataset:
    """Examples (N, D) or (N, *event_shape), or a Dataset of such, as a Dataset of that event shape.

    Axes of length 1 may be left out. A model whose `condition` is None has no use for y, and this function
    ignores it. Any other model gets its y from `y`, or from the Dataset where `y` is None. NaN and the mask
    of a masked array say which entries are missing. `kind` is the kind of the data that the model was fitted
    to, if it was. Examples that are `noisy` may lie outside the likelihood's support as far as noise reaches,
    unless all of them are whole numbers. With `hidden`, the model can do without some classes: −1 stands for
    a class that nobody knows, and y=None says that nobody knows any.

    InputError for events of another shape; for a table whose columns are not those of `schema`, or that has
    categories where there is no schema; for entries that the `likelihood` gives no probability; for numbers
    that cannot be on the scale of the model's pixels; where y is missing, and where y is not what the
    condition asks for.
    """
    if (
        isinstance(x, Dataset)
        and schema is not None
        and x.schema is not None
        and x.schema.columns != schema.columns
    ):
        expected = f"columns should be those that the model is for: {schema.differs_from(x.schema)}"
        raise InputError(f"{where}: {expected} in {x.name}")
    if isinstance(x, Dataset) and schema is None and x.schema is not None:
        _require_numbers(where, x)
    data = _shaped(where, x, event_shape) if isinstance(x, Dataset) else _taken(where, x, event_shape)
    require_scale(where, data, kind)
    if likelihood is not None and not (noisy and _may_have_noise(likelihood, data)):
        require_supported(where, likelihood, data)
    if condition is None:
        return data
    given = data.y if y is None else y
    if given is None and hidden:
        y = given = -1
    if given is None:
        raise InputError(f"{where}: y should be {condition.words}; found none")
    known = condition.read(where, given, len(data), hidden=hidden)
    if isinstance(condition, Classes):
        return data if y is None else replace(data, labels=known, label_names=(), conditions=None)
    return replace(data, conditions=known)


def _may_have_noise(likelihood: Likelihood, data: Dataset) -> bool:
    """Whether noise may have put these examples outside the support of the law.

    It may where the law takes real numbers, some examples are no whole numbers, and none is out of NOISY.
    """
    low, high = NOISY
    try:
        likelihood.require_support(np.full((1, prod(data.event_shape)), 0.5))
    except InputError:
        return False
    parts = [data.batch(slice(start, start + 500)).x for start in range(0, len(data), 500)]
    inside = all((part >= low).all() and (part <= high).all() for part in parts)
    return inside and not all((part == np.rint(part)).all() for part in parts)


def _require_numbers(where: str, data: Dataset) -> None:
    """Raise InputError for a table with categories, whose levels are names and no numbers."""
    assert data.schema is not None
    levels = [column.name for column in data.schema.columns if column.kind in ("ordered", "categorical")]
    if levels:
        found = (
            f"found the levels of {', '.join(levels[:5])}{', …' if len(levels) > 5 else ''} in {data.name}"
        )
        helps = (
            "likelihood=scratchvae.likelihoods.of_schema(data.schema) gives each column the law of its kind"
        )
        raise InputError(f"{where}: a model of numbers should be given columns of numbers, {found}: {helps}")


def require_scale(where: str, data: Dataset, kind: str | None) -> None:
    """Raise InputError where a model was fitted to pixels, and these numbers are not on the scale of pixels.

    A model sees pixels as numbers from 0 to 1. Whole numbers should be 0 or 1. Others may lie outside [0, 1],
    as pixels with noise do, but not as far as bytes reach.
    """
    if kind != "pixels" or data.kind == "pixels":
        return
    for start in range(0, len(data), 500):
        x = data.batch(slice(start, start + 500)).x
        low, high = (0, 1) if (x == np.rint(x)).all() else NOISY
        wrong = ~((x >= low) & (x <= high))
        if wrong.any():
            row, entry = (int(i) for i in np.argwhere(wrong)[0])
            found = f"{data.place(start + row, entry)} is {x[row, entry]:g}"
            helps = f"Dataset({data.name!r}, x, kind='pixels') divides pixels by 255, as those that the model was fitted to"
            raise InputError(
                f"{where}: {found}, and the model was fitted to pixels, which are from 0 to 1 by then: {helps}"
            )


def rows_given(where: str, x: npt.ArrayLike | Dataset) -> Dataset:
    """Examples for a model of plain vectors whose length is not known before.

    They are (N, D), or a Dataset of events of any shape.
    """
    if isinstance(x, Dataset):
        return x
    shape = np.shape(arrival(where, x).values)
    return _taken(where, x, (prod(shape[1:]),))


def codes_given(where: str, z: npt.ArrayLike, dtype: npt.DTypeLike, *, called: str = "z") -> Array:
    """Codes as an array of the model's dtype.

    InputError for objects that are no numbers, and for codes that a mask hides.
    """
    came = arrival(where, z, called=called)
    if came.hidden is not None and came.hidden.any():
        raise InputError(
            f"{where}: {called} should be observed, every entry of it; found {int(came.hidden.sum())} masked"
        )
    return np.asarray(came.values, dtype)


def _taken(where: str, x: Any, event_shape: tuple[int, ...]) -> Dataset:
    """An array, or an object that `arrival` makes an array of, as a Dataset of events of that shape."""
    came = arrival(where, x)
    values, hidden = came.values, came.hidden
    names = came.names if values.shape[1:] == event_shape else ()
    if values.ndim >= 2 and values.size:
        _require_layout(where, values.shape, event_shape)
        values = values.reshape(len(values), *event_shape)
        hidden = None if hidden is None else hidden.reshape(values.shape)
    try:
        return Dataset(
            "x", values if hidden is None else np.ma.MaskedArray(values, hidden), entry_names=names
        )
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix('x: ')}") from None


def _shaped(where: str, data: Dataset, event_shape: tuple[int, ...]) -> Dataset:
    """A Dataset with its examples as events of that shape."""
    if data.event_shape == event_shape:
        return data
    shape = (len(data), *event_shape)
    _require_layout(where, (len(data), *data.event_shape), event_shape, f" in {data.name}")
    observed = None if data.observed is None else data.observed.reshape(shape)
    return replace(data, images=np.asarray(data.images).reshape(shape), observed=observed, entry_names=())


def _require_layout(where: str, shape: tuple[int, ...], event_shape: tuple[int, ...], of: str = "") -> None:
    """Raise InputError unless an array of that shape holds events, or rows of all their entries.

    Axes of length 1 make no difference. Nothing else is guessed, even where the number of entries is right:
    pictures with their channels last would be scrambled.
    """
    given, D = shape[1:], prod(event_shape)
    if given in (event_shape, (D,)) or [n for n in given if n != 1] == [n for n in event_shape if n != 1]:
        return
    rows = f"(N, {D})"
    expected = rows if event_shape == (D,) else f"{rows} or (N, {', '.join(map(str, event_shape))})"
    helps = ""
    if len(event_shape) == 3 and given == (*event_shape[1:], event_shape[0]):
        helps = ", with the channels last: np.transpose(x, (0, 3, 1, 2)) brings them first"
    elif prod(given) == D and len(event_shape) == 1:
        helps = ": x.reshape(len(x), -1) makes rows of it"
    elif prod(given) == D:
        helps = f", as many entries in another order of axes: np.transpose(x, …) brings them into that of {event_shape}"
    elif prod(given) != D:
        helps = f": X has {prod(given)} features, but {where} is expecting {D} features as input"
    raise InputError(f"{where}: x should have shape {expected}, found {shape}{of}{helps}")
