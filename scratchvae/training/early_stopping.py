"""Stopping a training when the held-out loss no longer falls."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import InputError, require_count
from scratchvae.layers import named_buffers
from scratchvae.training.loop import Training


@dataclass(frozen=True)
class EarlyStopping:
    """A callback that ends the run after `patience` epochs without a lower held-out loss.

    It then gives the model the best epoch's weights. The loss of a run with several phases is that of the
    first. A run that diverges goes back to the best epoch too. A held-out loss that is no number ends the run
    by Diverged before it reaches this callback.
    """

    patience: int = 5

    def __post_init__(self) -> None:
        require_count("EarlyStopping", "patience", self.patience, 1)

    def __call__(self, training: Training, event: str) -> None:
        if event not in ("epoch", "end", "diverged"):
            return
        if training.held_out is None:
            raise InputError("EarlyStopping: there should be held-out data to stop by, found none")
        state = training.parameters | named_buffers(training.model)
        if event == "epoch":
            loss = "loss" if len(training.phases) == 1 else "0.loss"
            losses = [record["held_out"][loss] for record in training.history]
            best = int(np.argmin(losses))
            if best == len(losses) - 1:
                training.best = {name: held.value for name, held in state.items()}
            training.stopping = len(losses) - 1 - best >= self.patience
        elif training.best:
            for name, held in state.items():
                held.value = training.best[name]
