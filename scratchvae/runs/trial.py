"""A trial is one run of a sweep: planned, trained from wherever it stands, and judged at its end."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchvae import strict_json
from scratchvae.arrays import InputError
from scratchvae.files import write_whole
from scratchvae.runs.agreement import CONFIG
from scratchvae.runs.claim import Claimed
from scratchvae.runs.config import Config, read_config
from scratchvae.runs.filling import by_data
from scratchvae.runs.folder import Run
from scratchvae.runs.interruption import Interruption
from scratchvae.runs.judgement import judge
from scratchvae.runs.reading import JUDGEMENT
from scratchvae.runs.records import read_history
from scratchvae.runs.setting import MEASURED
from scratchvae.schema import Number, Record, Table, Whole, check
from scratchvae.training import Diverged

KIND = Record({"step": Whole(), "epochs": Whole(), "metrics": Table(Number(finite=False))})
PATIENCE = 30.0  # seconds within which a process that was killed releases its folder
# The exit status of a signal that this process of a pool has received; it then begins no other run.
_asked_to_stop = 0


@dataclass(frozen=True)
class Trial:
    """A run that a sweep is to have: the settings that are its own, the whole config, and the folder."""

    settings: Mapping[str, Any]
    config: Config
    folder: Path

    def require_own(self) -> None:
        """InputError where the folder holds a run of another config."""
        path = self.folder / CONFIG
        if path.exists():
            begun = read_config(path)
            found = vars(begun)
            chosen = bool(by_data(self.config, begun))
            for name, value in vars(self.config).items():
                filled_in = (
                    name in MEASURED or (name == "kind" and value is None) or (name == "recipe" and chosen)
                )
                if found[name] != value and not filled_in:
                    said = f"{name} {found[name]!r:.80} there, {value!r:.80} here"
                    raise InputError(
                        f"{self.folder} holds a run with other settings, {said}: "
                        "choose another folder by --out"
                    )

    def finished(self) -> dict[str, Any] | None:
        """Return the judgement of the run, or None unless it has been trained to its end and judged there."""
        path, metrics = self.folder / JUDGEMENT, self.folder / "metrics.jsonl"
        if not (path.exists() and metrics.exists()):
            return None
        found: dict[str, Any] = check(strict_json.read(path), KIND, str(path))
        history: list[dict[str, Any]] = read_history(metrics)
        return found if history and history[-1]["step"] == found["step"] else None


def train_trial(folder: str, config: str, parent: int = 0) -> dict[str, Any]:
    """Start or resume the run in `folder`, train it to its end, judge it, and return the judgement.

    This is the function that an executor is given. `config` is the run's config as JSON. The result holds
    "metrics" where all went well, "failed", a sentence, where it did not, and "interrupted", the exit status,
    where a signal came. In a process other than `parent` the BLAS is limited to one thread.
    """
    global _asked_to_stop
    if _asked_to_stop:
        return {"interrupted": _asked_to_stop}
    if os.getpid() != parent:
        from threadpoolctl import threadpool_limits  # here: Python in a browser has none

        threadpool_limits(1, user_api="blas")
    try:
        found = _trained(Path(folder), Config.from_entries(strict_json.parse(config, folder), folder))
        if os.getpid() != parent:
            _asked_to_stop = found.get("interrupted", 0)
        return found
    except (InputError, Diverged, OSError, MemoryError) as error:
        return {"failed": " ".join(str(error).split()) or type(error).__name__}


def _trained(folder: Path, config: Config) -> dict[str, Any]:
    with Interruption() as interruption, _begun(folder, config) as run:
        training = run.resumed(callbacks=(run.keep(), interruption))
        training.run()
        if not interruption.status:
            found = {
                "step": training.step,
                "epochs": training.epoch,
                "metrics": judge(run, training).metrics(),
            }
            write_whole(folder / JUDGEMENT, (strict_json.dump(found, indent=2) + "\n").encode())
    return {"interrupted": interruption.status} if interruption.status else found


def _begun(folder: Path, config: Config) -> Run:
    """Return the run in the folder, which is begun if it is not there.

    A process that was killed a moment ago may still hold the folder, so this waits for it.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return Run.resume(folder) if (folder / CONFIG).exists() else Run.start(folder, config)
        except Claimed:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
