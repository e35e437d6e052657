"""The intake of examples into a model that is trained step by step: each verb takes them through here."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from scratchvae.data import Dataset, TableSchema, as_table, is_frame
from scratchvae.likelihoods import Likelihood
from scratchvae.models.examples import as_dataset
from scratchvae.models.features import Features, numbers


class Intake(Features):
    """Arrays, DataFrames and Datasets, which become Datasets of the events that the model is for."""

    likelihood: Likelihood
    model_: Any

    def _known(self, y: npt.ArrayLike | None, x: Any) -> npt.ArrayLike | None:
        """y in the form that `model_` takes."""
        return y

    def _dataset(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, noisy: bool = False
    ) -> Dataset:
        """The examples that a verb was given, as a Dataset. InputError where the model can't use them.

        `noisy` says that only the encoder reads them, so that noise may have put them outside the
        likelihood's support.
        """
        self._require_features(x)
        return self._taken(self._given(x), self._known(y, x), noisy=noisy)

    def _taken(self, given: Any, y: npt.ArrayLike | None, *, noisy: bool = False) -> Dataset:
        """An array or a Dataset as a Dataset of the model's events.

        The model's likelihood can take these, or where they are `noisy` its encoder can.
        """
        model = self.model_
        checks: dict[str, Any] = {
            "schema": self._schema,
            "likelihood": model.likelihood,
            "kind": vars(model).get("_kind"),
        }
        checks |= {"noisy": noisy, "hidden": model.classifier is not None}
        return as_dataset(type(self).__name__, given, model.event_shape, y, model.condition, **checks)

    @property
    def _schema(self) -> TableSchema | None:
        """The schema of the table that the model is for, which says what its columns are."""
        return getattr(self.likelihood, "schema", None)

    def _given(self, x: Any) -> Any:
        """x as an array or a Dataset. A DataFrame is read by the schema, where there is one."""
        schema = self._schema
        return as_table(x, schema) if schema is not None and is_frame(x) else numbers(type(self).__name__, x)
