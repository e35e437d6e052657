"""Labels of any kind, and the whole numbers that stand for them."""

from numbers import Real

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import known
from scratchvae.models.conditions import HIDDEN


def told_labels(where: str, y: npt.ArrayLike) -> Array:
    """The labels that are not hidden. InputError where all of them are."""
    labels, hidden = _told_apart(where, y)
    if hidden.all():
        raise InputError(
            f"{where}: y should hold the class of some examples at least; found none of {hidden.size}"
        )
    return np.asarray(labels[~hidden].tolist()) if labels.ndim == 1 else labels


def indices_where_told(where: str, y: npt.ArrayLike, labels: Array | None) -> Array:
    """The place of each y among the sorted labels, and −1 where it is hidden  ->  integers of y's shape.

    Without `labels`, y itself holds the places. It is returned as it is where it holds no whole numbers.
    """
    given, hidden = _told_apart(where, y)
    told = np.asarray(given[~hidden].tolist())
    if labels is not None and told.size:
        told = indices_of(where, told, labels)
    elif not (told.dtype.kind in "iuf" and (told == np.rint(told)).all()):
        return given
    places = np.full(given.shape, -1)
    places[~hidden] = told
    return places


def _told_apart(where: str, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Labels as an array, and which of them are hidden, as bools of the same shape.

    A hidden label is one that nobody knows: −1, as in scikit-learn's semi-supervised models, NaN, None,
    pandas' NA, or an entry that a mask hides.
    """
    masked = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else np.False_
    labels = _row(where, y.data if isinstance(y, np.ma.MaskedArray) else y)
    if labels.dtype.kind == "O":
        hidden = np.array([_is_hidden(label) for label in labels.flat], np.bool_).reshape(labels.shape)
    else:
        hidden = (
            (labels == -1) | (labels != labels)
            if labels.dtype.kind in "if"
            else np.zeros(labels.shape, np.bool_)
        )
    return labels, hidden | masked


def _is_hidden(label: object) -> bool:
    if label is None or type(label).__name__ == "NAType":
        return True
    return isinstance(label, int | float | np.number) and bool(label == -1 or label != label)


def labels_of(where: str, y: npt.ArrayLike) -> tuple[Array, Array]:
    """The different labels, sorted, and how often each occurs  ->  (K,) and (K,).

    InputError for anything that is no row of labels.
    """
    labels = _row(where, y)
    if labels.ndim != 1 or not labels.size:
        raise InputError(
            f"{where}: y should be a 1d array, the label of each example; found shape {labels.shape}"
        )
    try:
        found, counts = np.unique(labels, return_counts=True)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        helps = f": {HIDDEN}" if "NoneType" in kinds else ""
        raise InputError(
            f"{where}: y should hold labels of one kind, all strings or all numbers; found {kinds}{helps}"
        ) from None
    if (found != found).any():
        raise InputError(f"{where}: y should hold the label of each example; found NaN: {HIDDEN}")
    return found, counts


def indices_of(where: str, y: npt.ArrayLike, labels: Array) -> Array:
    """The place among the sorted labels of each y, one for all examples or one for each  ->  integers."""
    given = _row(where, y)
    try:
        places = np.minimum(np.searchsorted(labels, given), len(labels) - 1)
        unknown = np.atleast_1d(labels[places] != given)
    except TypeError:
        places, unknown = np.zeros(given.shape, np.intp), np.ones(max(given.size, 1), bool)
    if unknown.any():
        known = ", ".join(map(repr, labels.tolist()))
        found = np.atleast_1d(given).tolist()[int(np.argmax(unknown))]
        raise InputError(
            f"{where}: y should be one of the labels that the model was fitted "
            f"to, {known:.200}; found {found!r:.80}"
        )
    return np.asarray(places)


def _row(where: str, y: npt.ArrayLike) -> Array:
    return known(where, "y", y)


def of_one_kind(where: str, y: npt.ArrayLike) -> Array:
    """y as an array, whose entries are all numbers or all strings.

    InputError for a mixture, of which NumPy would make strings.
    """
    given = known(where, "y", y)
    if given.dtype.kind in "OSU":
        labels = np.asarray(y, object).reshape(-1)
        if not any(all(isinstance(label, kind) for label in labels) for kind in (str, bytes, Real)):
            expected = "y should hold classes of one kind, all of them numbers or all of them strings"
            found = " and ".join(sorted({type(label).__name__ for label in labels}))
            raise InputError(f"{where}: {expected}; found {found}")
    return given
