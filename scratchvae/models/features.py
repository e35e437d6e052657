"""The columns of the examples that a model was fitted to, as scikit-learn keeps them, and their names.

Every verb of every model gets its examples through `numbers`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset, TableSchema, arrival, is_frame
from scratchvae.models.scikit_learn import not_fitted, output_container, transformer_tags, warn_of_names

LEFT_OUT = (
    "_callback_fit_ctx",
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "_parent_callback_ctx",
    "_partial",
)
SHOWN = 5  # names that a message repeats


class NotNumbers(InputError, TypeError):
    """Some entry of the examples is no number."""


class Features:
    """A model that keeps what columns it was fitted to.

    Every `fit` sets `n_features_in_`, and `feature_names_in_` for tables whose columns are named by strings.
    """

    n_features_in_: int
    feature_names_in_: Array

    def __sklearn_tags__(self) -> Any:
        """The properties for scikit-learn: a transformer of 2-D arrays, in which NaN means missing."""
        return transformer_tags(requires_y=self._requires_y())

    def __sklearn_is_fitted__(self) -> bool:
        return "n_features_in_" in vars(self)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` returns: "pandas" or "polars" DataFrames, or with "default" arrays.

        None leaves the choice as it is.
        """
        if transform not in (None, "default", "pandas", "polars"):
            expected = "one of default, pandas, polars"
            raise InputError(
                f"{type(self).__name__}.set_output: transform should be {expected}; found {transform!r:.80}"
            )
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Tell scikit-learn's callbacks of every epoch of `fit`. Without arguments there are none any more.

        They came with scikit-learn 1.9.
        """
        from sklearn.callback import CallbackSupportMixin

        CallbackSupportMixin.set_callbacks(self, *callbacks)
        return self

    def _fitted_attributes(self) -> dict[str, Any]:
        """The attributes that make the fitted model of an unfitted one with the same parameters."""
        return {name: value for name, value in vars(self).items() if name not in LEFT_OUT}

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns that `transform` returns: "vae0", "vae1", … of a VAE  ->  (Z,) strings.

        scikit-learn's pipelines pass `input_features`, the names of the columns of x. They change nothing,
        but names other than those of `fit` are an InputError.
        """
        name = type(self).__name__
        if not self.__sklearn_is_fitted__():
            raise not_fitted(name)
        if input_features is not None:
            if len(input_features) != self.n_features_in_:
                expected = (
                    f"input_features should have length equal to number of features ({self.n_features_in_})"
                )
                raise InputError(f"{name}.get_feature_names_out: {expected}, got {len(input_features)}")
            if list(input_features) != list(getattr(self, "feature_names_in_", input_features)):
                raise InputError(
                    f"{name}.get_feature_names_out: input_features is not equal to feature_names_in_"
                )
        return np.array([f"{name.lower()}{j}" for j in range(self._n_features_out())], object)

    @property
    def _schema(self) -> TableSchema | None:
        """The schema of the table that the model is for, which says what its columns are."""
        return None

    @abstractmethod
    def _n_features_out(self) -> int:
        """How many columns `transform` returns."""

    def _requires_y(self) -> bool:
        """Whether `fit` needs y."""
        return False

    def _learn_features(self, x: Any, count: int) -> None:
        """Keep the number and, where there are any, the names of the columns."""
        self.n_features_in_ = count
        names = column_names(type(self).__name__, x)
        if names is not None:
            self.feature_names_in_ = names
        elif "feature_names_in_" in vars(self):
            del self.feature_names_in_

    def _require_features(self, x: Any) -> None:
        """Raise InputError where columns have other names, or another order, than those that were fitted."""
        if not self.__sklearn_is_fitted__() or (
            isinstance(x, Dataset) and x.schema is not None and self._schema is not None
        ):
            return  # the schema's own check names the column that is another one
        name, fitted = type(self).__name__, getattr(self, "feature_names_in_", None)
        found = column_names(name, x)
        if fitted is None and found is not None and not isinstance(x, Dataset):
            warn_of_names(f"X has feature names, but {name} was fitted without feature names")
        if fitted is not None and found is None:
            if getattr(x, "ndim", 2) == 2 or isinstance(x, list):
                warn_of_names(
                    f"X does not have valid feature names, but {name} was fitted with feature names"
                )
        elif fitted is not None and list(fitted) != list(found):  # type: ignore[arg-type]
            raise InputError(_other_names(fitted, found))  # type: ignore[arg-type]

    def _contained(self, z: Array, x: Any) -> Any:
        """z in the container that `set_output` asks for."""
        container = output_container(self)
        if container == "pandas":
            import pandas

            index = x.index if isinstance(x, pandas.DataFrame) else None
            return pandas.DataFrame(z, index=index, columns=self.get_feature_names_out())
        if container == "polars":
            import polars

            return polars.DataFrame(z, schema=list(self.get_feature_names_out()), orient="row")
        return z


def column_names(where: str, x: Any) -> Array | None:
    """The names of the columns of a DataFrame if all are strings, or of a Dataset  ->  (D,) objects.

    None where they have no names. InputError where some names are strings and others are not.
    """
    if isinstance(x, Dataset):
        return np.asarray(x.entry_names, object) if x.entry_names else None
    if not is_frame(x):
        return None
    names = np.asarray(list(x.columns), object)
    strings = sum(isinstance(name, str) for name in names)
    if 0 < strings < len(names):
        kinds = sorted({type(name).__name__ for name in names})
        remedy = "x.columns = x.columns.astype(str) makes them so"
        raise NotNumbers(
            f"{where}: names of columns should all be strings, or none of them; found {', '.join(kinds)}: {remedy}"
        )
    return names if strings else None


def numbers(where: str, x: Any) -> Any:
    """Examples as an array of numbers: the columns of a DataFrame, or a masked array with its mask.

    A Dataset and arrays of numbers are returned as they are. InputError, which begins with `where`, for
    sparse and ragged input, complex numbers, text, and objects that are no numbers. It is a TypeError as
    well, as scikit-learn expects.
    """
    if isinstance(x, Dataset):
        return x
    try:
        came = arrival(where, x)
    except InputError as error:
        raise NotNumbers(str(error)) from None
    given = came.values if came.hidden is None else np.ma.MaskedArray(came.values, came.hidden)
    if given.ndim < 2:
        found = f"found {given.dtype} of shape {given.shape}" if given.ndim else "found a single number"
        remedy = "x.reshape(1, -1) makes one example of it, and x.reshape(-1, 1) one column"
        raise InputError(
            f"{where}: x should have shape (N, D), a row for each example; {found}. Reshape your data: {remedy}"
        )
    if given.ndim == 2 and given.shape[1] == 0:
        raise InputError(f"{where}: 0 feature(s) (shape={given.shape}) while a minimum of 1 is required.")
    if given.ndim == 2 and given.shape[0] == 0:
        raise InputError(
            f"{where}: x should hold at least one example; found {given.dtype} of shape {given.shape}, which has 0 sample(s)"
        )
    return Dataset("x", given, entry_names=came.names) if came.names else given


def _other_names(fitted: Array, found: Array) -> str:
    """scikit-learn's own sentences about names of columns that differ."""
    unseen, missing = sorted(set(found) - set(fitted)), sorted(set(fitted) - set(found))
    said = "The feature names should match those that were passed during fit.\n"
    for words, names in (
        ("Feature names unseen at fit time", unseen),
        ("Feature names seen at fit time, yet now missing", missing),
    ):
        if names:
            more = "- ...\n" if len(names) > SHOWN else ""
            said += f"{words}:\n" + "".join(f"- {name}\n" for name in names[:SHOWN]) + more
    if not unseen and not missing:
        said += "Feature names must be in the same order as they were in fit.\n"
    return said
