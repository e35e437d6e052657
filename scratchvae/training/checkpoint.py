"""A run's state in one safetensors file, written whole: arrays, and a JSON description in its metadata."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from scratchvae.arrays import Array, InputError
from scratchvae.files import strict_json, write_whole
from scratchvae.layers import named_buffers, named_parameters
from scratchvae.objectives import Trainable
from scratchvae.training.divergence import Diverged
from scratchvae.training.loop import Training

VERSION = 1
POSITION = ("step", "epoch", "position", "totals", "seconds", "history", "stopping")  # what JSON keeps of a Training


@dataclass(frozen=True)
class Checkpoint:
    """What a file held: `config`, whatever the run was described by, `position` in it, and `arrays` by name."""

    config: dict[str, Any]
    position: dict[str, Any]
    arrays: dict[str, Array]


def save_checkpoint(path: Path, training: Training, config: Mapping[str, Any]) -> None:
    """Write the run's whole state. Weights that are not finite are not written: Diverged, and the old file stays."""
    arrays = {f"model/{name}": held.value for name, held in _held(training.model).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            found = f"step {training.step}: {name.removeprefix('model/')} is not finite any more"
            raise Diverged(f"{found}; {path} keeps the last good state")
    arrays |= {f"best/{name}": array for name, array in training.best.items()}
    for i, phase in enumerate(training.phases):
        arrays |= {f"optimizer/{i}/{name}": array for name, array in phase.optimizer.state().items()}
    position = {key: getattr(training, key) for key in POSITION}
    description = {"format": "scratchvae checkpoint", "version": str(VERSION)}
    where = str(path)
    description |= {"config": strict_json(where, dict(config)), "position": strict_json(where, position)}
    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, description))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; InputError for anything that isn't one, whole and of this version."""
    try:
        with safe_open(path, framework="numpy") as file:
            description = file.metadata() or {}
            if description.get("format") != "scratchvae checkpoint":
                raise InputError(f"{path} should be a scratchvae checkpoint, found a safetensors file of another kind")
            if description.get("version") != str(VERSION):
                found = description.get("version")
                raise InputError(f"{path} should be a checkpoint of version {VERSION}, found version {found}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        position = json.loads(description["position"])
        return Checkpoint(json.loads(description["config"]), {key: position[key] for key in POSITION}, arrays)
    except FileNotFoundError:
        raise InputError(f"{path} should be a checkpoint, found no such file") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}") from error
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} should be a scratchvae checkpoint; it is damaged or of another kind ({error})") from error


def restore_model(checkpoint: Checkpoint, model: Trainable, *, best: bool = False) -> None:
    """Give the model the checkpoint's weights and buffers; InputError, with nothing changed, where the two don't fit.

    With `best` those of the best epoch, where the run has kept them.
    """
    fitting = _fitting(checkpoint, model)
    if best and any(name.startswith("best/") for name in checkpoint.arrays):
        fitting = _fitting(checkpoint, model, "best/")
    for name, held in _held(model).items():
        held.value = fitting[name]


def restore_training(checkpoint: Checkpoint, training: Training) -> None:
    """Put a freshly built run where the saved one stood; InputError where the two don't fit."""
    _fitting(checkpoint, training.model)
    for i, phase in enumerate(training.phases):
        phase.optimizer.load_state(_below(f"optimizer/{i}/", checkpoint.arrays))
    restore_model(checkpoint, training.model)
    training.best = _below("best/", checkpoint.arrays)
    for key in POSITION:
        setattr(training, key, checkpoint.position[key])


def _fitting(checkpoint: Checkpoint, model: Trainable, prefix: str = "model/") -> dict[str, Array]:
    """The checkpoint's arrays for the model by the model's names: none missing or left over, all of the right shape and dtype."""
    saved, held = _below(prefix, checkpoint.arrays), _held(model)
    where = "the checkpoint is of another model"
    if missing := sorted(held.keys() - saved.keys()):
        raise InputError(f"{where}: it has no {missing[0]}, which this model needs")
    if surplus := sorted(saved.keys() - held.keys()):
        raise InputError(f"{where}: it has {surplus[0]}, which this model has not")
    for name, owner in held.items():
        if saved[name].shape != owner.value.shape:
            raise InputError(f"{where}: {name} should have shape {owner.value.shape}, found {saved[name].shape}")
        if saved[name].dtype != owner.value.dtype:
            raise InputError(f"{where}: {name} should be {owner.value.dtype}, found {saved[name].dtype}")
    return saved


def _below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _held(model: Trainable) -> dict[str, Any]:
    return {**named_parameters(model), **named_buffers(model)}
