"""A run is a folder: config.json, metrics.jsonl, checkpoint.safetensors, environment.jsonl, figures/."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.arrays import InputError
from scratchvae.data import Dataset, TableSchema, digest
from scratchvae.files import make_folder, write_whole
from scratchvae.models import HelmholtzMachine
from scratchvae.recipes import SolvedVAE
from scratchvae.runs.agreement import (
    CHECKPOINT,
    CONFIG,
    require_epochs,
    require_free,
    require_one_run,
    require_same_config,
    require_same_data,
    require_untrained,
)
from scratchvae.runs.claim import Claim, new_folder
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.construction import build_model, build_training, divide, labelled, load_data, read_schema
from scratchvae.runs.environment import record_environment
from scratchvae.runs.filling import filled, noted
from scratchvae.runs.keeper import Keeper
from scratchvae.runs.kept_prior import KeptPrior, with_kept_prior
from scratchvae.runs.naming import folder_name
from scratchvae.runs.outputs import data_of, require_room_for
from scratchvae.runs.records import read_history
from scratchvae.runs.setting import moved
from scratchvae.runs.solution import Solution
from scratchvae.training import (
    Callback,
    Checkpoint,
    Training,
    load_checkpoint,
    restore_model,
    restore_training,
)

ROOT = Path("runs")  # the folder of runs that have none of their own


class Run:
    """A run: it builds its model at once, and loads its data when somebody asks for them.

    `Run.start` makes a new folder, `Run.resume` continues in one, and `Run.open` looks at one. The first two
    claim the folder, so that no other process trains in it, until `with run: ...` is left or the process
    ends.
    """

    def __init__(self, folder: str | Path, config: Config) -> None:
        self.folder, self.config = Path(folder), config
        self.claim: Claim | None = None
        self.kept_prior: KeptPrior | None = None  # in the place of the trained one
        self.solution: Solution | None = None  # of a model that is solved without steps
        self.trained_on: str | None = None  # the digest that the data must have, once trained
        if config.event_shape is None:  # a run that has begun knows its shape
            self.config = filled(config, self.examples)
        self.model = build_model(self.config, tuple(config.event_shape or self.data.event_shape), self.schema)

    @cached_property
    def examples(self) -> Dataset:
        """All examples of the data set, in its own order."""
        data = load_data(self.config)
        if self.trained_on is not None:
            require_same_data(f"{self.folder}: {self.config.data}", self.trained_on, digest(data))
        return data

    @cached_property
    def _parts(self) -> tuple[Dataset, Dataset | None]:
        return divide(self.config, self.examples)

    @property
    def schema(self) -> TableSchema | None:
        """What the columns of the run's table are; None where its data are no table."""
        return self.data.schema if self.config.event_shape is None else read_schema(self.config)

    @property
    def data(self) -> Dataset:
        """The examples to train on."""
        return self._parts[0]

    @property
    def held_out(self) -> Dataset | None:
        """The held-out examples."""
        return self._parts[1]

    @cached_property
    def judged(self) -> Dataset:
        """The held-out examples or, where there are none, those to train on, if `labelled`."""
        return labelled(self.model, self.data if self.held_out is None else self.held_out)

    @property
    def latents(self) -> int:
        """The number of latents that the model has."""
        model = self.model
        return model.n_hidden if isinstance(model, HelmholtzMachine) else model.posterior.latent_dim

    @property
    def checkpoint(self) -> Path:
        """The file with the run's state."""
        return self.folder / CHECKPOINT

    @classmethod
    def start(cls, folder: str | Path | None, config: Config, *, root: str | Path = ROOT) -> "Run":
        """Begin a new run in a folder that holds none yet; None makes a new folder in `root`.

        A new folder is named after what the config says. A run that cannot be built, or whose first judgement
        fails, leaves no folder. The checkpoint of step 0 is written before config.json, which makes the
        folder a run: a process that is killed in between can be started there again.
        """
        folder, root = None if folder is None else Path(folder), Path(root)
        require_free(folder or root / "nothing")
        require_room_for(folder, data_of(config))
        run = cls(folder or root, config)
        run._look_ahead()
        run.folder = new_folder(root, folder_name(config)) if folder is None else folder
        make_folder(run.folder / "figures")
        run.claim = Claim(run.folder)
        require_free(run.folder)
        run._begin()
        return run

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        data: str | None = None,
        data_dir: str | None = None,
        trained_prior: bool = False,
    ) -> "Run":
        """Open a run with the weights of its last checkpoint, or the best ones where they were kept.

        Its prior is the one kept in prior.safetensors, if there is one, unless `trained_prior`. `data` and
        `data_dir` say where its data lie now, if they were moved. InputError for a kept prior that does not
        fit, for other data, and for a config.json that might now describe other held-out examples.
        """
        run, saved = cls._opened(Path(folder), data, data_dir)
        require_same_config(run.config, saved)
        run.trained_on = saved.data
        run.kept_prior = None if trained_prior else with_kept_prior(run.folder, run.model)
        return run

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        *,
        epochs: int | None = None,
        data: str | None = None,
        data_dir: str | None = None,
        force: bool = False,
    ) -> "Run":
        """Open a run to train it further.

        `epochs` replaces the number of epochs that the run aims at; it is at least the number that is done.
        `data` and `data_dir` say where its data lie now, if they were moved. A run that has a config.json but
        no checkpoint yet begins. InputError where the data or config.json, except for MAY_CHANGE, are not
        those of the checkpoint, unless `force`.
        """
        claim = Claim(folder := Path(folder))
        if not (folder / CHECKPOINT).exists() and (folder / CONFIG).exists():
            require_untrained(folder)
            run = cls(folder, moved(read_config(folder / CONFIG), data, data_dir))
            run._look_ahead()
            run._begin()
        run, saved = cls._opened(folder, data, data_dir)
        run.claim = claim
        if not force:
            again = f", or --resume {folder} --force goes on all the same"
            require_same_config(run.config, saved, again)
            require_same_data(f"{folder}: {run.config.data}", saved.data, run._digest, again)
        if epochs is not None:
            if isinstance(run.model, SolvedVAE) and epochs != run.config.epochs:
                raise InputError(
                    f"{folder} holds a model that is solved on all examples at once: it has no epochs to add"
                )
            run.config = replace(run.config, epochs=epochs)
        require_epochs(run.config, saved)
        if run.config != read_config(folder / CONFIG):
            write_whole(run.folder / CONFIG, run.config.to_json().encode())
        record_environment(folder, saved.position["step"])
        return run

    @classmethod
    def _opened(cls, folder: Path, data: str | None, data_dir: str | None) -> tuple["Run", Checkpoint]:
        config = moved(read_config(folder / CONFIG), data, data_dir)
        saved = load_checkpoint(folder / CHECKPOINT)
        require_one_run(folder, config, saved)
        run = cls(folder, config)
        restore_model(saved, run.model, best=True)
        return run, saved

    def _look_ahead(self) -> None:
        """Try all that can be tried before a step, solve what takes no steps, and note what the data are."""
        self.training().look_ahead()
        self.config = noted(self.config, self.examples, self.schema)
        if isinstance(self.model, SolvedVAE):
            self.solution = Solution(self.model, self.config, self.data)
            self.config = replace(self.config, epochs=1)

    def _begin(self) -> None:
        """Write the checkpoint of the beginning, and then config.json."""
        self.keep()(self.training(), "start")
        write_whole(self.folder / CONFIG, self.config.to_json().encode())
        record_environment(self.folder, 0)

    @cached_property
    def _digest(self) -> str:
        return digest(self.examples)

    def is_trained_on(self, data: Dataset) -> bool:
        """Whether these are the run's own examples, wherever they lie."""
        return digest(data) == self.trained_on

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        if self.claim is not None:
            self.claim.release()

    def training(self, *, callbacks: tuple[Callback, ...] = ()) -> Training:
        """Return the training of this run from its beginning; `resumed` continues from the checkpoint."""
        train, held_out = self._parts
        training = build_training(self.config, self.model, data=train, held_out=held_out, callbacks=callbacks)
        if self.solution:
            self.solution.finish(training)
        return training

    def resumed(self, *, callbacks: tuple[Callback, ...] = ()) -> Training:
        """Return the training of this run at its last checkpoint."""
        training = self.training(callbacks=callbacks)
        restore_training(load_checkpoint(self.checkpoint), training)
        return training

    def keep(self, every: int = 0) -> Callback:
        """Return a callback that writes the checkpoint and metrics after epochs and every so many steps."""
        entries = dict(strict_json.parse(self.config.to_json(), str(self.folder / CONFIG)))
        return Keeper(self.folder, entries, self._digest, every)

    def history(self) -> list[dict[str, Any]]:
        """Read the records of metrics.jsonl; InputError where a line holds anything else."""
        return read_history(self.folder / "metrics.jsonl")
