"""TensorBoard shows curves while a run is trained."""

from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError
from scratchvae.training import Training

FOLDER = "tensorboard"  # a folder within the run's


class TensorBoard:
    """A callback that writes each epoch's terms for TensorBoard.

    `tensorboard --logdir runs` shows all runs of that folder. A term of the loss is called kl/train and
    kl/held_out, so that both are in one panel. InputError where neither the package tensorboard nor
    tensorboardX is installed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.writer = _writer(Path(folder) / FOLDER)

    def __call__(self, training: Training, event: str) -> None:
        if event == "epoch":
            record = training.history[-1]
            for part in ("train", "held_out"):
                for term, mean in record.get(part, {}).items():
                    self.writer.add_scalar(f"{term}/{part}", mean, training.step)
            self.writer.add_scalar("learning_rate", record["learning_rate"], training.step)
            self.writer.flush()
        elif event in ("end", "interrupt", "diverged"):
            self.writer.close()


def require_tensorboard() -> None:
    """InputError where no package is installed that writes for TensorBoard."""
    _writer_class()


def _writer(folder: Path) -> Any:
    return _writer_class()(str(folder))


def _writer_class() -> Any:
    try:
        from tensorboard.summary import Writer

        return Writer
    except ImportError:
        pass
    try:
        from tensorboardX import SummaryWriter

        return SummaryWriter
    except ImportError:
        raise InputError("--tensorboard needs the package tensorboard: pip install tensorboard") from None
