"""A run as a folder: config.json, metrics.jsonl, checkpoint.safetensors, figures/."""

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError, require_at_least
from scratchvae.data import Dataset
from scratchvae.files import make_folder, strict_json, write_whole
from scratchvae.models import HelmholtzMachine
from scratchvae.recipes import SolvedVAE
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.construction import build_model, build_phases, divide, load_data
from scratchvae.runs.solution import Solution
from scratchvae.training import (
    Callback,
    EarlyStopping,
    Training,
    load_checkpoint,
    restore_model,
    restore_training,
    save_checkpoint,
    steps_of_an_epoch,
)


class Run:
    """A run: its model built, its data loaded when they are asked for.

    `Run.start` makes a new folder, `Run.open` takes up one that is there.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config
        self.solution: Solution | None = None  # of a model that takes no steps
        self.model = build_model(config, tuple(config.event_shape or self.data.event_shape))

    @cached_property
    def _whole(self) -> Dataset:
        return load_data(self.config)

    @cached_property
    def _parts(self) -> tuple[Dataset, Dataset | None]:
        return divide(self.config, self._whole)

    @property
    def data(self) -> Dataset:
        """The examples to train on."""
        return self._parts[0]

    @property
    def held_out(self) -> Dataset | None:
        """The examples held out."""
        return self._parts[1]

    @property
    def judged(self) -> Dataset:
        """The held-out examples, or where there are none those trained on."""
        return self.data if self.held_out is None else self.held_out

    @property
    def steps(self) -> int:
        """All steps of the run, from its beginning to the last epoch it aims at."""
        return self.config.epochs * steps_of_an_epoch(len(self.data), self.config.batch_size, drop_last=self.config.drop_last)

    @property
    def latents(self) -> int:
        """How many latents the model has."""
        return self.model.n_hidden if isinstance(self.model, HelmholtzMachine) else self.model.posterior.latent_dim

    @property
    def checkpoint(self) -> Path:
        """The file with the run's state."""
        return self.folder / "checkpoint.safetensors"

    @classmethod
    def start(cls, folder: Path, config: Config) -> "Run":
        """A new run in a folder that holds none yet. What can't be built, or whose first judgement fails, leaves no folder."""
        if (folder / "config.json").exists():
            raise InputError(f"{folder} holds a run already: go on with --resume {folder}, or choose another folder")
        run = cls(folder, config)
        run.training().look_ahead()
        known: dict[str, Any] = {"examples": len(run._whole), "event_shape": run._whole.event_shape}
        if isinstance(run.model, SolvedVAE):
            run.solution = Solution(run.model, config, run.data)
            known["epochs"] = 1
        run.config = replace(config, **known)
        make_folder(folder / "figures")
        write_whole(folder / "config.json", run.config.to_json().encode())
        return run

    @classmethod
    def open(cls, folder: Path, *, epochs: int | None = None) -> "Run":
        """A run that is there, its model with the last checkpoint's weights, the best ones where they were kept.

        `epochs`, no fewer than are done, replaces the number it aims at.
        """
        run = cls(folder, read_config(folder / "config.json"))
        saved = load_checkpoint(run.checkpoint)
        recipe = Config.from_entries(saved.config, str(run.checkpoint)).recipe
        if recipe != run.config.recipe:
            names = f"{run.checkpoint} is of the recipe {recipe}, config.json of {run.config.recipe}"
            raise InputError(f"{folder} should hold one run: {names}")
        restore_model(saved, run.model, best=True)
        if epochs is not None and epochs != run.config.epochs:
            if isinstance(run.model, SolvedVAE):
                raise InputError(f"{folder} holds a model that is solved on all examples at once: it has no epochs to add")
            require_at_least(str(folder), "epochs", epochs, max(1, saved.position["epoch"]))
            run.config = replace(run.config, epochs=epochs)
            write_whole(folder / "config.json", run.config.to_json().encode())
        return run

    def training(self, *, callbacks: tuple[Callback, ...] = ()) -> Training:
        """The training of this run from its beginning; `resumed` puts it where the checkpoint stands."""
        phases = build_phases(self.config, self.model, self.steps)
        stopping = () if self.config.patience is None else (EarlyStopping(self.config.patience),)
        if stopping and self.held_out is None:
            raise InputError("patience needs held-out data to stop by; found held_out 0")
        training = Training(
            self.model,
            phases,
            self.data,
            epochs=self.config.epochs,
            batch_size=self.config.batch_size,
            seed=self.config.seed,
            held_out=self.held_out,
            binarized=self.config.binarized,
            drop_last=self.config.drop_last,
            callbacks=[*stopping, *callbacks],
        )
        if self.solution:
            self.solution.finish(training)
        return training

    def resumed(self, *, callbacks: tuple[Callback, ...] = ()) -> Training:
        """The training of this run at its last checkpoint."""
        training = self.training(callbacks=callbacks)
        restore_training(load_checkpoint(self.checkpoint), training)
        return training

    def keep(self, every: int = 0) -> Callback:
        """A callback that writes checkpoint and metrics at the start, after each epoch, and every so many steps (0: never)."""

        def keeper(training: Training, event: str) -> None:
            if event in ("end", "diverged") or (event == "step" and not (every and training.step % every == 0)):
                return
            save_checkpoint(self.checkpoint, training, json.loads(self.config.to_json()))
            metrics = self.folder / "metrics.jsonl"
            lines = [strict_json(str(metrics), record) for record in training.history]
            write_whole(metrics, "".join(lines).encode())

        return keeper

    def history(self) -> list[dict[str, object]]:
        """The records of metrics.jsonl."""
        path = self.folder / "metrics.jsonl"
        try:
            records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if not all(isinstance(record, dict) for record in records):
                raise ValueError("a line holds something else")
            return records
        except (OSError, ValueError) as error:
            raise InputError(f"{path} should hold a JSON record a line: {error}") from error
