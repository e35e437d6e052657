"""A sweep plans and tries many runs before the first is trained, and then trains them.

They are trained here, or wherever an executor trains them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.choices import shortened
from scratchvae.runs.agreement import CONFIG
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.folder import Run
from scratchvae.runs.grids import Command
from scratchvae.runs.metrics import METRICS
from scratchvae.runs.naming import shortened_name, word
from scratchvae.runs.setting import configured
from scratchvae.runs.trial import Trial, train_trial
from scratchvae.training import Diverged

Row = dict[str, Any]  # a row of the table at the end
# The losses of different objectives cannot be compared.
SHOWN = [name for name in METRICS if name not in ("loss", "bound_of_those")]


def sweep(
    commands: Sequence[Command],
    *,
    folder: str | os.PathLike[str],
    common: Command | Config | None = None,
    executor: Executor | None = None,
    on_row: Callable[[Row, Trial], None] = lambda row, trial: None,
) -> list[Row]:
    """Train a run for each command in its own folder below `folder`, and return a row for each.

    A command is a mapping of settings, such as {"beta": 4, "seed": 1}, and `common` are the settings that all
    share. A run that is finished is not trained again, and a run that was stopped or killed continues from
    its last checkpoint, to the same bits. All runs are tried before the first one is trained: an InputError
    names the command that is wrong. A run that fails later has the reason in its row, and the others
    continue. `executor` is any executor of concurrent.futures whose workers see the same files; None trains
    one run after the other in this process. Each run has one BLAS thread, so that its bits do not depend on
    the executor. `on_row` is called with each row as soon as it is known.

    A row has the command's settings first, then the epochs that were trained and the metrics.
    """
    from threadpoolctl import threadpool_limits  # here: Python in a browser has none

    trials = plan(commands, Path(folder), common)
    names = list(dict.fromkeys(name for trial in trials for name in trial.settings))
    rows: dict[int, Row] = {}
    for k, found in _finished(trials):
        rows[k] = _row(trials[k], names, found)
        on_row(rows[k], trials[k])
    left = [k for k in range(len(trials)) if k not in rows]
    with threadpool_limits(1, user_api="blas"):
        _try([(k, trials[k]) for k in left])
        for k, found in _trained({k: trials[k] for k in left}, executor):
            if status := found.get("interrupted"):
                raise KeyboardInterrupt if status == 130 else SystemExit(status)
            rows[k] = _row(trials[k], names, found)
            on_row(rows[k], trials[k])
    return [rows[k] for k in range(len(trials))]


def plan(commands: Sequence[Command], folder: Path, common: Command | Config | None = None) -> list[Trial]:
    """Plan the run of each command, in a folder that is named after the command's settings.

    InputError for a wrong command. Where seeds vary, all runs are judged on the same examples, which the
    common seed holds out. This does not apply where held_out_seed is given, or where an older version has
    begun the sweep.
    """
    base = common if isinstance(common, Config) else configured(common or {})
    if not commands:
        raise InputError("sweep: there should be one command or more, found none")
    configs: list[Config] = []
    for k, command in enumerate(commands):
        with _naming(k, command):
            configs.append(configured(command, base))
            if configs[-1] in configs[:-1]:
                first = configs.index(configs[-1]) + 1
                raise InputError(
                    f"each command should describe another run, found that of command {first} again"
                )
    shared = (
        base.seed
        if base.held_out_seed is None and not any("held_out_seed" in command for command in commands)
        else None
    )
    names = ["-".join(word(name, value) for name, value in command.items()) or "run" for command in commands]
    trials = []
    for name, command, config in zip(names, commands, configs, strict=True):
        # a name that occurs twice is made too long, so that it is cut and ends in letters for its config
        own = name if names.count(name) == 1 else f"{name}-{'x' * 99}"
        trials.append(Trial(dict(command), config, folder.absolute() / shortened_name(own, config.to_json())))
    if (
        shared is not None
        and len({config.seed for config in configs}) > 1
        and not any(map(_splits_by_seed, trials))
    ):
        trials = [replace(trial, config=replace(trial.config, held_out_seed=shared)) for trial in trials]
    for trial in trials:
        trial.require_own()
    return trials


def _splits_by_seed(trial: Trial) -> bool:
    """Whether an older version has begun the run with held-out examples that its own seed has drawn."""
    path = trial.folder / CONFIG
    return path.exists() and read_config(path).held_out_seed is None


def label(command: Command) -> str:
    """Write a command in words, such as "beta=4, seed=1"."""
    return ", ".join(f"{name}={_word(value)}" for name, value in command.items()) or "no settings of its own"


@contextmanager
def _naming(k: int, command: Command) -> Iterator[None]:
    """Raise an error within the block as an InputError that tells the command's number and settings."""
    try:
        yield
    except (InputError, Diverged) as error:
        raise InputError(f"sweep: command {k + 1} ({label(command)}): {error}") from error


def _finished(trials: Sequence[Trial]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for k, trial in enumerate(trials):
        found = trial.finished()
        if found is not None:
            yield k, found


def _try(trials: Sequence[tuple[int, Trial]]) -> None:
    """Build each run and judge it before its first step; runs that differ only in their seed are one."""
    tried = set()
    for k, trial in trials:
        alike = replace(trial.config, seed=0).to_json()
        if alike not in tried:
            with _naming(k, trial.settings):
                Run(trial.folder, trial.config).training().look_ahead()
            tried.add(alike)


def _trained(
    trials: Mapping[int, Trial], executor: Executor | None
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield what comes of each trial, in the order in which they end."""
    given = {k: (str(trial.folder), trial.config.to_json(), os.getpid()) for k, trial in trials.items()}
    if executor is None:
        yield from ((k, train_trial(*one)) for k, one in given.items())
        return
    futures = {executor.submit(train_trial, *one): k for k, one in given.items()}
    try:
        for future in as_completed(futures):
            if future.cancelled():
                lost = (
                    "the executor gave up the runs that are left, as a cluster does whose scheduler is gone"
                )
                raise InputError(f"sweep: {lost}; the same sweep goes on with them")
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                raise InputError(
                    "sweep: a process was killed, perhaps for want of memory; "
                    f"the same sweep goes on ({error})"
                )
            yield (
                futures[future],
                {"failed": f"{type(error).__name__}: {error}"} if error else future.result(),
            )
    finally:
        for future in futures:
            future.cancel()


def _row(trial: Trial, names: Sequence[str], found: Mapping[str, Any]) -> Row:
    """Return a row of the table.

    Every run has the same columns, so that two sweeps of the same commands have equal tables.
    """
    settings = {name: _word(trial.settings[name]) if name in trial.settings else None for name in names}
    metrics = found.get("metrics", {})
    shown = {name: metrics.get(name) for name in SHOWN}
    return {**settings, "epochs": found.get("epochs"), **shown, "failed": found.get("failed")}


def _word(value: Any) -> Any:
    """Write a value as a cell of a table: a number as it is, and anything else as it is spelt."""
    if isinstance(value, list):  # these are penalties
        return ", ".join(map(str, value))
    return value if value is None or isinstance(value, bool | int | float | str) else shortened(value)
