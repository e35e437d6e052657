"""A training run: epochs over data, held-out judgements, and the state from which it can go on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, Overflowed, require_count, require_flag
from scratchvae.data import Batch, Dataset, binarize, require_told_apart
from scratchvae.evaluation import NotFinite, bound
from scratchvae.layers import EVALUATION, Mode, dtype_of, named_buffers, named_parameters
from scratchvae.likelihoods import Standardized
from scratchvae.objectives import Model
from scratchvae.training.data_requirements import require_examples
from scratchvae.training.divergence import Diverged, divergence, unchanged_buffers
from scratchvae.training.randomness import Purpose, generator
from scratchvae.training.schedules import learning_rate_at
from scratchvae.training.step import Phase, say_what_stays, train_step

# A callback is called with the run and "start", "step", "epoch", and at last "end", "interrupt" or
# "diverged".
Callback = Callable[["Training", str], None]


class Training:
    """A run of `model` over `data` that may stop after any step and go on, with the same weights at the end.

    It may go on here or in another process. Its state consists of the model's state, the optimizers' states,
    and step, epoch, position, totals, history, stopping and best. The order of the examples and every random
    draw are functions of `seed` and the step. `history` gets one record for each epoch: {"epoch", "step",
    "seconds", "learning_rate", "train": {term: mean}, "held_out": {…} where there are held-out data}.

    An epoch's last batch is smaller where `batch_size` does not divide the number of examples. With
    `drop_last` that batch is left out. Other examples are left out in each epoch, and the means of an epoch
    are over the examples that it looked at.
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
        drop_last: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        for name, number, low in (("epochs", epochs, 1), ("batch_size", batch_size, 1), ("seed", seed, 0)):
            require_count("Training", name, number, low)
        for name, flag in (("binarized", binarized), ("drop_last", drop_last)):
            require_flag("Training", name, flag)
        require_examples(model, data, held_out, full_batch=batch_size if drop_last else 0)
        self.model, self.phases, self.data, self.held_out = model, list(phases), data, held_out
        self.epochs, self.batch_size, self.seed, self.binarized = epochs, batch_size, seed, binarized
        self.drop_last = drop_last
        if not isinstance(callbacks, list | tuple) or not all(map(callable, callbacks)):
            expected = "callbacks should be a list of Callbacks, such as [EarlyStopping()]"
            raise InputError(f"Training: {expected}; found {callbacks!r:.80}")
        self.callbacks = list(callbacks)
        self.parameters, self.buffers = named_parameters(model), named_buffers(model)
        for phase in self.phases:
            if not phase.moved(self.parameters):
                found = f"over = {phase.over}, which none of {', '.join(self.parameters)} is below"
                raise InputError(f"Training: each phase should move some Parameters; found {found}")
        self.dtype = dtype_of(model)
        if isinstance(model.likelihood, Standardized):
            require_told_apart("Training", data, self.dtype)
        self.step = 0  # steps taken
        self.epoch = 0  # epochs completed
        self.position = 0  # examples of this epoch already seen
        self.totals: dict[str, float] = {}  # sums over those examples
        self.seconds = 0.0  # seconds spent in this epoch
        self.history: list[dict[str, Any]] = []
        self.stopping = False  # set by a callback to end the run after this epoch
        self.interrupted = False  # set by anyone, at any time, to leave the run after this step
        self.said_what_stays = False  # once, of Parameters that no objective moves
        self.best: dict[str, Array] = {}  # the weights of the best epoch, where a callback keeps them
        self._try_a_batch_of_one()

    @property
    def examples_an_epoch(self) -> int:
        """How many examples an epoch looks at: all of them, or with drop_last those of its full batches."""
        return len(self.data) - (len(self.data) % self.batch_size if self.drop_last else 0)

    def run(self) -> "Training":
        """Train until all epochs are done, a callback has asked to stop, or someone has interrupted.

        Raises Diverged where a loss, a gradient or a judgement is not finite. The callbacks are told before,
        so that EarlyStopping puts the best epoch's weights back. No part of that step or epoch is recorded.
        """
        self._measure_units()
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # Diverged says it in words
                self._tell("start")
                while self.epoch < self.epochs and not self.stopping and not self.interrupted:
                    self._finish_epoch()
        except Diverged as error:
            self._tell("diverged")
            kept = (
                f". The model has the weights of the best epoch again, {self._best_epoch()}"
                if self.best
                else ""
            )
            raise Diverged(f"{error}{kept}") from error
        self._tell("interrupt" if self.interrupted else "end")
        return self

    def look_ahead(self) -> None:
        """Judge the held-out data, and one example, by every phase, before any step.

        InputError is then raised at once where model, objective and data do not fit together, and Diverged
        where a result is not finite.
        """
        self._measure_units()
        self._judge(self.data.subset(slice(0, 1)))
        if self.held_out is not None:
            self._judge(self.held_out)

    def _measure_units(self) -> None:
        """Let the likelihood measure what it has to know of the data, such as means of columns, once."""
        if not self.model.likelihood.measured:
            self.model.likelihood.measure(self.data)

    def _try_a_batch_of_one(self) -> None:
        """Raise InputError where an epoch has a batch of one, on which the model can't be trained."""
        if (self.examples_an_epoch - 1) % self.batch_size != 0:
            return
        one = self.data.batch(slice(0, 1), self.dtype)
        with unchanged_buffers(self.model), np.errstate(over="ignore", invalid="ignore"):
            self._measure_units()
            for phase in self.phases:
                rng = generator(self.seed, Purpose.STEP, 0)
                noise = phase.objective.draw_noise(self.model, 1, rng)
                try:
                    phase.objective(self.model, one, noise, mode=Mode(rng, 0))
                except InputError as error:
                    found = (
                        f"{self.examples_an_epoch} examples in batches of {self.batch_size} "
                        "make a batch of one example"
                    )
                    remedy = "take drop_last=True, which leaves it out, or another batch_size"
                    raise InputError(f"Training: {found}, and {error}; {remedy}") from error

    def _finish_epoch(self) -> None:
        order = generator(self.seed, Purpose.ORDER, self.epoch).permutation(len(self.data))[
            : self.examples_an_epoch
        ]
        clock = time.perf_counter() - self.seconds
        while self.position < len(order):
            chosen = order[self.position : self.position + self.batch_size]
            rng = generator(self.seed, Purpose.STEP, self.step)
            batch = self.data.batch(chosen, self.dtype)
            batch = replace(batch, x=binarize(batch.x, rng)) if self.binarized else batch
            received: set[str] = set()
            for i, phase in enumerate(self.phases):
                moved = self.step > 0 or i > 0
                for name, mean in self._named(i, self._stepped(phase, batch, rng, moved, chosen)).items():
                    self.totals[name] = self.totals.get(name, 0.0) + mean * len(batch)
                received |= {name for name, p in phase.moved(self.parameters).items() if p.grad is not None}
            if not self.said_what_stays:
                say_what_stays(self.phases, self.parameters, received)
                self.said_what_stays = True
            self.step += 1
            self.position += len(chosen)
            self.seconds = time.perf_counter() - clock
            self._tell("step")
            if self.interrupted and self.position < len(order):
                return
        record: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "step": self.step,
            "seconds": round(self.seconds, 6),
        }
        record["learning_rate"] = learning_rate_at(self.phases[0].optimizer.learning_rate, self.step - 1)
        record["train"] = {name: total / len(order) for name, total in self.totals.items()}
        if self.held_out is not None:
            record["held_out"] = self._judge(self.held_out)
        if not np.isfinite(list(record["train"].values())).all():
            names = [name for name, mean in record["train"].items() if not np.isfinite(mean)]
            raise Diverged(f"epoch {self.epoch + 1}: the loss is finite, but its term {names[0]} is not")
        self.history.append(record)
        self.epoch, self.position, self.totals, self.seconds = self.epoch + 1, 0, {}, 0.0
        self._tell("epoch")

    def _stepped(
        self, phase: Phase, batch: Batch, rng: np.random.Generator, moved: bool, places: Array
    ) -> dict[str, float]:
        """Return the means of a step's terms.

        A step that diverges leaves running statistics as they were before.
        """
        before = [(buffer, buffer.value) for buffer in self.buffers.values()]
        given = (self.model, self.parameters, phase, batch, rng)
        try:
            return train_step(*given, step=self.step, moved=moved, places=places, data=self.data).means()
        except Diverged:
            for buffer, value in before:
                buffer.value = value
            raise

    def _judge(self, data: Dataset) -> dict[str, float]:
        """Return the means of all terms over held-out data.

        The noise is the same at every call, and each weight is the one that its schedule ends at.
        """
        judged: dict[str, float] = {}
        for i, phase in enumerate(self.phases):
            rng, moved = generator(self.seed, Purpose.HELD_OUT, 0), self.step > 0
            when = f"epoch {self.epoch + 1}" if moved else "before the first step"
            try:
                means = bound(self.model, data, phase.objective, rng=rng, binarized=self.binarized)
            except Overflowed as error:
                raise Diverged(f"{when}, judged on {data.name}: {error}") from error
            except NotFinite as error:
                given = (self.model, self.parameters, phase.objective, error.batch, error.noise, error.report)
                words = divergence(*given, mode=EVALUATION, moved=moved, places=error.places, data=self.data)
                raise Diverged(f"{when}, judged on {data.name}: {words}") from error
            judged |= self._named(i, means)
        return judged

    def _best_epoch(self) -> int:
        """Return the number of the epoch with the lowest held-out loss of the first phase."""
        loss = "loss" if len(self.phases) == 1 else "0.loss"
        return 1 + int(np.argmin([record["held_out"][loss] for record in self.history]))

    def _named(self, i: int, means: dict[str, float]) -> dict[str, float]:
        """Name the terms; where there are several phases, a name begins with the phase's number."""
        return means if len(self.phases) == 1 else {f"{i}.{name}": mean for name, mean in means.items()}

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            callback(self, event)


def steps_of_an_epoch(examples: int, batch_size: int, *, drop_last: bool = False) -> int:
    """The number of batches of an epoch. The last one may be smaller, and is left out with drop_last."""
    require_flag("steps_of_an_epoch", "drop_last", drop_last)
    return examples // batch_size if drop_last else -(-examples // batch_size)
