"""The keeper of a run writes its checkpoint and its metrics while it is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratchvae.files import write_whole
from scratchvae.runs.agreement import CHECKPOINT
from scratchvae.runs.kept_prior import drop_outdated
from scratchvae.runs.records import as_csv, as_lines
from scratchvae.training import Training, save_checkpoint


@dataclass(frozen=True)
class Keeper:
    """A callback that writes the checkpoint and the metrics at the start and after each epoch.

    A prior that was kept at another step is removed before, so that none stands beside other weights.

    folder   the run's folder
    entries  the entries of the run's config, which the checkpoint keeps
    digest   the digest of the run's data, which the checkpoint keeps too
    every    the keeper also writes after every so many steps, unless this is 0
    """

    folder: Path
    entries: Mapping[str, Any]
    digest: str
    every: int = 0

    def __call__(self, training: Training, event: str) -> None:
        due = self.every and training.step % self.every == 0
        if event in ("end", "diverged") or (event == "step" and not due):
            return
        drop_outdated(self.folder, training.step)
        save_checkpoint(self.folder / CHECKPOINT, training, dict(self.entries), data=self.digest)
        write_whole(self.folder / "metrics.jsonl", as_lines(training.history).encode())
        write_whole(self.folder / "metrics.csv", as_csv(training.history).encode())
