"""Runs of models that are solved on all examples at once have one epoch of one step.

The number of batches plays no part.
"""

import time

from scratchvae.arrays import InputError
from scratchvae.choices import parse
from scratchvae.data import Dataset
from scratchvae.evaluation import bound
from scratchvae.recipes import SolvedVAE
from scratchvae.runs.config import Config
from scratchvae.training import Purpose, Training, generator


class Solution:
    """A model that has been solved, and the training that it has from then on: one that is at its end.

    InputError where the run was given settings that only a training by steps can use, or where the likelihood
    has no maximum.
    """

    def __init__(self, model: SolvedVAE, config: Config, data: Dataset) -> None:
        name = parse(config.recipe).name
        for entry in ("optimizer", "max_norm", "batch_size", "drop_last", "patience", "binarized"):
            if getattr(config, entry) != getattr(Config, entry):
                reason = f"{name} is solved on all examples at once, as they are"
                raise InputError(f"{reason}: {entry} should be left alone, found {getattr(config, entry)}")
        if config.epochs not in (1, Config.epochs):
            raise InputError(
                f"{name} is solved on all examples at once: epochs should be 1, found {config.epochs}"
            )
        clock = time.perf_counter()
        model.solve(data)
        self.seconds = time.perf_counter() - clock

    def finish(self, training: Training) -> None:
        """Put the training behind its one epoch, with the record of it."""
        objective = training.phases[0].objective
        parts = {"train": training.data} | (
            {} if training.held_out is None else {"held_out": training.held_out}
        )
        terms = {
            part: bound(training.model, data, objective, rng=generator(training.seed, Purpose.HELD_OUT, 0))
            for part, data in parts.items()
        }
        training.step = training.epoch = training.epochs = 1
        training.history = [
            {"epoch": 1, "step": 1, "seconds": round(self.seconds, 6), "learning_rate": 0.0, **terms}
        ]
