"""What every trained model offers, whatever its pass looks like: `fit`, `score`, and a history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, Pullback, require_flag
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Buffer, Mode, Owner, Parameter, named_buffers, named_parameters
from scratchvae.likelihoods import Likelihood
from scratchvae.models.conditions import Condition
from scratchvae.models.examples import as_dataset
from scratchvae.objectives import Kl, Objective, Pass, Schedule
from scratchvae.posteriors import Noise
from scratchvae.training import Adam, Callback, Optimizer, Phase, ProgressBar, Training

AT_ONCE = 500  # examples, so that memory does not grow with their number


class Estimator(Owner, ABC):
    """A model that is trained step by step. Its pass is `run`, and its training one phase or several.

    Every verb takes examples as (N, D) or (N, *event_shape), uint8 (0 to 255) or floating, or a Dataset. `y` is what else is
    known of the examples, one for all of them or one for each. A model whose `condition` is None has no use for y and ignores
    it, as scikit-learn's pipelines and cross-validation expect; any other model refuses examples without y.
    """

    event_shape: tuple[int, ...]
    likelihood: Likelihood
    condition: Condition | None = None

    def __init__(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.first_weights: dict[str, Array] = {}  # what a fit starts from
        self.left_weights: dict[str, Array] = {}  # what the last fit has left behind

    @abstractmethod
    def draw_noise(self, rows: int, rng: np.random.Generator) -> Noise:
        """All the randomness of `rows` draws of z."""

    @abstractmethod
    def run(
        self,
        batch: Batch,
        noise: Noise,
        *,
        draws: int = 1,
        kl: Kl = "none",
        score: bool = True,
        mode: Mode = EVALUATION,
    ) -> tuple[Pass, Pullback]:
        """One pass of a batch, and the pullback that fills the Parameters: objectives.Model states the contract."""

    @abstractmethod
    def log_joint(
        self, batch: Batch, z: Array, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[tuple[Array, Array], Pullback]:
        """log p(x|z) and log p(z), each (B, K), at given z (B·K, Z): objectives.Model states what the pullback returns."""

    @abstractmethod
    def phases(self, optimizer: Optimizer) -> list[Phase]:
        """What a training step does unless told otherwise: each phase with its objective and a copy of the optimizer."""

    @abstractmethod
    def score_samples(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0) -> Array:
        """A log-probability of each example  ->  (N,) in nats."""

    def fit(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Schedule = 1e-3,
        optimizer: Optimizer | None = None,
        objective: Objective | None = None,
        max_norm: float | None = None,
        held_out: npt.ArrayLike | Dataset | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        binarized: bool = False,
        drop_last: bool = False,
        warm_start: bool = False,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> Self:
        """Train on x by Adam (or copies of `optimizer`), and return the model; `history` then holds a record for each epoch.

        `objective` replaces the model's own phases by one. With `held_out` examples, or a pair (x, y), each epoch is judged on
        them too; `binarized` draws x ~ Bernoulli(x) anew in every batch, and `drop_last` leaves out the last
        batch of an epoch where it would be smaller than the others. Every fit starts from the model's first weights, so
        that two fits with one seed give one result; with `warm_start` it goes on from those that are there. The first weights
        are those that the model had before its first fit. Where they have changed since the last fit, as by assignment, by
        restore_model, by training of another kind or by putting in another part, the model's weights of now are the first
        ones from then on.
        """
        for name, flag in (("warm_start", warm_start), ("progress", progress)):
            require_flag(f"{type(self).__name__}.fit", name, flag)
        data = self._dataset(x, y)
        pair = held_out if isinstance(held_out, tuple) and len(held_out) == 2 else (held_out, None)
        judged = None if held_out is None else self._dataset(*pair)
        by = optimizer or Adam(learning_rate)
        phases = [Phase(objective, by)] if objective else self.phases(by)
        bar: list[Callback] = [ProgressBar()] if progress else []
        training = Training(
            self,
            phases if max_norm is None else [replace(phase, max_norm=max_norm) for phase in phases],
            data,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            held_out=judged,
            binarized=binarized,
            drop_last=drop_last,
            callbacks=[*callbacks, *bar],
        )
        self._start(warm_start)
        self.history = training.history  # which grows as the training runs, and stays where it is interrupted
        try:
            training.run()
        finally:
            self.left_weights = {name: owner.value.copy() for name, owner in self._held().items()}
        return self

    def score(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> float:
        """The mean of score_samples."""
        return float(self.score_samples(x, y).mean())

    def _start(self, warm_start: bool) -> None:
        """Go back to the first weights, unless those that are there are new ones, which then are the first, or a warm start."""
        held = self._held()
        if _differ(held, self.left_weights):
            self.first_weights = {name: owner.value.copy() for name, owner in held.items()}
        elif not warm_start:
            for name, owner in held.items():
                owner.value = self.first_weights[name].astype(owner.value.dtype)

    def _held(self) -> dict[str, Parameter | Buffer]:
        return named_parameters(self) | named_buffers(self)

    def _dataset(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Dataset:
        return as_dataset(type(self).__name__, x, self.event_shape, y, self.condition)


def _differ(held: Mapping[str, Parameter | Buffer], left: Mapping[str, Array]) -> bool:
    """Whether what a model holds is not, to its own precision, what the last fit left behind."""
    return held.keys() != left.keys() or not all(
        np.array_equal(owner.value, left[name].astype(owner.value.dtype), equal_nan=True) for name, owner in held.items()
    )
