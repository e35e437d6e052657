"""A run's state in one safetensors file, written whole: arrays, and a JSON description in its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae import strict_json
from scratchvae.arrays import Array, InputError, require_flag
from scratchvae.data import read_safetensors, read_safetensors_metadata
from scratchvae.files import write_whole
from scratchvae.layers import named_buffers, named_parameters
from scratchvae.objectives import Trainable
from scratchvae.schema import Anything, Flag, Kind, Listing, Number, Record, Table, Whole, check
from scratchvae.training.divergence import Diverged
from scratchvae.training.loop import Training

VERSION = 1
TERMS = Table(Number(finite=False))  # a mean may be infinite or NaN where the weights are still finite
RECORD = Record(  # the record of an epoch, as `Training` describes it
    {"epoch": Whole(1), "step": Whole(1), "seconds": Number(0), "learning_rate": Number(0), "train": TERMS},
    {"held_out": TERMS},
)
POSITION: dict[str, Kind] = {  # the attributes of a Training that JSON keeps
    "step": Whole(),
    "epoch": Whole(),
    "position": Whole(),
    "totals": TERMS,
    "seconds": Number(0),
    "history": Listing(RECORD),
    "stopping": Flag(),
}


@dataclass(frozen=True)
class Checkpoint:
    """The content of the file at `path`.

    `config` describes the run, `position` is the place in it, and `arrays` are the arrays by name.
    """

    path: Path
    config: dict[str, Any]
    position: dict[str, Any]
    arrays: dict[str, Array]
    data: str | None = None  # the digest of the training data, where it is known


def save_checkpoint(
    path: Path, training: Training, config: Mapping[str, Any], *, data: str | None = None
) -> None:
    """Write the run's whole state, and the digest of its `data` where it is given.

    Raises Diverged, and the old file stays, where weights are not finite, or slots of an optimizer are NaN.
    """
    from safetensors import numpy as safetensors  # imported here: a training alone needs no files of weights

    arrays = {f"model/{name}": held.value for name, held in _held(training.model).items()}
    arrays |= {f"best/{name}": array for name, array in training.best.items()}
    for i, phase in enumerate(training.phases):
        arrays |= {f"optimizer/{i}/{name}": array for name, array in phase.optimizer.state().items()}
    for name, array in arrays.items():
        if _is_lost(name, array):
            found = f"step {training.step}: {name.removeprefix('model/')} is not finite any more"
            raise Diverged(f"{found}; {path} keeps the last good state")
    position = {key: getattr(training, key) for key in POSITION}
    description = {"format": "scratchvae checkpoint", "version": str(VERSION)}
    description |= {
        "config": strict_json.dump_finite(str(path), dict(config)),
        "position": strict_json.dump(position),  # a term of a loss may be infinite where its weight is 0
    }
    description |= {} if data is None else {"data": data}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(path, safetensors.save(whole, description))


def load_checkpoint(path: Path, *, arrays: bool = True) -> Checkpoint:
    """Read a checkpoint, whole, of this version, and with finite weights. InputError for anything else.

    A file of more bytes than `data.limits` allows is refused too. With arrays=False only the file's beginning
    is read, and the Checkpoint has no arrays.
    """
    require_flag("load_checkpoint", "arrays", arrays)
    if not path.exists():
        raise InputError(f"{path} should be a checkpoint, found no such file")
    held, description = read_safetensors(path) if arrays else ({}, read_safetensors_metadata(path))
    if description.get("format") != "scratchvae checkpoint":
        raise InputError(
            f"{path} should be a scratchvae checkpoint, found a safetensors file of another kind"
        )
    if description.get("version") != str(VERSION):
        found = description.get("version")
        raise InputError(f"{path} should be a checkpoint of version {VERSION}, found version {found!r:.40}")
    for name, array in held.items():
        if _is_lost(name, array):
            found = f"found {np.count_nonzero(~np.isfinite(array)):,} entries of {array.size:,} that are not"
            raise InputError(
                f"{path}: {name} should be finite, {found}; put back an earlier copy, or train the run anew"
            )
    kinds: dict[str, Kind] = {"config": Table(Anything()), "position": Record(POSITION)}
    parts = {}
    for part, kind in kinds.items():
        if part not in description:
            raise InputError(f"{path} should be a scratchvae checkpoint; its {part} is missing")
        parts[part] = check(strict_json.parse(description[part], f"{path}: {part}"), kind, str(path), part)
    return Checkpoint(path, **parts, arrays=held, data=description.get("data"))


def restore_model(checkpoint: Checkpoint, model: Trainable, *, best: bool = False) -> None:
    """Give the model the checkpoint's weights and buffers.

    With `best` they are those of the best epoch, where the run has kept them. InputError, with nothing
    changed, where the model and the checkpoint don't fit.
    """
    require_flag("restore_model", "best", best)
    fitting = _fitting(checkpoint, model)
    if best and any(name.startswith("best/") for name in checkpoint.arrays):
        fitting = _fitting(checkpoint, model, "best/")
    for name, held in _held(model).items():
        held.value = fitting[name]


def restore_training(checkpoint: Checkpoint, training: Training) -> None:
    """Put a freshly built run where the saved one stood.

    InputError, with nothing changed, where the two don't fit.
    """
    _fitting(checkpoint, training.model)
    best = _below("best/", checkpoint.arrays)
    if best:
        _fitting(checkpoint, training.model, "best/")
    _require_place(checkpoint, training)
    states = [_below(f"optimizer/{i}/", checkpoint.arrays) for i in range(len(training.phases))]
    for i, (phase, state) in enumerate(zip(training.phases, states, strict=True)):
        _require_slots(state, phase.optimizer.slot_names, training, f"{checkpoint.path}: optimizer/{i}")
    for phase, state in zip(training.phases, states, strict=True):
        phase.optimizer.load_state(state)
    restore_model(checkpoint, training.model)
    training.best = best
    for key in POSITION:
        setattr(training, key, checkpoint.position[key])


def _require_place(checkpoint: Checkpoint, training: Training) -> None:
    """Raise InputError unless the position and the history are possible for this training."""
    place, where = checkpoint.position, f"{checkpoint.path}: position"
    if place["position"] > len(training.data):
        raise InputError(
            f"{where}.position should be at most {len(training.data)}, the "
            f"examples; found {place['position']}"
        )
    if len(place["history"]) != place["epoch"]:
        found = f"found {len(place['history'])}"
        raise InputError(
            f"{where}.history should have {place['epoch']} records, as many as epochs are done; {found}"
        )
    loss = "loss" if len(training.phases) == 1 else "0.loss"
    parts = ("train",) if training.held_out is None else ("train", "held_out")
    for i, record in enumerate(place["history"]):
        if ("held_out" in record) != ("held_out" in parts) or any(loss not in record[part] for part in parts):
            raise InputError(
                f"{where}.history[{i}] should hold {loss} in {' and '.join(parts)}, and no other part"
            )


def _require_slots(
    state: Mapping[str, Array], slots: tuple[str, ...], training: Training, where: str
) -> None:
    """Raise InputError unless the slots have the shapes and dtypes of their Parameters.

    The counts of updates should be one whole number.
    """
    for name, array in state.items():
        kind, _, parameter = name.partition("/")
        if kind in ("steps_taken", "updates"):
            if array.shape != (1,) or array.dtype.kind not in "iu" or array[0] < 0:
                raise InputError(
                    f"{where}/{name} should be one whole number from 0, found "
                    f"{array.dtype} of shape {array.shape}"
                )
        elif kind in slots:
            if parameter not in training.parameters:
                raise InputError(
                    f"{where}/{name} should be of one of the model's parameters, found {parameter!r:.80}"
                )
            value = training.parameters[parameter].value
            if (array.shape, array.dtype) != (value.shape, value.dtype):
                found = f"{array.dtype} of shape {array.shape}"
                raise InputError(
                    f"{where}/{name} should be {value.dtype} of shape {value.shape}, found {found}"
                )


def _is_lost(name: str, array: Array) -> bool:
    """Whether training can't go on from this array, a weight that is not finite or a slot that is NaN."""
    if array.dtype.kind != "f":
        return False
    return bool(np.isnan(array).any() if name.startswith("optimizer/") else not np.isfinite(array).all())


def require_fitting(where: str, held: Mapping[str, Any], saved: Mapping[str, Array]) -> None:
    """InputError where the saved arrays are not those of the Parameters and Buffers that are `held`.

    Each name has to be there, and no other, with its shape and its dtype. The message begins with `where`.
    """
    if missing := sorted(held.keys() - saved.keys()):
        raise InputError(f"{where}: it has no {missing[0]}, which this model needs")
    if surplus := sorted(saved.keys() - held.keys()):
        raise InputError(f"{where}: it has {surplus[0]:.80}, which this model has not")
    for name, owner in held.items():
        if saved[name].shape != owner.value.shape:
            raise InputError(
                f"{where}: {name} should have shape {owner.value.shape}, found {saved[name].shape}"
            )
        if saved[name].dtype != owner.value.dtype:
            raise InputError(f"{where}: {name} should be {owner.value.dtype}, found {saved[name].dtype}")


def _fitting(checkpoint: Checkpoint, model: Trainable, prefix: str = "model/") -> dict[str, Array]:
    """The checkpoint's arrays for the model, by the model's names. InputError where they do not fit."""
    saved = _below(prefix, checkpoint.arrays)
    require_fitting(f"{checkpoint.path} is a checkpoint of another model", _held(model), saved)
    return saved


def _below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _held(model: Trainable) -> dict[str, Any]:
    return {**named_parameters(model), **named_buffers(model)}
