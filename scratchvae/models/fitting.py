"""The training of a model: `fit` on examples, `partial_fit` on more of them, and the history of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Self

import numpy.typing as npt

from scratchvae.arrays import InputError, require_flag, require_seed
from scratchvae.data import Dataset
from scratchvae.layers import Parameter, named_parameters
from scratchvae.models.intake import Intake
from scratchvae.models.parameters import Parametrized
from scratchvae.models.saving import Saved
from scratchvae.models.scikit_learn import FitTasks
from scratchvae.models.weights import Weights
from scratchvae.objectives import Objective, Schedule
from scratchvae.training import Adam, Callback, Optimizer, Phase, ProgressBar, Training, phases_of


class Fitting(Parametrized, Intake, Saved, Weights, ABC):
    """The verbs fit and partial_fit of a model that is trained step by step."""

    # the defaults of `fit`
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float | Schedule = 1e-3
    optimizer: Optimizer | None = None
    objective: Objective | None = None
    max_norm: float | None = None
    binarized: bool = False
    drop_last: bool = False
    seed: int = 0

    @property
    @abstractmethod
    def model_(self) -> Any:
        """The model that has the networks: this model, or the one that `fit` has built.

        NotFittedError before there is one.
        """

    @abstractmethod
    def _prepare(self, event_shape: tuple[int, ...], y: npt.ArrayLike | None, *, fresh: bool) -> None:
        """Build the parts that are missing for events of that shape, and learn what y is.

        With `fresh`, all parts that the model builds are built anew.
        """

    def _require_parameters(self) -> None:
        """Raise InputError where parameters of the constructor contradict each other."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """A record for each epoch of the last fit, and of the calls of partial_fit since."""
        found: list[dict[str, Any]] = vars(self.model_).get("_history", []) if self._has_networks() else []
        return found

    def _has_networks(self) -> bool:
        """Whether there is a `model_` already."""
        return True

    @abstractmethod
    def phases(self, optimizer: Optimizer) -> list[Phase]:
        """The default phases of a training step, each with its objective and a copy of the optimizer."""

    def fit(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | Schedule | None = None,
        optimizer: Optimizer | None = None,
        objective: Objective | None = None,
        max_norm: float | None = None,
        held_out: npt.ArrayLike | Dataset | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        binarized: bool | None = None,
        drop_last: bool | None = None,
        warm_start: bool = False,
        seed: int | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> Self:
        """Train on x by Adam, or by copies of `optimizer`, and return the model.

        `history` then holds a record for each epoch. A setting that is None takes the model's own: the
        parameter of that name if its constructor has one, else epochs 10, batch_size 128, learning_rate 1e-3
        and seed 0. `objective` replaces the model's own phases by one. With `held_out` examples, or a pair
        (x, y), each epoch is judged on them too. `binarized` draws x ~ Bernoulli(x) anew in every batch, and
        `drop_last` leaves out the last batch of an epoch where it would be smaller than the others.

        Every fit starts from the model's first weights, so that two fits with one seed give one result. With
        `warm_start` it goes on from the present weights. A model that builds its networks draws the first
        weights by its own seed. The first weights of a model that was given its networks are those that it
        had before its first fit. Where the weights have changed since the last fit, as by assignment, by
        restore_model, by training of another kind or by putting in another part, the present weights become
        the first ones.
        """
        for name, flag in (("warm_start", warm_start), ("progress", progress)):
            require_flag(f"{type(self).__name__}.fit", name, flag)
        if not isinstance(callbacks, list | tuple):
            expected = "callbacks should be a list of Callbacks, such as [EarlyStopping()]"
            raise InputError(f"{type(self).__name__}.fit: {expected}; found {callbacks!r:.80}")
        data = self._examples_to_fit(x, y, fresh=not (warm_start and self._has_networks()))
        pair = held_out if isinstance(held_out, tuple) and len(held_out) == 2 else (held_out, None)
        judged = None if held_out is None else self._dataset(*pair)
        model = self.model_
        phases = self._phases(optimizer, learning_rate, objective, self._own("max_norm", max_norm))
        bar: list[Callback] = [ProgressBar()] if progress else []
        epochs = self._own("epochs", epochs)
        with FitTasks(self, epochs=epochs, x=x, y=y) as tasks:
            training = Training(
                model,
                phases,
                data,
                epochs=epochs,
                batch_size=self._own("batch_size", batch_size),
                seed=self._own("seed", seed),
                held_out=judged,
                binarized=self._own("binarized", binarized),
                drop_last=self._own("drop_last", drop_last),
                callbacks=[*callbacks, *bar, *([tasks] if tasks else [])],
            )
            model._start(warm_start)
            model._partial = None
            # the list grows as the training runs, and stays where it is interrupted
            model._history = training.history
            try:
                training.run()
            finally:
                model._leave()
        return self

    def partial_fit(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Self:
        """Train for one epoch on these examples, from the weights and the optimizer of the last call.

        The first call builds what `fit` would build. Steps are counted on, so that schedules go on and noise
        is drawn anew. Where another part was put into the model since, the optimizer begins anew. A
        Standardized likelihood measures its columns on the examples of the first call.
        """
        data = self._examples_to_fit(x, y, fresh=not self._has_networks())
        model = self.model_
        before: Training | None = vars(model).get("_partial")
        if before is not None and not _are_same(before.parameters, named_parameters(model)):
            before = None
        done = self.history[-1:]
        epoch, step = (len(self.history), done[0]["step"]) if done else (0, 0)
        training = Training(
            model,
            self._phases(None, None, None, self.max_norm) if before is None else before.phases,
            data,
            epochs=epoch + 1,
            batch_size=self.batch_size,
            seed=self.seed,
            binarized=self.binarized,
            drop_last=self.drop_last,
        )
        training.epoch, training.step = epoch, step
        training.said_what_stays = before is not None
        model._start(warm_start=True)
        try:
            training.run()
        finally:
            model._history = [*self.history, *training.history]
            training.data = data.subset(slice(0, 1))  # a training that is kept should not keep all examples
            model._partial = training
            model._leave()
        return self

    def _own(self, name: str, given: Any) -> Any:
        """The value that `fit` was given, or the model's own where that is None."""
        return getattr(self, name) if given is None else given

    def _phases(
        self,
        optimizer: Optimizer | None,
        learning_rate: float | Schedule | None,
        objective: Objective | None,
        max_norm: float | None,
    ) -> list[Phase]:
        by = optimizer or (None if learning_rate is not None else self.optimizer)
        by = Adam(self._own("learning_rate", learning_rate)) if by is None else by
        objective = self._own("objective", objective)
        phases = self.phases(by) if objective is None else phases_of(self.model_, objective, by)
        return phases if max_norm is None else [replace(phase, max_norm=max_norm) for phase in phases]

    def _examples_to_fit(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None, *, fresh: bool
    ) -> Dataset:
        """The examples as a Dataset.

        Before it is returned, the model learns from them what it has to know of their columns.
        """
        given = self._given(x)
        shape = given.event_shape if isinstance(given, Dataset) else given.shape[1:]
        if not fresh:
            self._require_features(x)
        require_seed(type(self).__name__, "seed", self.seed)
        self._require_parameters()
        self._prepare(shape, y, fresh=fresh)
        self.model_._kind = None if fresh else vars(self.model_).get("_kind")
        data = self._taken(given, self._known(y, x))
        self.model_._kind = data.kind
        if fresh or not self.__sklearn_is_fitted__():
            self._learn_features(x, prod(data.event_shape))
        return data


def _are_same(some: Mapping[str, Parameter], others: Mapping[str, Parameter]) -> bool:
    """Whether both are the same objects under the same names, whatever their values are."""
    return some.keys() == others.keys() and all(some[name] is others[name] for name in some)
