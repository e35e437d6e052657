"""Runs read from their folders, without their data, their models or their weights: what `list` and `compare`
show.
"""

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
EVALUATION = "evaluation.json"  # what `evaluate` has last found
JUDGEMENT = "judgement.json"  # what a finished run of a sweep is judged to be


@dataclass(frozen=True)
class Reading:
    """What a run's folder says of the run.

    config    None where it can't be read
    history   the records of the epochs that are done
    early     whether the run has ended before its last epoch, since held-out data stopped gaining
    running   whether a process trains in the folder
    damage    a sentence about the file that can't be read; empty where all can
    digest    of the data that the run is trained on, where its checkpoint knows that
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
        """In few words: done, stopped early, damaged, or at which epoch the run is or was left."""
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
        """How long the epochs have taken that are done."""
        return float(sum(record["seconds"] for record in self.history))

    def series(self, term: str, part: str = "held_out") -> tuple[list[int], list[float]]:
        """The epochs whose records hold the term, and its values there; of several phases that of the first."""
        found = [(one["epoch"], _first(one[part], term)) for one in self.history if part in one]
        known = [(epoch, value) for epoch, value in found if value is not None]
        return [epoch for epoch, _ in known], [value for _, value in known]

    @property
    def best(self) -> dict[str, float]:
        """The held-out terms of the epoch with the highest held-out bound, and the "epoch"; nothing where
        none is recorded.
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
        """What `evaluate`, or else the sweep that the run is one of, has found of the weights as they are, by
        name.

        It is empty where neither has, or where the weights have changed since, or the file can't be read.
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
    """The run in a folder, whatever state it is in: what can't be read becomes the reading's `damage`."""
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
    """Every run in a folder and below it, in the order of their names, in which run-2 comes before run-10.

    InputError where there is no such folder. What may not be looked into is passed over.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder} should be a folder of runs, found {'a file' if folder.exists() else 'nothing there'}"
        )
    found = [Path(place) for place, _, names in os.walk(folder) if any(name in names for name in FILES)]
    return [read_run(one) for one in sorted(found, key=lambda one: _in_order(str(one)))]


def _in_order(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts numbers within names by their size."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _first(terms: dict[str, float], term: str) -> float | None:
    return terms.get(term, terms.get(f"0.{term}"))
