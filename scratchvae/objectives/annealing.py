"""Weights that change during training, as functions of the step: warm-up of beta, growth of a capacity."""

from collections.abc import Callable
from dataclasses import dataclass

from scratchvae.arrays import require_at_least, require_count
from scratchvae.layers import Mode

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Ramp:
    """The weight goes from `start` to `end` in a straight line over `steps`, and stays at `end`.

    Bowman et al. 2016; Sønderby et al. 2016.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        require_at_least("Ramp", "start", self.start, 0)
        require_at_least("Ramp", "end", self.end, 0)
        require_count("Ramp", "steps", self.steps, 0)

    def __call__(self, step: float) -> float:
        return self.start + (self.end - self.start) * min(1.0, step / max(self.steps, 1))


def weight_in(mode: Mode, weight: float | Schedule) -> float:
    """The number that a weight, fixed or scheduled, has at the mode's step. Evaluation comes after all steps (step = ∞)."""
    return weight(mode.step) if callable(weight) else weight
