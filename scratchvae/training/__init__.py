"""The way from an objective to a trained model: one step, the loop around it, and the state of a run.

The state is all that a run needs to stop and go on.
"""

from scratchvae.training.checkpoint import (
    RECORD,
    Checkpoint,
    load_checkpoint,
    require_fitting,
    restore_model,
    restore_training,
    save_checkpoint,
)
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.divergence import Diverged
from scratchvae.training.early_stopping import EarlyStopping
from scratchvae.training.full_batch import Minimum, minimize
from scratchvae.training.loop import Callback, Training, steps_of_an_epoch
from scratchvae.training.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop
from scratchvae.training.progress import ProgressBar
from scratchvae.training.randomness import Purpose, generator
from scratchvae.training.schedules import Constant, Cosine, StepDecay
from scratchvae.training.step import Phase, phases_of, train_step

__all__ = [
    "OPTIMIZERS",
    "RECORD",
    "SGD",
    "Adam",
    "AdamW",
    "Callback",
    "Checkpoint",
    "Constant",
    "Cosine",
    "Diverged",
    "EarlyStopping",
    "Minimum",
    "Optimizer",
    "Phase",
    "ProgressBar",
    "Purpose",
    "RMSprop",
    "StepDecay",
    "Training",
    "clip_by_norm",
    "generator",
    "load_checkpoint",
    "minimize",
    "phases_of",
    "require_fitting",
    "restore_model",
    "restore_training",
    "save_checkpoint",
    "steps_of_an_epoch",
    "train_step",
]
