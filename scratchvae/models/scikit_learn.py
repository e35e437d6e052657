"""The answers that scikit-learn wants from an estimator, as objects of its own classes.

The package is imported only inside the functions that scikit-learn calls.
"""

from __future__ import annotations

import sys
import warnings
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scratchvae.arrays import InputError

if TYPE_CHECKING:
    from scratchvae.training import Callback, Training


@lru_cache(maxsize=1)
def unfitted_class() -> type[InputError]:
    """The class of the error that a verb raises before `fit`.

    It is an InputError, and scikit-learn's NotFittedError where that can be imported. Without scikit-learn it
    is a ValueError and an AttributeError, as scikit-learn's class is.
    """
    try:
        from sklearn.exceptions import NotFittedError as Theirs
    except ImportError:
        Theirs = AttributeError
    return type(
        "NotFittedError",
        (InputError, Theirs),
        {"__module__": __name__, "__doc__": "The model has no weights yet."},
    )


def __getattr__(name: str) -> Any:
    if name == "NotFittedError":  # pickle finds the class by this name
        return unfitted_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def not_fitted(name: str) -> InputError:
    """The error that a verb of the model `name` raises before `fit`."""
    return unfitted_class()(f"{name}: the model is not fitted yet: fit the model first")


def transformer_tags(*, requires_y: bool) -> Any:
    """scikit-learn's Tags of a transformer of 2-D arrays of numbers in which NaN means missing."""
    from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

    return Tags(
        estimator_type=None,
        target_tags=TargetTags(required=requires_y),
        transformer_tags=TransformerTags(preserves_dtype=[]),
        input_tags=InputTags(allow_nan=True),
    )


def output_container(owner: Any) -> str:
    """The container that `transform` should return: "default", "pandas" or "polars".

    set_output chooses it, and otherwise sklearn.set_config.
    """
    own: dict[str, str] = getattr(owner, "_sklearn_output_config", {})
    if "transform" in own:
        return own["transform"]
    sklearn = sys.modules.get("sklearn")  # nobody can have changed its settings before it was imported
    return "default" if sklearn is None else str(sklearn.get_config()["transform_output"])


def warn_of_names(message: str) -> None:
    """Warn as scikit-learn does of feature names that fit and a later call do not share."""
    warnings.warn(message, UserWarning, stacklevel=4)


class FitTasks:
    """scikit-learn's callbacks, which `set_callbacks` gave to an estimator, with a task for each epoch.

    It is entered around the training, and gives the training a `callback`. A callback that asks to stop ends
    the training after the epoch. Callbacks came with scikit-learn 1.9.
    """

    def __init__(self, estimator: Any, *, epochs: int | None, x: Any, y: Any) -> None:
        self.estimator, self.epochs, self.x, self.y = estimator, epochs, x, y

    def __enter__(self) -> Callback | None:
        if not getattr(self.estimator, "_skl_callbacks", ()) and not hasattr(
            self.estimator, "_parent_callback_ctx"
        ):
            return None
        from sklearn.callback import CallbackSupportMixin
        from sklearn.callback._callback_support import callback_management_context

        self.management = callback_management_context(self.estimator)
        self.management.__enter__()
        self.root = CallbackSupportMixin._init_callback_context(self.estimator, max_subtasks=self.epochs)
        self.root.call_on_fit_task_begin(estimator=self.estimator, X=self.x, y=self.y)
        return self._tell

    def __exit__(self, *error: Any) -> None:
        if hasattr(self, "management"):
            try:
                if error[0] is None:
                    self.root.call_on_fit_task_end(estimator=self.estimator, X=self.x, y=self.y)
            finally:
                self.management.__exit__(*error)

    def _tell(self, training: Training, event: str) -> None:
        given = {"estimator": self.estimator, "X": self.x, "y": self.y}
        fitted = {"reconstruction_attributes": lambda: deepcopy(self.estimator._fitted_attributes())}
        if event == "start":
            self._begin(given)
        if event == "epoch":
            if self.task.call_on_fit_task_end(**given, **fitted):
                training.stopping = True
            elif training.epoch < training.epochs and not training.stopping:
                self._begin(given)

    def _begin(self, given: dict[str, Any]) -> None:
        self.task = self.root.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(**given)
