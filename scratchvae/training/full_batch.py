"""Training on all examples at once, with noise that is drawn once.

The loss is then an ordinary function of the Parameters, and `minimize` finds its minimum to the precision of
the numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array, InputError, require_at_least, require_count
from scratchvae.data import Batch
from scratchvae.layers import Mode, Parameter, named_buffers, named_parameters
from scratchvae.likelihoods import require_batch_supported
from scratchvae.objectives import Objective, Report, Trainable
from scratchvae.posteriors import Noise
from scratchvae.training.divergence import Diverged, divergence
from scratchvae.training.newton import newton_step

# L-BFGS remembers 30 steps and not the usual 10: to use them costs less than one evaluation of the loss
REMEMBERED = 30
SHORTER = "Smaller first weights, or data in smaller units, may help"  # a line search has no learning rate


@dataclass(frozen=True)
class Minimum:
    """The point where `minimize` stopped, and how near the minimum that point is.

    `report` is the objective's report there. `steps` and `evaluations` count the work. `losses` holds the
    loss of each evaluation that L-BFGS made. An evaluation looks at every example once, and so it is one
    epoch.

    `gradient` is the largest |∂loss/∂θ_i|.

    `left` estimates from below how far the loss can still fall, in nats:

        left = ½ gᵀ H⁻¹ g

    g is the gradient, and H is the Hessian of the loss. A quadratic loss can fall by exactly this much. The
    method of conjugate gradients computes `left`. It leaves out directions in which the loss is so flat that
    rounding hides the curvature; in float32 there are many of these. `left` is infinite if the method meets a
    direction of negative curvature, and NaN if `minimize` reached `max_steps` before.

    `rounding` bounds the error of the computed loss:

        rounding = ε (1 + log₂ n) (D + Σ |term|),    n = B D

    ε is the rounding of the dtype. A pairwise sum of n numbers is off by at most ε log₂ n times the sum of
    their magnitudes (Higham 2002, section 4.2). Here the magnitudes are those of the report's terms, averaged
    over the batch, and 1 for each of the D entries, because the contributions of entries to log p(x|z) may
    cancel within a term.

    `converged` is true if `gradient` is at most the tolerance, or if `left` is at most `rounding`. In the
    second case no digit of the loss distinguishes this point from the minimum. Both criteria use only the
    gradient. So a saddle point may pass, and so does a point where a wrong gradient happens to vanish.
    """

    report: Report
    gradient: float
    left: float
    rounding: float
    steps: int
    evaluations: int
    losses: tuple[float, ...]
    converged: bool


def minimize(
    model: Trainable,
    objective: Objective,
    batch: Batch,
    noise: Noise,
    *,
    max_steps: int = 10_000,
    tolerance: float = 1e-9,
) -> Minimum:
    """Minimize objective(model, batch, noise) over all Parameters, and leave them at the minimum.

    The loss is a function of the Parameters alone: all examples take part, and neither `noise` (as drawn by
    objective.draw_noise) nor the masks of dropout ever change. There is no learning rate and nothing is
    random, so that the same start leads to the same minimum.

    L-BFGS runs first (Liu & Nocedal 1989), until the loss no longer falls in its last digit. Near its minimum
    a loss changes with the square of a Parameter's distance from it, and so a loss that is right to 16 digits
    fixes a Parameter to 8. The gradient changes with the distance itself. So Newton steps follow, as long as
    each of them makes the gradient smaller. `minimize` stops when no entry of the gradient is above
    `tolerance`, or after `max_steps` steps.

    The computation holds all Parameters in one float64 vector θ, but each Parameter keeps its dtype. Call
    cast(model, np.float64) first to get all the digits. Buffers (running statistics, the σ² of
    GaussianOptimal) end as they are after one training step at the minimum.

    Raises Diverged where the loss is not finite, with Parameters and Buffers as they were before, and
    InputError where x lies outside the support of the likelihood or the model has no Parameters.
    """
    from scipy import optimize  # imported here: it takes a while

    require_count("minimize", "max_steps", max_steps, 1)
    require_at_least("minimize", "tolerance", tolerance, 0)
    require_batch_supported(model.likelihood, batch)
    if not len(batch):
        raise InputError("minimize: there should be at least one example, found none")
    named = named_parameters(model)
    if not named:
        raise InputError("minimize: the model should have Parameters, found none")
    if not model.likelihood.measured:
        model.likelihood.measure(batch)
    buffers = {buffer: buffer.value for buffer in named_buffers(model).values()}
    first = {name: parameter.value for name, parameter in named.items()}
    start = np.concatenate([value.ravel().astype(np.float64) for value in first.values()])

    def put(theta: Array) -> None:
        _put(named, theta)
        for buffer, value in buffers.items():
            buffer.value = value

    evaluations = 0

    def evaluate(theta: Array) -> tuple[Report, Array]:
        nonlocal evaluations
        evaluations += 1
        put(theta)
        with np.errstate(over="ignore", invalid="ignore"):  # Diverged says it in words
            report, pullback = objective(model, batch, noise, mode=Mode(np.random.default_rng(0)))
            pullback()
        gradients = (np.zeros_like(p.value) if p.grad is None else p.grad for p in named.values())
        return report, np.concatenate([gradient.ravel().astype(np.float64) for gradient in gradients])

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        report, gradient = evaluate(theta)
        if not np.isfinite(report.loss):
            given = (model, named, objective, batch, noise, report)
            words = divergence(
                *given, mode=Mode(np.random.default_rng(0)), moved=bool(losses), slower=SHORTER
            )
            put(start)
            raise Diverged(f"minimize: {words}")
        losses.append(report.loss)
        return report.loss, gradient

    losses: list[float] = []
    # ftol = 0: the loss may stop falling in its last digit, never before
    options = {
        "maxiter": max_steps,
        "maxfun": 20 * max_steps,
        "gtol": tolerance,
        "ftol": 0,
        "maxcor": REMEMBERED,
    }
    found = optimize.minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    theta, steps = found.x, int(found.nit)
    epsilon = max(float(np.finfo(a.dtype).eps) for a in (batch.x, *first.values()))
    report, gradient = evaluate(theta)
    sizes = batch.x.shape[1] + sum(abs(term).mean() for term in report.terms.values())
    rounding = epsilon * (1 + np.log2(max(batch.x.size, 2))) * sizes
    newton, left = gradient, np.nan
    if steps < max_steps:
        newton, left = newton_step(lambda at: evaluate(at)[1], theta, gradient, epsilon=epsilon)
    while steps < max_steps and tolerance < np.abs(gradient).max() and left < np.inf:
        nearer, its_gradient = evaluate(theta - newton)
        if not (
            nearer.loss <= report.loss + rounding and np.abs(its_gradient).max() < np.abs(gradient).max()
        ):
            break
        theta, report, gradient, steps = theta - newton, nearer, its_gradient, steps + 1
        newton, left = newton_step(lambda at: evaluate(at)[1], theta, gradient, epsilon=epsilon)
    report, gradient = evaluate(theta)
    largest = float(np.abs(gradient).max())
    converged = bool(largest <= tolerance or left <= rounding)
    return Minimum(
        report, largest, float(left), float(rounding), steps, evaluations, tuple(losses), converged
    )


def _put(named: Mapping[str, Parameter], theta: Array) -> None:
    """Give each Parameter its part of θ, in its own dtype and shape, and no gradient."""
    at = 0
    for parameter in named.values():
        old = parameter.value
        part = theta[at : at + old.size]
        parameter.value, parameter.grad = part.reshape(old.shape).astype(old.dtype), None
        at += old.size
