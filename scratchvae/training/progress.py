"""A bar that shows a run while it goes."""

import sys
from typing import TextIO

from tqdm import tqdm

from scratchvae.training.loop import Training


class ProgressBar:
    """A callback: examples seen out of all, and the running means of the epoch's terms in nats per example."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file or sys.stderr
        self.bar: tqdm | None = None

    def __call__(self, training: Training, event: str) -> None:
        if event == "end":
            if self.bar is not None:
                self.bar.close()
            return
        size = len(training.data)
        if self.bar is None:
            self.bar = tqdm(total=training.epochs * size, unit=" images", unit_scale=True, file=self.file, dynamic_ncols=True)
        seen = training.epoch * size + training.position
        if event == "step":
            means = {name: total / training.position for name, total in training.totals.items()}
            self.bar.set_description(f"epoch {training.epoch + 1}/{training.epochs}", refresh=False)
        else:
            means = training.history[-1].get("held_out", training.history[-1]["train"])
        self.bar.set_postfix({name: f"{mean:.2f}" for name, mean in means.items() if name != "loss"}, refresh=False)
        self.bar.update(seen - self.bar.n)
