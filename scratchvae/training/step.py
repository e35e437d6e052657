"""One training step."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.layers import Mode, Parameter
from scratchvae.objectives import Objective, Report, Trainable
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.optimizers import Optimizer


class Diverged(FloatingPointError):
    """The loss is no longer a number."""


@dataclass
class Phase:
    """One objective and the optimizer that follows it. A VAE has one phase; wake-sleep or an adversary has two."""

    objective: Objective
    optimizer: Optimizer
    max_norm: float | None = None

    def __post_init__(self) -> None:
        if self.max_norm is not None and not self.max_norm > 0:
            raise InputError(f"Phase: max_norm should be positive, found {self.max_norm}")


def train_step(
    model: Trainable, parameters: Mapping[str, Parameter], phase: Phase, x: Array, rng: np.random.Generator, *, step: int
) -> Report:
    """Noise, forward, backward, update, for the batch x (B, D).     Raises Diverged, not updating, if the loss is not finite."""
    for parameter in parameters.values():
        parameter.grad = None
    objective = phase.objective.at(step)
    noise = objective.draw_noise(model, len(x), rng)
    report, pullback = objective(model, x, noise, mode=Mode(rng))
    if not np.isfinite(report.loss):
        remedy = "A lower learning rate or clipping by norm may help"
        raise Diverged(f"step {step + 1}: {what_went_first(parameters, report)}. {remedy}")
    pullback()
    if phase.max_norm is not None:
        clip_by_norm(parameters.values(), phase.max_norm)
    phase.optimizer.step(parameters)
    return report


def what_went_first(parameters: Mapping[str, Parameter], report: Report) -> str:
    """In words: which of the terms, and which Parameter, made the loss no number."""
    parts = ("log_px", "kl")  # the terms that the others are sums of
    terms = [name for name in (*parts, *report.terms) if name in report.terms and not np.isfinite(report.terms[name]).all()]
    wrong = [name for name, parameter in parameters.items() if not np.isfinite(parameter.value).all()]
    term = f"its term {terms[0]} is not finite" if terms else "each of its terms is finite, but not their sum"
    where = f"of the parameters {wrong[0]} went first" if wrong else "all parameters are still finite"
    return f"the loss is {report.loss}; {term}, and {where}"
