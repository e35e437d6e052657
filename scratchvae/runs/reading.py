"""Runs are read from their folders without their data, models or weights; `list` and `compare` show them."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.arrays import InputError
from scratchvae.runs.agreement import require_same_config
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.holder import is_held
from scratchvae.runs.records import read_history
from scratchvae.training import load_checkpoint

FILES = (
    "config.json",
    "checkpoint.safetensors",
    "metrics.jsonl",
)  # a folder that holds one of them is a run's
EVALUATION = "evaluation.json"  # the numbers that `evaluate` has found last
JUDGEMENT = "judgement.json"  # the numbers of a finished run of a sweep


@dataclass(frozen=True)
class Reading:
    """What a run's folder says of the run.

    config    the config, or None where it cannot be read
    history   the records of the epochs that are done
    early     whether the run has ended before its last epoch, because held-out data stopped gaining
    running   whether a process trains in the folder
    damage    a sentence about the file that cannot be read; empty where all can
    digest    the digest of the data that the run is trained on, where its checkpoint knows that
    """

    folder: Path
    config: Config | None = None
    history: Sequence[dict[str, Any]] = ()
    early: bool = False
    running: bool = False
    damage: str = ""
    digest: str | None = None

    @property
    def state(self) -> str:
        """A few words: done, stopped early, damaged, or the epoch at which the run is or was left."""
        if self.damage:
            return "damaged"
        if self.config is None:
            return "running, not yet begun"
        place = f"epoch {len(self.history)} of {self.config.epochs}"
        if self.running:
            return f"running, {place}"
        if self.early:
            return f"stopped early, {place}"
        return "done" if len(self.history) >= self.config.epochs else place

    @property
    def seconds(self) -> float:
        """How long the epochs that are done have taken."""
        return float(sum(record["seconds"] for record in self.history))

    def series(self, term: str, part: str = "held_out") -> tuple[list[int], list[float]]:
        """Return the epochs whose records hold the term, and its values there.

        Of several phases the term of the first is taken.
        """
        found = [(one["epoch"], _first(one[part], term)) for one in self.history if part in one]
        known = [(epoch, value) for epoch, value in found if value is not None]
        return [epoch for epoch, _ in known], [value for _, value in known]

    @property
    def best(self) -> dict[str, float]:
        """The held-out terms of the epoch with the highest held-out bound, and the "epoch".

        It is empty where no bound is recorded.
        """
        epochs, bounds = self.series("bound")
        finite = [
            (bound, -epoch) for epoch, bound in zip(epochs, bounds, strict=True) if abs(bound) < float("inf")
        ]
        if not finite:
            return {}
        epoch = -max(finite)[1]
        terms = next(record["held_out"] for record in self.history if record["epoch"] == epoch)
        return {**{name.removeprefix("0."): value for name, value in terms.items()}, "epoch": epoch}

    @property
    def evaluation(self) -> dict[str, Any]:
        """What `evaluate`, or else the run's sweep, has found of the weights as they are, by name.

        It is empty where neither has judged them, where the weights have changed since, or where the file
        cannot be read.
        """
        return self._found(EVALUATION) or self._found(JUDGEMENT)

    def _found(self, name: str) -> dict[str, Any]:
        try:
            found = strict_json.read(self.folder / name)
        except (InputError, OSError):
            return {}
        steps = self.history[-1]["step"] if self.history else 0
        metrics = found.get("metrics") if isinstance(found, dict) and found.get("step") == steps else None
        return metrics if isinstance(metrics, dict) else {}


def read_run(folder: str | Path) -> Reading:
    """Read the run in a folder, whatever its state; what cannot be read becomes the reading's `damage`."""
    folder = Path(folder)
    config, running = None, is_held(folder)
    try:
        if running and not (folder / "config.json").exists():
            return Reading(folder, running=True)
        config = read_config(folder / "config.json")
        checkpoint, metrics = folder / "checkpoint.safetensors", folder / "metrics.jsonl"
        if not checkpoint.exists() and not (metrics.exists() and read_history(metrics)):
            return Reading(folder, config, running=running)
        saved = load_checkpoint(checkpoint, arrays=False)
        require_same_config(config, saved)
        read_history(metrics)
    except (InputError, OSError) as error:
        return Reading(folder, config, running=running, damage=" ".join(str(error).split()))
    early = bool(saved.position["stopping"]) and saved.position["epoch"] < config.epochs
    return Reading(folder, config, saved.position["history"], early, running, digest=saved.data)


def read_runs(folder: str | Path) -> list[Reading]:
    """Read every run in a folder and below it, in the order of names, with run-2 before run-10.

    InputError where there is no such folder. Folders that may not be read are skipped.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder} should be a folder of runs, found {'a file' if folder.exists() else 'nothing there'}"
        )
    found = [Path(place) for place, _, names in os.walk(folder) if any(name in names for name in FILES)]
    return [read_run(one) for one in sorted(found, key=lambda one: _in_order(str(one)))]


def _in_order(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers within names by their size."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _first(terms: dict[str, float], term: str) -> float | None:
    return terms.get(term, terms.get(f"0.{term}"))
