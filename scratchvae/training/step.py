"""One training step: noise, forward, backward, update."""

import logging
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, Overflowed, require_positive
from scratchvae.data import Batch, Dataset
from scratchvae.layers import Mode, Parameter, named_parameters
from scratchvae.objectives import Model, Objective, Penalty, Report
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.divergence import Diverged, divergence, require_usable_gradients
from scratchvae.training.optimizers import Optimizer


@dataclass
class Phase:
    """One objective, and the optimizer that follows it.

    A VAE has one phase, and wake-sleep or an adversary has two or more. A phase clips (to the norm
    `max_norm`) and moves only the Parameters that are below one of `over`. Its optimizer is a copy of the
    given one, so that phases made from one optimizer share no state.
    """

    objective: Objective
    optimizer: Optimizer
    max_norm: float | None = None
    over: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if self.max_norm is not None:
            require_positive("Phase", "max_norm", self.max_norm)
        if not isinstance(self.objective, Objective):
            raise InputError(
                f"Phase: objective should be an Objective, such as Elbo(); found {self.objective!r}"
            )
        if not isinstance(self.optimizer, Optimizer):
            raise InputError(
                f"Phase: optimizer should be an Optimizer, such as Adam(1e-3); found {self.optimizer!r}"
            )
        if isinstance(self.over, str):
            raise InputError(
                f"Phase: over should be a tuple of names, found {self.over!r}; write ({self.over!r},)"
            )
        self.optimizer = deepcopy(self.optimizer)

    def moved(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """The Parameters that the phase moves: "encoder.1" stands for it and all below it, and "" for all."""
        return {
            name: parameter
            for name, parameter in parameters.items()
            if any(start in ("", name) or name.startswith(f"{start}.") for start in self.over)
        }


def phases_of(
    model: Model, objective: Objective, optimizer: Optimizer, *, max_norm: float | None = None
) -> list[Phase]:
    """One phase over all Parameters, and another one for each network that a penalty brings.

    The first phase then leaves such a network as it is, and the network moves alone in its own phase.
    """
    penalties: tuple[Penalty, ...] = getattr(objective, "penalties", ())
    opponents = [opponent for penalty in penalties if (opponent := penalty.opponent(model)) is not None]
    networks = [network for _, network in opponents]
    others = tuple(dict.fromkeys(name.partition(".")[0] for name in named_parameters(model)))
    first = tuple(name for name in others if name not in networks) if networks else ("",)
    return [
        Phase(objective, optimizer, max_norm, first),
        *(Phase(theirs, optimizer, max_norm, (network,)) for theirs, network in opponents),
    ]


def train_step(
    model: Model,
    parameters: Mapping[str, Parameter],
    phase: Phase,
    batch: Batch,
    rng: np.random.Generator,
    *,
    step: int,
    moved: bool = True,
    places: Array | None = None,
    data: Dataset | None = None,
) -> Report:
    """Take one training step on one batch: noise, forward, backward, update.

    Raises Diverged, without an update, where the loss or a gradient is not finite. Only its message needs
    `moved`, whether any Parameter was updated before, `data`, which the model is trained on, and `places`
    (B,), the places of the examples in it.
    """
    for parameter in parameters.values():
        parameter.grad = None
    noise, mode = phase.objective.draw_noise(model, len(batch), rng), Mode(rng, step)
    try:
        report, pullback = phase.objective(model, batch, noise, mode=mode)
    except Overflowed as error:
        raise Diverged(f"step {step + 1}: {error}") from error
    if not np.isfinite(report.loss):
        given = (model, parameters, phase.objective, batch, noise, report)
        words = divergence(*given, mode=mode, moved=moved, places=places, data=data)
        raise Diverged(f"step {step + 1}: {words}")
    pullback()
    followed = parameters if "" in phase.over else phase.moved(parameters)
    require_usable_gradients(followed, step=step, moved=moved)
    if phase.max_norm is not None:
        clip_by_norm(followed.values(), phase.max_norm)
    phase.optimizer.step(followed)
    return report


def say_what_stays(
    phases: Sequence[Phase], parameters: Mapping[str, Parameter], received: Collection[str]
) -> None:
    """Warn, in a line of the log, of Parameters that phases should move but that got no gradient from any.

    Such are a critic without the penalty Critic, a classifier without SemiSupervised, and the codebook of a
    VectorQuantized without decay under an objective without the penalty Quantization. `received` are the
    names of the Parameters that got one.
    """
    stay = [name for name in parameters if any(phase.moved({name: parameters[name]}) for phase in phases)]
    stay = [name for name in stay if name not in received]
    if stay:
        more = f" and {len(stay) - 1} more: they stay as they are" if len(stay) > 1 else ": it stays as it is"
        fits = "; fit_prior fits a prior to codes" if any(name.startswith("prior.") for name in stay) else ""
        logging.getLogger("scratchvae").warning("Training: no objective moves %s%s%s", stay[0], more, fits)
