"""A run as a folder: config.json, metrics.jsonl, checkpoint.safetensors, figures/."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.arrays import InputError, require_at_least
from scratchvae.data import Dataset, digest
from scratchvae.files import make_folder, read_whole, write_whole
from scratchvae.models import HelmholtzMachine
from scratchvae.recipes import SolvedVAE
from scratchvae.runs.claim import Claim
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.construction import build_model, build_phases, divide, load_data
from scratchvae.runs.solution import Solution
from scratchvae.schema import check
from scratchvae.training import (
    RECORD,
    Callback,
    Checkpoint,
    EarlyStopping,
    Training,
    load_checkpoint,
    restore_model,
    restore_training,
    save_checkpoint,
    steps_of_an_epoch,
)

MAY_CHANGE = {"epochs", "data", "data_dir"}  # when a run goes on: how far, and where the same data lie


class Run:
    """A run: its model built, its data loaded when they are asked for.

    `Run.start` makes a new folder and `Run.resume` goes on in one that is there. Both claim the folder, so that no other
    process trains in it, until `with run: ...` is left or the process ends. `Run.open` takes a run to look at it.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config
        self.claim: Claim | None = None
        self.solution: Solution | None = None  # of a model that takes no steps
        self.model = build_model(config, tuple(config.event_shape or self.data.event_shape))

    @cached_property
    def _whole(self) -> Dataset:
        return load_data(self.config)

    @cached_property
    def _parts(self) -> tuple[Dataset, Dataset | None]:
        return divide(self.config, self._whole)

    @property
    def examples(self) -> Dataset:
        """All examples of the data set, in its own order."""
        return self._whole

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
        """A new run in a folder that holds none yet. What can't be built, or whose first judgement fails, leaves no folder.

        The checkpoint of step 0 is written before config.json, whose presence makes the folder a run: a process that is killed
        in between leaves a folder where the run can be started again.
        """
        taken = f"{folder} holds a run already: go on with --resume {folder}, or choose another folder"
        if (folder / "config.json").exists():
            raise InputError(taken)
        run = cls(folder, config)
        run.training().look_ahead()
        known: dict[str, Any] = {"examples": len(run._whole), "event_shape": run._whole.event_shape}
        if isinstance(run.model, SolvedVAE):
            run.solution = Solution(run.model, config, run.data)
            known["epochs"] = 1
        run.config = replace(config, **known)
        make_folder(folder / "figures")
        run.claim = Claim(folder)
        if (folder / "config.json").exists():
            raise InputError(taken)
        run.keep()(run.training(), "start")
        write_whole(folder / "config.json", run.config.to_json().encode())
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """A run that is there, its model with the last checkpoint's weights, the best ones where they were kept."""
        return cls._opened(folder)[0]

    @classmethod
    def resume(cls, folder: Path, *, epochs: int | None = None, force: bool = False) -> "Run":
        """A run that is there, to be trained on. `epochs`, no fewer than are done, replaces the number that it aims at.

        InputError where the data or config.json are no longer those that the checkpoint was trained with, in anything but
        MAY_CHANGE; with `force` they are taken as they are now.
        """
        claim = Claim(folder)
        run, saved = cls._opened(folder)
        run.claim = claim
        if not force:
            run._require_same(saved)
        if epochs is not None and epochs != run.config.epochs:
            if isinstance(run.model, SolvedVAE):
                raise InputError(f"{folder} holds a model that is solved on all examples at once: it has no epochs to add")
            require_at_least(str(folder), "epochs", epochs, max(1, saved.position["epoch"]))
            run.config = replace(run.config, epochs=epochs)
            write_whole(folder / "config.json", run.config.to_json().encode())
        return run

    @classmethod
    def _opened(cls, folder: Path) -> tuple["Run", Checkpoint]:
        run = cls(folder, read_config(folder / "config.json"))
        saved = load_checkpoint(run.checkpoint)
        recipe = Config.from_entries(saved.config, str(run.checkpoint)).recipe
        if recipe != run.config.recipe:
            names = f"{run.checkpoint} is of the recipe {recipe}, config.json of {run.config.recipe}"
            raise InputError(f"{folder} should hold one run: {names}")
        restore_model(saved, run.model, best=True)
        return run, saved

    def _require_same(self, saved: Checkpoint) -> None:
        """InputError where the checkpoint was trained with other data, or with other entries of config.json that both know."""
        again = f"--resume {self.folder} --force goes on all the same"
        trained = vars(Config.from_entries(saved.config, str(self.checkpoint)))
        for entry, now in vars(self.config).items():
            then = trained[entry]
            unknown = then is None and entry in {"examples", "event_shape"}
            if then != now and entry not in MAY_CHANGE and not unknown:
                said = f"was trained with {entry} {then!r:.80}, config.json says {now!r:.80}"
                raise InputError(f"{self.checkpoint} {said}: put that back, or {again}")
        if saved.data is not None and saved.data != self._digest:
            others = f"{self.config.data} holds others, of {self._digest!r:.10}"
            said = f"was trained on examples of the digest {saved.data!r:.10}, {others}"
            raise InputError(f"{self.checkpoint} {said}: put those back, or {again}")

    def _described(self) -> dict[str, object]:
        """config.json's entries."""
        described: dict[str, object] = strict_json.parse(self.config.to_json(), str(self.folder / "config.json"))
        return described

    @cached_property
    def _digest(self) -> str:
        return digest(self._whole)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        if self.claim is not None:
            self.claim.release()

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
            save_checkpoint(self.checkpoint, training, self._described(), data=self._digest)
            lines = [strict_json.dump(record) + "\n" for record in training.history]
            write_whole(self.folder / "metrics.jsonl", "".join(lines).encode())

        return keeper

    def history(self) -> list[dict[str, Any]]:
        """The records of metrics.jsonl; InputError where a line holds anything else."""
        return read_history(self.folder / "metrics.jsonl")


def read_history(path: Path) -> list[dict[str, Any]]:
    """The records of a file of metrics, a line for each epoch; InputError where a line holds anything else."""
    lines = read_whole(path, most_bytes=strict_json.MOST_BYTES).splitlines()
    places = [f"{path}, line {number}" for number in range(1, len(lines) + 1)]
    return [check(strict_json.parse(line, place), RECORD, place) for line, place in zip(lines, places, strict=True)]
