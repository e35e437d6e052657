"""Optimizers, which move Parameters along their gradients.

Each optimizer keeps slots: arrays in the shape of each Parameter, by its name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array, InputError, require_at_least, require_share
from scratchvae.layers import Parameter
from scratchvae.objectives import Schedule
from scratchvae.training.schedules import learning_rate_at


class Optimizer(ABC):
    """`step` moves every Parameter that has received a gradient, and leaves the others and their slots."""

    slot_names: tuple[str, ...]

    def __init__(self, learning_rate: float | Schedule) -> None:
        if not callable(learning_rate):
            require_at_least(type(self).__name__, "learning_rate", learning_rate, 0)
        self.learning_rate = learning_rate
        self.steps_taken = 0
        self.updates: dict[str, int] = {}  # how often each Parameter was updated
        self.slots: dict[str, list[Array]] = {}  # the slots of each Parameter, in the order of slot_names

    def __repr__(self) -> str:
        settings = {
            name: value
            for name, value in vars(self).items()
            if name not in ("steps_taken", "updates", "slots")
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"

    def step(self, parameters: Mapping[str, Parameter]) -> None:
        """Update each Parameter once from its `grad`."""
        rate = learning_rate_at(self.learning_rate, self.steps_taken)
        self.steps_taken += 1
        for name, parameter in parameters.items():
            if parameter.grad is None:
                continue
            if name not in self.updates:
                self.updates[name] = 0
                self.slots[name] = [np.zeros_like(parameter.value) for _ in self.slot_names]
            self.updates[name] += 1
            moved = self.update(parameter.value, parameter.grad, rate, self.slots[name], self.updates[name])
            parameter.value, *self.slots[name] = moved

    @abstractmethod
    def update(
        self, value: Array, grad: Array, rate: float, slots: list[Array], count: int
    ) -> tuple[Array, ...]:
        """(new value, new slots…) of one Parameter at its update number `count`, from 1.

        It may overwrite the slots.
        """

    def state(self) -> dict[str, Array]:
        """Copies of all slots by "slot/parameter", and the numbers of updates, for a checkpoint."""
        by_name = [(name, zip(self.slot_names, arrays, strict=True)) for name, arrays in self.slots.items()]
        arrays = {f"{slot}/{name}": array.copy() for name, slots in by_name for slot, array in slots}
        arrays |= {f"updates/{name}": np.array([count]) for name, count in self.updates.items()}
        return {"steps_taken": np.array([self.steps_taken]), **arrays}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Take over what `state` returned.

        InputError, with nothing changed, for the state of another optimizer.
        """
        named: dict[str, dict[str, Array]] = {kind: {} for kind in (*self.slot_names, "updates")}
        for key, array in state.items():
            kind, _, name = key.partition("/")
            if key != "steps_taken":
                if kind not in named:
                    raise InputError(
                        f"{type(self).__name__}: slots should be {', '.join(self.slot_names)}; found {kind!r}"
                    )
                named[kind][name] = array.copy()  # a copy, since updates overwrite slots
        if "steps_taken" not in state or any(named[kind].keys() != named["updates"].keys() for kind in named):
            raise InputError(
                f"{type(self).__name__}: the state should be of every slot and all steps, found part of it"
            )
        self.steps_taken = int(state["steps_taken"][0])
        self.updates = {name: int(count[0]) for name, count in named.pop("updates").items()}
        self.slots = {name: [named[slot][name] for slot in self.slot_names] for name in self.updates}


class SGD(Optimizer):
    """Stochastic gradient descent with momentum: kernels.sgd_update."""

    slot_names = ("velocity",)

    def __init__(self, learning_rate: float | Schedule = 1e-2, *, momentum: float = 0.0) -> None:
        super().__init__(learning_rate)
        require_share("SGD", "momentum", momentum)
        self.momentum = momentum

    def update(
        self, value: Array, grad: Array, rate: float, slots: list[Array], count: int
    ) -> tuple[Array, ...]:
        (velocity,) = slots
        return kernels.sgd_update(value, grad, velocity, rate, self.momentum)


class RMSprop(Optimizer):
    """The gradient divided by the root of its running mean square: kernels.rmsprop_update.

    The defaults are PyTorch's.
    """

    slot_names = ("square",)

    def __init__(
        self, learning_rate: float | Schedule = 1e-2, *, decay: float = 0.99, epsilon: float = 1e-8
    ) -> None:
        super().__init__(learning_rate)
        require_share("RMSprop", "decay", decay)
        require_at_least("RMSprop", "epsilon", epsilon, 0)
        self.decay, self.epsilon = decay, epsilon

    def update(
        self, value: Array, grad: Array, rate: float, slots: list[Array], count: int
    ) -> tuple[Array, ...]:
        (square,) = slots
        return kernels.rmsprop_update(value, grad, square, rate, self.decay, self.epsilon)


class AdamW(Optimizer):
    """Adam with decoupled weight decay of every Parameter: kernels.adam_update.

    Loshchilov & Hutter 2019.
    """

    slot_names = ("m", "v")

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(learning_rate)
        if not isinstance(betas, list | tuple) or len(betas) != 2:
            raise InputError(
                f"{type(self).__name__}: betas should be two numbers, such as (0.9, 0.999); found {betas!r:.80}"
            )
        require_share(type(self).__name__, "betas[0]", betas[0])
        require_share(type(self).__name__, "betas[1]", betas[1])
        require_at_least(type(self).__name__, "epsilon", epsilon, 0)
        require_at_least(type(self).__name__, "weight_decay", weight_decay, 0)
        self.betas, self.epsilon, self.weight_decay = betas, epsilon, weight_decay

    def update(
        self, value: Array, grad: Array, rate: float, slots: list[Array], count: int
    ) -> tuple[Array, ...]:
        m, v = slots
        constants = (rate, *self.betas, self.epsilon, self.weight_decay)
        return kernels.adam_update(value, grad, m, v, count, *constants)


class Adam(AdamW):
    """Adam, without weight decay.     Kingma & Ba 2015."""

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate, betas=betas, epsilon=epsilon, weight_decay=0.0)


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "sgd": SGD}
