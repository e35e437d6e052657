"""A bar that shows the progress of a run."""

import sys
import warnings
from typing import Any, TextIO

from scratchvae.training.loop import Training


class ProgressBar:
    """A callback that shows how many examples were seen, and the running means of the epoch's terms.

    The means are in nats per example. In a notebook it is tqdm's bar of widgets, or of text where ipywidgets
    is missing. Where `file` is neither a terminal nor left to the notebook, it prints a line for each epoch.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.moves = file.isatty() if file else sys.stderr.isatty() or in_notebook()
        self.file = file or sys.stderr
        self.bar: Any = None

    def __call__(self, training: Training, event: str) -> None:
        if not self.moves:
            if event == "epoch":
                print(
                    f"epoch {training.epoch}/{training.epochs}: {_words(_judged(training))}",
                    file=self.file,
                    flush=True,
                )
            return
        size = training.examples_an_epoch
        seen = training.epoch * size + training.position
        if self.bar is None:
            total = training.epochs * size
            self.bar = _bar_class()(
                total=total,
                initial=seen,
                unit=" examples",
                unit_scale=True,
                file=self.file,
                dynamic_ncols=True,
            )
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


def in_notebook() -> bool:
    """Whether the process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def _bar_class() -> Any:
    """tqdm's bar for a notebook or for a terminal.

    tqdm's warning that ipywidgets are missing is not shown.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm


def _judged(training: Training) -> dict[str, float]:
    """The last epoch's means, on held-out data where there are any."""
    record = training.history[-1]
    return record.get("held_out", record["train"])


def _words(means: dict[str, float]) -> str:
    return ", ".join(
        f"{name} {mean:.2f}" for name, mean in means.items() if name != "loss" or len(means) == 1
    )
