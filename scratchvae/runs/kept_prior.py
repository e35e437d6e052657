"""A prior that was fitted after training is kept in a file of its own, beside the checkpoint of its run."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae import strict_json
from scratchvae.arrays import Array, InputError
from scratchvae.data import read_safetensors, read_safetensors_metadata
from scratchvae.files import write_whole
from scratchvae.layers import named_buffers, named_parameters
from scratchvae.models import LatentVariableModel, prior_over_codes
from scratchvae.schema import Record, Text, Whole, check
from scratchvae.training import require_fitting

PRIOR = "prior.safetensors"
FORMAT, VERSION = "scratchvae prior", "1"
ABOUT = Record({"prior": Text(), "step": Whole(), "weights": Text()})


@dataclass(frozen=True)
class KeptPrior:
    """The content of the file at `path`.

    prior    the choice of the prior in words, as --prior takes it
    step     the step of the checkpoint whose codes the prior was fitted to
    weights  the digest of the weights that gave these codes
    arrays   the prior's own Parameters and Buffers by name; empty where only the file's beginning was read
    """

    path: Path
    prior: str
    step: int
    weights: str
    arrays: Mapping[str, Array]

    def __str__(self) -> str:
        return f"{self.prior}, which was fitted after step {self.step:,} and is kept in {self.path.name}"


def keep_prior(folder: Path, model: LatentVariableModel, prior: str, *, step: int) -> Path:
    """Write the model's prior into the folder of its run, and return the path of the file.

    `prior` is the choice that it was fitted as, and `step` the step of the run's checkpoint. The file holds
    no weights of encoder, posterior or decoder. A kept prior that is there is replaced. InputError where a
    weight is not finite, or where the file cannot be written.
    """
    from safetensors.numpy import save

    path, (own, _) = folder / PRIOR, _held(model)
    arrays = {name: np.ascontiguousarray(held.value) for name, held in own.items()}
    _require_finite(path, arrays)
    about = {"prior": prior, "step": step, "weights": digest_of_weights(model)}
    description = {"format": FORMAT, "version": VERSION, "about": strict_json.dump(about)}
    write_whole(path, save(arrays, description))
    return path


def read_prior(path: Path, *, arrays: bool = True) -> KeptPrior:
    """Read what `keep_prior` has written. Nothing in the file is executed or unpickled.

    With arrays=False only the file's beginning is read. InputError for another file, a damaged one, one of a
    newer version, or one with weights that are not finite.
    """
    held, description = read_safetensors(path) if arrays else ({}, read_safetensors_metadata(path))
    if description.get("format") != FORMAT:
        other = description.get("format") or "safetensors file of another kind"
        raise InputError(f"{path} should be a kept prior, found a {other:.40}")
    if description.get("version") != VERSION:
        found = description.get("version")
        raise InputError(f"{path} should be a kept prior of version {VERSION}, found version {found!r:.40}")
    about = check(strict_json.parse(description.get("about", ""), f"{path}: about"), ABOUT, str(path))
    _require_finite(path, held)
    return KeptPrior(path, arrays=held, **about)


def with_kept_prior(folder: Path, model: Any) -> KeptPrior | None:
    """Give the model the prior that is kept in the folder of its run, and log it; None where none is kept.

    InputError, with the model unchanged, where the file is damaged, where its prior is of another model, or
    where it was fitted to codes of other weights.
    """
    path = folder / PRIOR
    if not path.exists():
        return None
    try:
        kept = read_prior(path)
        if not isinstance(model, LatentVariableModel):
            raise InputError(f"{path} is a prior of another model: this is a {type(model).__name__}")
        if kept.weights != digest_of_weights(model):
            expected = "should be fitted to the codes of the run's weights as they are"
            raise InputError(f"{path} {expected}; found one for other weights, of step {kept.step:,}")
        before, model.prior = model.prior, prior_over_codes(model, kept.prior, where=str(path))
        own, _ = _held(model)
        try:
            require_fitting(f"{path} is a prior of another model", own, kept.arrays)
        except InputError:
            model.prior = before
            raise
    except InputError as error:
        said = str(error) if str(path) in str(error) else f"{path}: {error}"
        remedy = "remove it to have the trained prior, or replace it by sample --fit-prior PRIOR --keep-prior"
        raise InputError(f"{said}: {remedy}") from None
    for name, owner in own.items():
        owner.value = kept.arrays[name]
    logging.getLogger("scratchvae").info("%s: the prior is %s", folder, kept)
    return kept


def drop_outdated(folder: Path, step: int) -> None:
    """Remove the prior that is kept in the folder, and log it, where it was fitted at another step.

    Training has changed the codes since. A file that is no kept prior stays.
    """
    path = folder / PRIOR
    if path.exists():
        with suppress(InputError):
            kept = read_prior(path, arrays=False)
            if kept.step != step:
                path.unlink()
                said = "%s is removed: its prior, %s, was fitted to the codes of step %d, not of step %d"
                logging.getLogger("scratchvae").info(said, path, kept.prior, kept.step, step)


def digest_of_weights(model: Any) -> str:
    """Return the SHA-256 of all weights of a model except its prior's: names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name, held in _held(model)[1].items():
        value = np.ascontiguousarray(held.value, held.value.dtype.newbyteorder("<"))
        found.update(f"{name} {value.dtype.str} {value.shape}".encode())
        found.update(value.data)
    return found.hexdigest()


def _held(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the Parameters and Buffers that are the prior's own, and those of all other parts."""
    held = {**named_parameters(model), **named_buffers(model)}
    own = {name: owner for name, owner in held.items() if name.startswith("prior.")}
    return own, {name: owner for name, owner in held.items() if name not in own}


def _require_finite(path: Path, arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"{path}: {name:.80} should be finite, found entries that are not")
