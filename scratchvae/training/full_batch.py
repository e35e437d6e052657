"""Training on all examples at once with noise that stays the same: to the precision of the optimum, not about it."""

from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least
from scratchvae.layers import Mode, named_buffers, named_parameters
from scratchvae.objectives import Model, Objective, Report
from scratchvae.posteriors import Noise
from scratchvae.training.step import Diverged, what_went_first

REMEMBERED = 30  # steps that L-BFGS remembers: more than usual, as an evaluation costs more than they do


@dataclass(frozen=True)
class Minimum:
    """Where minimize stopped: the report there, the largest entry |∂loss/∂θ| of the gradient, steps and evaluations it took.

    `losses` holds the loss of each evaluation in turn; each evaluation is one epoch, as it looks at all examples once.
    `converged`: that entry is at most the tolerance, or no step makes the loss smaller by as much as its last digit.
    """

    report: Report
    gradient: float
    steps: int
    evaluations: int
    losses: tuple[float, ...]
    converged: bool


def minimize(
    model: Model, objective: Objective, x: Array, noise: Noise, *, max_steps: int = 10_000, tolerance: float = 1e-9
) -> Minimum:
    """Minimize objective(model, x, noise) over all Parameters by L-BFGS, and leave them at the minimum.     x (B, D).

    The loss is a function of the Parameters alone: all examples take part, `noise` (as of objective.draw_noise) never changes,
    nor do the masks of dropout. No learning rate, nothing random: same start, same minimum.
    The vector θ of all Parameters is float64, but they keep their dtype: cast(model, np.float64) first for all its digits.

    Buffers (running statistics, the σ² of GaussianOptimal) end as after one training step at the minimum.

    Raises Diverged where the loss is not finite, with Parameters and Buffers as they were before.     Liu & Nocedal 1989.
    """
    from scipy import optimize  # here, as it takes a while to import

    require_at_least("minimize", "max_steps", max_steps, 1)
    require_at_least("minimize", "tolerance", tolerance, 0)
    model.likelihood.require_support(x)
    named = named_parameters(model)
    if not named:
        raise InputError("minimize: the model should have Parameters, found none")
    parameters = list(named.values())
    start = [parameter.value for parameter in parameters]
    buffers = {buffer: buffer.value for buffer in named_buffers(model).values()}
    ends = np.cumsum([value.size for value in start])

    def write(theta: Array) -> None:
        for parameter, first, part in zip(parameters, start, np.split(theta, ends[:-1]), strict=True):
            parameter.value, parameter.grad = part.reshape(first.shape).astype(first.dtype), None
        for buffer, value in buffers.items():
            buffer.value = value

    def evaluate(theta: Array) -> tuple[Report, Array]:
        write(theta)
        with np.errstate(over="ignore", invalid="ignore"):  # said below, in words
            report, pullback = objective(model, x, noise, mode=Mode(np.random.default_rng(0)))
            pullback()
        if not np.isfinite(report.loss):
            words = what_went_first(named, report)
            write(first_theta)
            raise Diverged(f"minimize: {words}. Smaller first weights, or data in smaller units, may help")
        gradients = (np.zeros_like(p.value) if p.grad is None else p.grad for p in parameters)
        return report, np.concatenate([gradient.ravel().astype(np.float64) for gradient in gradients])

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        report, gradient = evaluate(theta)
        losses.append(report.loss)
        return report.loss, gradient

    losses: list[float] = []

    first_theta = np.concatenate([value.ravel().astype(np.float64) for value in start])
    # ftol = 0: the loss may stop falling in its last digit, never before
    options = {"maxiter": max_steps, "maxfun": 20 * max_steps, "gtol": tolerance, "ftol": 0, "maxcor": REMEMBERED}
    found = optimize.minimize(loss_and_gradient, first_theta, jac=True, method="L-BFGS-B", options=options)
    report, gradient = evaluate(found.x)
    largest = float(np.abs(gradient).max())
    return Minimum(report, largest, int(found.nit), int(found.nfev), tuple(losses), found.status == 0)
