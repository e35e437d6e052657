"""A training run: epochs over data, held-out judgements, and all that is needed to stop anywhere and go on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data import Dataset, binarize
from scratchvae.evaluation import bound
from scratchvae.layers import dtype_of, named_parameters
from scratchvae.objectives import Model
from scratchvae.training.randomness import Purpose, generator
from scratchvae.training.schedules import learning_rate_at
from scratchvae.training.step import Phase, train_step

Callback = Callable[["Training", str], None]  # called with the run and "start", "step", "epoch", "interrupt" or "end"


CHECKED_AT_ONCE = 500  # examples


class Training:
    """A run of `model` over `data` that may stop after any step and go on, here or in another process, to the same weights.

    Its state is the model's, the optimizers', and step, epoch, position, totals, history, stopping, best; the order of the
    examples and every random draw are functions of `seed` and the step. `history` gets one record an epoch:
    {"epoch", "step", "seconds", "learning_rate", "train": {term: mean}, "held_out": {…} where there are held-out data}.
    """

    def __init__(
        self,
        model: Model,
        phases: Sequence[Phase],
        data: Dataset,
        *,
        epochs: int,
        batch_size: int = 128,
        seed: int = 0,
        held_out: Dataset | None = None,
        binarized: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        for name, number in (("epochs", epochs), ("batch_size", batch_size)):
            require_count("Training", name, number)
        for part in (data,) if held_out is None else (data, held_out):
            if part.event_shape != model.event_shape:
                expected = f"events should have shape {model.event_shape}, which the model is for"
                raise InputError(f"Training: {expected}; found {part.event_shape} in {part.name}")
            for batch in part.batches(CHECKED_AT_ONCE):
                model.likelihood.require_support(batch.x)
        if data.observed is not None:
            _require_each_entry_observed(data.name, data.observed.reshape(len(data), -1))
        self.model, self.phases, self.data, self.held_out = model, list(phases), data, held_out
        self.epochs, self.batch_size, self.seed, self.binarized = epochs, batch_size, seed, binarized
        self.callbacks = list(callbacks)
        self.parameters = named_parameters(model)
        for phase in self.phases:
            if not phase.moved(self.parameters):
                found = f"over = {phase.over}, which none of {', '.join(self.parameters)} is below"
                raise InputError(f"Training: each phase should move some Parameters; found {found}")
        self.dtype = dtype_of(model)
        self.step = 0  # steps taken
        self.epoch = 0  # epochs completed
        self.position = 0  # examples of this epoch already seen
        self.totals: dict[str, float] = {}  # sums over those examples
        self.seconds = 0.0  # spent in this epoch
        self.history: list[dict[str, Any]] = []
        self.stopping = False  # set by a callback to end the run after this epoch
        self.interrupted = False  # set by anyone, at any time, to leave the run after this step
        self.best: dict[str, Array] = {}  # the weights of the best epoch, where a callback keeps them

    def run(self) -> "Training":
        """Train until all epochs are done, a callback has asked to stop, or someone has interrupted."""
        self._tell("start")
        while self.epoch < self.epochs and not self.stopping and not self.interrupted:
            self._finish_epoch()
        self._tell("interrupt" if self.interrupted else "end")
        return self

    def try_one_example(self) -> None:
        """Judge one example by every phase: what model, objective and data can't do together is an error now."""
        for phase in self.phases:
            one, rng = self.data.subset(slice(0, 1)), generator(self.seed, Purpose.HELD_OUT, 0)
            bound(self.model, one, phase.objective, rng=rng, binarized=self.binarized)

    def _finish_epoch(self) -> None:
        order = generator(self.seed, Purpose.ORDER, self.epoch).permutation(len(self.data))
        clock = time.perf_counter() - self.seconds
        while self.position < len(order):
            chosen = order[self.position : self.position + self.batch_size]
            rng = generator(self.seed, Purpose.STEP, self.step)
            batch = self.data.batch(chosen, self.dtype)
            batch = replace(batch, x=binarize(batch.x, rng)) if self.binarized else batch
            for i, phase in enumerate(self.phases):
                means = train_step(self.model, self.parameters, phase, batch, rng, step=self.step).means()
                for name, mean in self._named(i, means).items():
                    self.totals[name] = self.totals.get(name, 0.0) + mean * len(batch)
            self.step += 1
            self.position += len(chosen)
            self.seconds = time.perf_counter() - clock
            self._tell("step")
            if self.interrupted and self.position < len(order):
                return
        record: dict[str, Any] = {"epoch": self.epoch + 1, "step": self.step, "seconds": round(self.seconds, 6)}
        record["learning_rate"] = learning_rate_at(self.phases[0].optimizer.learning_rate, self.step - 1)
        record["train"] = {name: total / len(order) for name, total in self.totals.items()}
        if self.held_out is not None:
            record["held_out"] = self._judge(self.held_out)
        self.history.append(record)
        self.epoch, self.position, self.totals, self.seconds = self.epoch + 1, 0, {}, 0.0
        self._tell("epoch")

    def _judge(self, data: Dataset) -> dict[str, float]:
        """The means of all terms over held-out data, with the same noise at every call, and the weights that schedules end at."""
        judged: dict[str, float] = {}
        for i, phase in enumerate(self.phases):
            rng = generator(self.seed, Purpose.HELD_OUT, 0)
            judged |= self._named(i, bound(self.model, data, phase.objective, rng=rng, binarized=self.binarized))
        return judged

    def _named(self, i: int, means: dict[str, float]) -> dict[str, float]:
        """Terms by their names, led by the phase's number where there are several phases."""
        return means if len(self.phases) == 1 else {f"{i}.{name}": mean for name, mean in means.items()}

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            callback(self, event)


def _require_each_entry_observed(name: str, observed: Array) -> None:
    """Raise InputError where some entry is missing in all examples (N, D), so that nothing could be learned of it."""
    known = observed.any(axis=0)
    if not known.all():
        found = f"found none of entry {int(np.argmin(known))}, and {int((~known).sum())} such entries in all"
        raise InputError(f"Training: every entry should be observed in some example of {name}; {found}; leave them out")
