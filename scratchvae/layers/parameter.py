"""The arrays of a model: Parameters, which an optimizer learns, and Buffers, which the model remembers.

`named_parameters` and `named_buffers` find them by name.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from scratchvae.arguments import as_float
from scratchvae.arrays import Array


class Parameter:
    """A learned array of float32 or float64, and the gradient that it has received since the last step.

    The gradient is None where it has received none.
    """

    def __init__(self, value: Array) -> None:
        self.value = value
        self.grad: Array | None = None

    @property
    def value(self) -> Array:
        """The learned array. InputError where it is set to anything but an array of float32 or float64."""
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

    The attribute called `transparent` is left out of dotted paths: "encoder.0.weight", not
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
    """Every Parameter below `owner`, once, by its dotted path ("encoder.0.weight").

    They stand in the order of definition.
    """
    return {name: found for name, found in _walk(owner, "", set()) if isinstance(found, Parameter)}


def named_buffers(owner: Any) -> dict[str, Buffer]:
    """Every Buffer below `owner` by its dotted path."""
    return {name: found for name, found in _walk(owner, "", set()) if isinstance(found, Buffer)}


def dtype_of(owner: Any) -> np.dtype[Any]:
    """The dtype of the Parameters below `owner`, to which its input should be converted."""
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
    """A member in the repr of its owner: a Parameter is shown by its shape, and a layer by its own repr.

    A function is not shown.
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
