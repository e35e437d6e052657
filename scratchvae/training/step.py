"""One training step."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.layers import Mode, Parameter
from scratchvae.objectives import Model, Objective, Report
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.optimizers import Optimizer


class Diverged(FloatingPointError):
    """The loss is no longer a number."""


@dataclass
class Phase:
    """One objective, and the optimizer that follows it. A VAE has one phase; wake-sleep or an adversary has two or more.

    A phase clips (to the norm `max_norm`) and moves only the Parameters that are below one of `over`. Its optimizer
    is a copy of the one given, so that phases made from one optimizer share no state.
    """

    objective: Objective
    optimizer: Optimizer
    max_norm: float | None = None
    over: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if self.max_norm is not None and not self.max_norm > 0:
            raise InputError(f"Phase: max_norm should be positive, found {self.max_norm}")
        if isinstance(self.over, str):
            raise InputError(f"Phase: over should be a tuple of names, found {self.over!r}; write ({self.over!r},)")
        self.optimizer = deepcopy(self.optimizer)

    def moved(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Those of the Parameters that the phase is over: "encoder.1" is for it and all below it, and "" for all."""
        return {
            name: parameter
            for name, parameter in parameters.items()
            if any(start in ("", name) or name.startswith(f"{start}.") for start in self.over)
        }


def train_step(
    model: Model, parameters: Mapping[str, Parameter], phase: Phase, batch: Batch, rng: np.random.Generator, *, step: int
) -> Report:
    """Noise, forward, backward, update, for one batch.     Raises Diverged, not updating, if the loss is not finite."""
    for parameter in parameters.values():
        parameter.grad = None
    noise = phase.objective.draw_noise(model, len(batch), rng)
    report, pullback = phase.objective(model, batch, noise, mode=Mode(rng, step))
    if not np.isfinite(report.loss):
        remedy = "A lower learning rate or clipping by norm may help"
        raise Diverged(f"step {step + 1}: {what_went_first(parameters, report)}. {remedy}")
    pullback()
    moved = parameters if "" in phase.over else phase.moved(parameters)
    if phase.max_norm is not None:
        clip_by_norm(moved.values(), phase.max_norm)
    phase.optimizer.step(moved)
    return report


def what_went_first(parameters: Mapping[str, Parameter], report: Report) -> str:
    """In words: which of the terms, and which Parameter, made the loss no number."""
    parts = ("log_px", "kl")  # the terms that the others are sums of
    terms = [name for name in (*parts, *report.terms) if name in report.terms and not np.isfinite(report.terms[name]).all()]
    wrong = [name for name, parameter in parameters.items() if not np.isfinite(parameter.value).all()]
    term = f"its term {terms[0]} is not finite" if terms else "each of its terms is finite, but not their sum"
    where = f"of the parameters {wrong[0]} went first" if wrong else "all parameters are still finite"
    return f"the loss is {report.loss}; {term}, and {where}"
