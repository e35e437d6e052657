"""Learning rates as functions of the step, counted from 0. A plain number is a constant rate."""

from dataclasses import dataclass
from math import cos, pi

from scratchvae.arrays import require_at_least, require_count
from scratchvae.objectives import Schedule


@dataclass(frozen=True)
class Constant:
    """A constant `rate`, which is reached in a straight line over the first `warm_up` steps.

    Warm-up: Goyal et al. 2017, section 2.2.
    """

    rate: float
    warm_up: int = 0

    def __post_init__(self) -> None:
        require_at_least("Constant", "rate", self.rate, 0)
        require_count("Constant", "warm_up", self.warm_up, 0)

    def __call__(self, step: float) -> float:
        return self.rate * _warmth(step, self.warm_up)


@dataclass(frozen=True)
class StepDecay:
    """After a warm-up, `rate` is multiplied by `factor` for every full `every` steps."""

    rate: float
    every: int
    factor: float = 0.1
    warm_up: int = 0

    def __post_init__(self) -> None:
        require_at_least("StepDecay", "rate", self.rate, 0)
        require_count("StepDecay", "every", self.every, 1)
        require_at_least("StepDecay", "factor", self.factor, 0)
        require_count("StepDecay", "warm_up", self.warm_up, 0)

    def __call__(self, step: float) -> float:
        return float(
            self.rate
            * self.factor ** (max(step - self.warm_up, 0) // self.every)
            * _warmth(step, self.warm_up)
        )


@dataclass(frozen=True)
class Cosine:
    """After a warm-up, the rate falls from `rate` to `final` along half a cosine, until `steps`.

    Loshchilov & Hutter 2017, equation 5.
    """

    rate: float
    steps: int
    final: float = 0.0
    warm_up: int = 0

    def __post_init__(self) -> None:
        require_at_least("Cosine", "rate", self.rate, 0)
        require_count("Cosine", "steps", self.steps, 0)
        require_at_least("Cosine", "final", self.final, 0)
        require_count("Cosine", "warm_up", self.warm_up, 0)

    def __call__(self, step: float) -> float:
        if step < self.warm_up:
            return self.rate * _warmth(step, self.warm_up)
        done = min(1.0, (step - self.warm_up) / max(self.steps - self.warm_up, 1))
        return self.final + (self.rate - self.final) * (1 + cos(pi * done)) / 2


def _warmth(step: float, warm_up: int) -> float:
    return min(1.0, (step + 1) / (warm_up + 1))


def learning_rate_at(rate: float | Schedule, step: float) -> float:
    """The learning rate, fixed or scheduled, at `step`. InputError for one below 0, or no finite number."""
    if not callable(rate):
        return rate
    now = rate(step)
    require_at_least("a schedule", f"its learning rate at step {step:g}", now, 0)
    return now
