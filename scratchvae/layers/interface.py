"""The interface that every layer has, and the mode, training or evaluation, in which it runs."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, Pullback
from scratchvae.layers.parameter import Owner, Parameter


@dataclass(frozen=True)
class Mode:
    """How a model runs: evaluating, without a generator, or training, with one that draws dropout masks.

    Running a model twice from one state of the generator draws the same masks. `step` is the step at which
    schedules are read, counted from 0. Evaluation counts as after all steps, where a ramp has reached its
    end.
    """

    rng: np.random.Generator | None = None
    step: float = math.inf

    @property
    def training(self) -> bool:
        return self.rng is not None


EVALUATION = Mode()


class Layer(Owner, ABC):
    """A map with Parameters: `y, pullback = layer(x)`.

    `pullback(dy)` gives each Parameter its gradient and returns dx.
    """

    @abstractmethod
    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        """Run forward. With needs_dx=False, where x is data, the pullback may return None."""


def apply(
    op: Callable[..., Any], x: Array, *parameters: Parameter, **constants: Any
) -> tuple[Array, Pullback]:
    """Call `op` on x and the values of the Parameters.

    The pullback gives each Parameter its gradient and returns dx.
    """
    y, op_pullback = op(x, *(parameter.value for parameter in parameters), **constants)

    def pullback(dy: Array) -> Array | None:
        gradients = op_pullback(dy)
        if not parameters:
            return gradients
        dx, *dparameters = gradients
        for parameter, dparameter in zip(parameters, dparameters, strict=True):
            parameter.receive(dparameter)
        return dx

    return y, pullback
