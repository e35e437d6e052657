"""A model's arrays in the names and layouts of a PyTorch state dict, and as safetensors files.

Nothing here needs torch.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.data import read_named_arrays
from scratchvae.files import write_whole
from scratchvae.layers.linear import Linear
from scratchvae.layers.parameter import Owner, named_buffers, named_parameters


def state_dict(owner: Owner) -> dict[str, Array]:
    """Copies of every Parameter and Buffer by its dotted path, a Linear's weight transposed to (out, in)."""
    turned = _turned(owner)
    return {
        name: np.array(held.value.T if id(held) in turned else held.value)
        for name, held in _named(owner).items()
    }


def load_state_dict(owner: Owner, arrays: Mapping[str, Array]) -> None:
    """Take over what `state_dict` returned, or PyTorch's `state_dict()` as arrays.

    Each Parameter and Buffer takes the dtype of its array. PyTorch's counters (num_batches_tracked) are
    passed over. InputError, with nothing changed, where names or shapes don't fit.
    """
    held, turned = _named(owner), _turned(owner)
    given = {
        name: np.asarray(array) for name, array in arrays.items() if not name.endswith("num_batches_tracked")
    }
    missing, extra = sorted(held.keys() - given.keys()), sorted(given.keys() - held.keys())
    if missing or extra:
        lacks, has = ", ".join(missing) or "none", ", ".join(extra) or "none"
        raise InputError(f"load_state_dict: the names should be the model's; missing {lacks}, unknown {has}")
    values = {name: array.T if id(held[name]) in turned else array for name, array in given.items()}
    for name, value in values.items():
        if value.shape != held[name].value.shape:
            expected = held[name].value.T.shape if id(held[name]) in turned else held[name].value.shape
            raise InputError(
                f"load_state_dict: {name} should have shape {expected}, found {given[name].shape}"
            )
    for name, value in values.items():
        held[name].value = np.ascontiguousarray(value)


def save_state_dict(owner: Owner, path: Path) -> None:
    """`state_dict` as a safetensors file, which PyTorch's users read by safetensors.torch.load_file."""
    from safetensors.numpy import save

    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in state_dict(owner).items()}))


def read_state_dict(owner: Owner, path: Path) -> None:
    """`load_state_dict` from a .safetensors (or .npz) file."""
    load_state_dict(owner, read_named_arrays(path))


def _named(owner: Owner) -> dict[str, Any]:
    return {**named_parameters(owner), **named_buffers(owner)}


def _turned(owner: Owner) -> set[int]:
    """The identities of the Parameters that PyTorch holds transposed."""
    return {id(linear.weight) for linear in _linears(owner)}


def _linears(owner: Any) -> Iterator[Linear]:
    if isinstance(owner, Linear):
        yield owner
    members = (
        vars(owner).values() if isinstance(owner, Owner) else owner if isinstance(owner, list | tuple) else ()
    )
    for member in members:
        yield from _linears(member)
