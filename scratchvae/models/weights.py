"""The weights that a model holds: where a fit starts from, what it leaves, and their names in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import (
    Buffer,
    Owner,
    Parameter,
    load_state_dict,
    named_buffers,
    named_parameters,
    state_dict,
)
from scratchvae.models.summary import Row, Summary, learned, remembered


class Weights(Owner):
    """The Parameters and Buffers of a model, or of its `model_` where it has built one."""

    model_: Any
    _has_networks: Callable[[], bool]
    first_weights: Mapping[str, Array] = MappingProxyType({})  # a fit starts from these
    left_weights: Mapping[str, Array] = MappingProxyType({})  # the last fit has ended with these

    def to_torch_state_dict(self) -> dict[str, Array]:
        """Copies of all weights in the names and layouts of a PyTorch state dict.

        A Linear's weight is (out, in). `{name: torch.from_numpy(array) for …}` makes tensors of the arrays,
        and layers.save_state_dict writes them to a file.
        """
        return state_dict(self.model_)

    def load_torch_state_dict(self, arrays: Mapping[str, Any]) -> Self:
        """Take over the weights of a PyTorch state dict, as arrays or as tensors on the CPU.

        It returns the model. InputError, with nothing changed, where a name or a shape does not fit.
        """
        load_state_dict(self.model_, {name: np.asarray(array) for name, array in arrays.items()})
        return self

    def summary(self) -> Summary:
        """A table, which prints itself, of the model's parts with their shapes and learned numbers."""
        model = self.model_
        return Summary(type(self).__name__, tuple(model._rows()), learned(model), remembered(model))

    def _rows(self) -> Iterable[Row]:
        """The rows of the table that `summary` returns."""
        return [
            Row(name, "Parameter", str(held.value.shape), held.value.size)
            for name, held in named_parameters(self).items()
        ]

    def _html_below(self) -> str:
        return self.summary()._repr_html_() if self._has_networks() else ""

    def _start(self, warm_start: bool) -> None:
        """Go back to the first weights before a fit, unless it is a warm start.

        Weights that have changed since the last fit become the first ones, and stay.
        """
        held = self._held()
        if weights_differ(held, self.left_weights):
            self.first_weights = {name: owner.value.copy() for name, owner in held.items()}
        elif not warm_start:
            self._take(self.first_weights)

    def _take(self, weights: Mapping[str, Array]) -> None:
        for name, owner in self._held().items():
            owner.value = weights[name].astype(owner.value.dtype)

    def _leave(self) -> None:
        """Remember the weights that a fit ends with."""
        self.left_weights = {name: owner.value.copy() for name, owner in self._held().items()}

    def _held(self) -> dict[str, Parameter | Buffer]:
        return named_parameters(self) | named_buffers(self)


def weights_differ(held: Mapping[str, Parameter | Buffer], left: Mapping[str, Array]) -> bool:
    """Whether the weights of a model are other ones than the last fit ended with.

    They are compared to the precision of the model.
    """
    return held.keys() != left.keys() or not all(
        np.array_equal(owner.value, left[name].astype(owner.value.dtype), equal_nan=True)
        for name, owner in held.items()
    )
