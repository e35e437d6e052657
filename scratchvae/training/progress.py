"""A bar that shows a run while it goes."""

import sys
from typing import TextIO

from tqdm import tqdm

from scratchvae.training.loop import Training


class ProgressBar:
    """A callback: examples seen out of all, and the running means of the epoch's terms in nats per example.

    Where `file` is no terminal, a line an epoch.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file or sys.stderr
        self.bar: tqdm | None = None

    def __call__(self, training: Training, event: str) -> None:
        if not self.file.isatty():
            if event == "epoch":
                print(f"epoch {training.epoch}/{training.epochs}: {_words(_judged(training))}", file=self.file, flush=True)
            return
        size = training.examples_an_epoch
        seen = training.epoch * size + training.position
        if self.bar is None:
            total = training.epochs * size
            self.bar = tqdm(total=total, initial=seen, unit=" images", unit_scale=True, file=self.file, dynamic_ncols=True)
        if event in ("end", "interrupt", "diverged"):
            self.bar.close()
        if event not in ("step", "epoch"):
            return
        if event == "step":
            self.bar.set_description(f"epoch {training.epoch + 1}/{training.epochs}", refresh=False)
            means = {name: total / training.position for name, total in training.totals.items()}
        else:
            means = _judged(training)
        self.bar.set_postfix_str(_words(means), refresh=False)
        self.bar.update(seen - self.bar.n)


def _judged(training: Training) -> dict[str, float]:
    """The last epoch's means, on held-out data where there are any."""
    record = training.history[-1]
    return record.get("held_out", record["train"])


def _words(means: dict[str, float]) -> str:
    return ", ".join(f"{name} {mean:.2f}" for name, mean in means.items() if name != "loss" or len(means) == 1)
