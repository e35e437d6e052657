"""What a model owns:

Parameters, which are learned, and Buffers, which are remembered; and how to find them by name.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scratchvae.arguments import as_float
from scratchvae.arrays import Array


class Parameter:
    """A learned array of float32 or float64, and the gradient it has received since the last
    step (None: none yet).
    """

    def __init__(self, value: Array) -> None:
        self.value = value
        self.grad: Array | None = None

    @property
    def value(self) -> Array:
        """What is learned. InputError where it is set to anything but an array of float32 or float64."""
        return self._value

    @value.setter
    def value(self, value: Array) -> None:
        self._value = as_float("Parameter", "value", value)

    def receive(self, grad: Array) -> None:
        """Add `grad` to what was received before: a Parameter used twice gets the sum of two gradients."""
        self.grad = grad if self.grad is None else self.grad + grad

    def __repr__(self) -> str:
        return f"Parameter({self.value.shape}, {self.value.dtype})"


class Buffer:
    """An array that is part of a model's state without a gradient, such as running statistics."""

    def __init__(self, value: Array) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Buffer({self.value.shape}, {self.value.dtype})"


class Owner:
    """Anything whose attributes may hold Parameters and Buffers: layers, roles, models.

    What `transparent` names is left out of the dotted paths of what it holds: "encoder.0.weight", not
    "encoder.layers.0.weight".
    """

    transparent: ClassVar[str] = ""

    def __repr__(self) -> str:
        held = vars(self).items()
        parts = ", ".join(
            part for name, member in held if (part := _shown(name, member, name == self.transparent))
        )
        return f"{type(self).__name__}({parts})"


def named_parameters(owner: Any) -> dict[str, Parameter]:
    """Every Parameter below `owner` by its dotted path ("encoder.0.weight"), each once, in the order of
    definition.
    """
    return {name: found for name, found in _walk(owner, "", set()) if isinstance(found, Parameter)}


def named_buffers(owner: Any) -> dict[str, Buffer]:
    """Every Buffer below `owner` by its dotted path."""
    return {name: found for name, found in _walk(owner, "", set()) if isinstance(found, Buffer)}


def dtype_of(owner: Any) -> np.dtype[Any]:
    """The dtype of the Parameters below `owner`: what its input should be converted to."""
    return next(iter(named_parameters(owner).values())).value.dtype


def cast(owner: Any, dtype: npt.DTypeLike) -> None:
    """Convert every Parameter and Buffer below `owner` to `dtype`, and forget received gradients."""
    for parameter in named_parameters(owner).values():
        parameter.value, parameter.grad = parameter.value.astype(dtype), None
    for buffer in named_buffers(owner).values():
        buffer.value = buffer.value.astype(dtype)


def _walk(owner: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Parameter | Buffer]]:
    if isinstance(owner, Parameter | Buffer):
        if id(owner) not in seen:
            seen.add(id(owner))
            yield prefix, owner
        return
    if isinstance(owner, dict):
        members = [(str(key), member) for key, member in owner.items()]
    elif isinstance(owner, list | tuple):
        members = [(str(i), member) for i, member in enumerate(owner)]
    else:
        members = list(vars(owner).items()) if isinstance(owner, Owner) else []
    for name, member in members:
        hidden = isinstance(owner, Owner) and name == owner.transparent
        yield from _walk(member, prefix if hidden else f"{prefix}.{name}" if prefix else name, seen)


def _shown(name: str, member: Any, transparent: bool) -> str:
    """A member in the repr of its owner: a Parameter by its shape, layers by their reprs, and of functions
    nothing.
    """
    if transparent and isinstance(member, list | tuple):
        return ", ".join(map(repr, member))
    if isinstance(member, Parameter):
        return f"{name} {member.value.shape}"
    if (
        isinstance(member, Buffer | np.ndarray)
        or (callable(member) and not isinstance(member, Owner))
        or member in ({}, None)
    ):
        return ""
    return repr(member) if transparent else f"{name}={member!r}"
