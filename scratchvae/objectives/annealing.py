"""Weights that change during training, as functions of the step, such as a beta that rises slowly."""

from collections.abc import Callable
from dataclasses import dataclass

from scratchvae.arrays import InputError, is_number, require_at_least, require_count
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


@dataclass(frozen=True)
class Cycles:
    """The weight rises from 0 to `end` in a straight line again and again, `count` times within `steps`.

    The rise takes the share `rising` of each cycle. For the rest of the cycle, and after all cycles, the
    weight stays at `end`. One cycle is a warm-up. Fu, Li, Liu, Gao, Celikyilmaz & Carin 2019, equation 6,
    where R = `rising` and M = `count`.
    """

    steps: int
    count: int = 4
    rising: float = 0.5
    end: float = 1.0

    def __post_init__(self) -> None:
        require_count("Cycles", "steps", self.steps)
        require_count("Cycles", "count", self.count)
        require_at_least("Cycles", "end", self.end, 0)
        if not (is_number(self.rising) and 0 < self.rising <= 1):
            raise InputError(f"Cycles: rising should be above 0 and at most 1, found {self.rising!r:.80}")

    def __call__(self, step: float) -> float:
        if step >= self.steps:
            return self.end
        place = step * self.count / self.steps % 1  # within the cycle, from 0 to 1
        return self.end * min(1.0, place / self.rising)


def weight_in(mode: Mode, weight: float | Schedule) -> float:
    """The number that a weight, fixed or scheduled, has at the mode's step.

    Evaluation counts as after all steps (step = ∞). InputError where a schedule gives what no fixed weight
    may be.
    """
    if not callable(weight):
        return weight
    now = weight(mode.step)
    require_at_least("a schedule", f"its weight at step {mode.step:g}", now, 0)
    return now
