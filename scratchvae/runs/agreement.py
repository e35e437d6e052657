"""The files of a run must agree: config.json and the data with those that the checkpoint was trained with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.runs.config import Config
from scratchvae.runs.construction import read_schema, require_same_columns
from scratchvae.runs.records import read_history
from scratchvae.training import Checkpoint

CONFIG, CHECKPOINT = "config.json", "checkpoint.safetensors"  # the files of a run
MAY_CHANGE = {"epochs", "data", "data_dir"}  # what a resumed run may change: its end, and the data's place


def require_same_config(now: Config, saved: Checkpoint, remedy: str = "") -> None:
    """InputError where config.json has changed since the checkpoint was written, in more than MAY_CHANGE.

    The message names every entry that differs, what it was, and the ways out: putting it back, and the
    `remedy`.
    """
    differing = differences(now, saved)
    if differing:
        said = "; with ".join(
            f"{name} {then!r:.80}, config.json says {found!r:.80}"
            for name, (then, found) in differing.items()
        )
        back = "that" if len(differing) == 1 else "those"
        raise InputError(f"{saved.path} was trained with {said}: put {back} back into config.json{remedy}")


def require_epochs(now: Config, saved: Checkpoint) -> None:
    """InputError where a run that is to be resumed aims at fewer epochs than it has done.

    A run that is only opened may aim at fewer.
    """
    done = saved.position["epoch"]
    if now.epochs < done:
        expected = f"should aim at no fewer epochs than the {done} that are done"
        raise InputError(
            f"{saved.path.parent} {expected}, found {now.epochs}: --epochs {done}, or more, changes that"
        )


def differences(now: Config, saved: Checkpoint) -> Mapping[str, tuple[Any, Any]]:
    """Return the entries of the config that differ: as the checkpoint has them, and as they are now."""
    trained = vars(Config.from_entries(saved.config, str(saved.path)))
    found = {}
    for name, value in vars(now).items():
        then = trained[name]
        # earlier versions did not write these entries down
        unknown = then is None and name in {"examples", "event_shape", "schema"}
        if then != value and name not in MAY_CHANGE and not unknown:
            found[name] = (then, value)
    return found


def require_one_run(folder: Path, config: Config, saved: Checkpoint) -> None:
    """InputError where config.json and the checkpoint have different recipes, or different columns."""
    trained = Config.from_entries(saved.config, str(saved.path))
    require_same_columns(str(saved.path), read_schema(trained), read_schema(config))
    if trained.recipe != config.recipe:
        names = f"{saved.path} has the recipe {trained.recipe}, and config.json has {config.recipe}"
        raise InputError(f"{folder} should hold one run: {names}: put {trained.recipe} back there")


def require_same_data(where: str, trained_on: str | None, found: str, remedy: str = "") -> None:
    """InputError where the digest of the data `found` is not that of the data that the run was trained on."""
    if trained_on is not None and found != trained_on:
        said = f"should hold the examples that the run was trained on, of the digest {trained_on:.10}…"
        raise InputError(
            f"{where} {said}; found others, of {found:.10}…: put those back, point to them by --data{remedy}"
        )


def require_free(folder: Path) -> None:
    """InputError for a folder that holds a run."""
    if (folder / CONFIG).exists():
        raise InputError(
            f"{folder} holds a run already: go on with --resume {folder}, or choose another folder"
        )


def require_untrained(folder: Path) -> None:
    """InputError for a run without a checkpoint whose metrics already have records of epochs.

    Such a run has lost its checkpoint; a run without records has not written one yet.
    """
    path = folder / "metrics.jsonl"
    if path.exists() and (done := len(read_history(path))):
        found = f"found none, beside the records of {done} epochs"
        raise InputError(
            f"{folder} should hold {CHECKPOINT}, {found}: put it back, or remove {path} to train the run anew"
        )
