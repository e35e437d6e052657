"""Weights that change during training, as functions of the step: warm-up of beta, growth of a capacity."""

from collections.abc import Callable
from dataclasses import dataclass

from scratchvae.arrays import InputError

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Ramp:
    """From `start` to `end` in a straight line over `steps`, then `end`.     Bowman et al. 2016; Sønderby et al. 2016."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        return self.start + (self.end - self.start) * min(1.0, step / max(self.steps, 1))


def at_step(weight: float | Schedule, step: int) -> float:
    """The number that a weight, fixed or scheduled, has at `step`."""
    return weight(step) if callable(weight) else weight


def as_number(where: str, weight: float | Schedule) -> float:
    """The number itself; an InputError for a schedule, which has none before `.at(step)`."""
    if callable(weight):
        raise InputError(f"{where}: a schedule has a number only at a step; call objective.at(step) first")
    return weight
