"""The loop around a PyTorch step: clearing, clipping, moving, evaluating, resuming.

torch is imported inside these functions only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.reference.diagnosis import Finding, Line, Outcome, Report, Verdict
from scratchvae.reference.frameworks.torch_differences import apart, differ, listed, sums
from scratchvae.reference.frameworks.torch_training_run import Run, modes
from scratchvae.reference.frameworks.torch_validation import bound_on_evidence

FIXES = {  # name: what is wrong, and what helps
    "parameters_not_in_optimizer": (
        "parameters are not in the optimizer: build it from model.parameters(), after the last layer"
    ),
    "gradients_not_cleared": (
        "gradients of the step before are added: call optimizer.zero_grad() before each backward pass"
    ),
    "accumulation_lost": ("gradients of the batches before are lost: clear them after optimizer.step() only"),
    "steps_not_as_declared": (
        "the optimizer does not step once in the declared number of batches: count the calls"
    ),
    "moves_uphill": ("the step goes along the gradient: minimize the loss, or do not negate it twice"),
    "parameters_not_moved": (
        "parameters have a gradient and stay as they are: is the learning rate of their group 0?"
    ),
    "gradients_not_clipped": (
        "gradients are longer than declared: clip after backward and before optimizer.step()"
    ),
    "evaluation_in_training_mode": "evaluation runs layers in training mode: call model.eval() first",
    "evaluation_changes_model": "evaluation changes weights or buffers: call model.eval(), and make no step",
    "training_in_evaluation_mode": "training goes on in evaluation mode: call model.train() after evaluation",
    "resumed_otherwise": (
        "a resumed run differs from one that went on: keep all state in state_dict(), as register_buffer does"
    ),
    "no_bound": "what is reported is above log p(x): it is no lower bound on it",
}


def check_training(
    model: Any,
    optimizer: Any,
    train_step: Callable[[Any, Any, Any], Any],
    batches: Iterable[Any],
    *,
    accumulate: int = 1,
    max_norm: float | None = None,
    evaluate: Callable[[Any, Any], Any] | None = None,
    reports_bound: bool = False,
) -> Report:
    """Run `train_step(model, optimizer, batch)` on copies, and compare it with what a step should do.

    `train_step` does all of a step: it clears gradients, runs the backward pass and calls `optimizer.step()`,
    once in `accumulate` calls. Declared as `max_norm`, the norm of all gradients is at most that when the
    optimizer steps. `evaluate(model, batch)` is the validation of one batch; with `reports_bound` it returns
    a lower bound on log p(x), in nats as the mean of the batch's examples, which is compared with an
    importance-weighted estimate of log p(x).

    Two batches are needed, and twice as many as `accumulate`. The model and its optimizer are left as they
    were, and so is torch's generator on the CPU. What could not be seen is listed under "not seen".
    """
    import torch

    given = list(batches)
    if len(given) < 2 * accumulate:
        raise InputError(
            f"check_training: there should be at least {2 * accumulate} batches, found {len(given)}"
        )
    checks = _Checks(accumulate)
    with torch.random.fork_rng(devices=[]):
        _membership(checks, model, optimizer)
        start = Run(train_step, model, optimizer).copied()
        first = start.copied()
        before = first.weights()
        first.go(given[:accumulate])
        if first.steps != 1:
            checks.departs("steps", "steps_not_as_declared", f"found {first.steps} in {accumulate}")
            return checks.report()
        _movement(checks, first, before)
        _clipping(checks, first, max_norm)
        _clearing(checks, first, given[accumulate : 2 * accumulate])
        if accumulate > 1:
            _accumulation(checks, start, given)
        _resumption(checks, start, first, given[accumulate : 2 * accumulate])
        if evaluate is not None:
            _evaluation(checks, first, given, evaluate)
            if reports_bound:
                bound_on_evidence(checks, first, given[0], evaluate)
        else:
            checks.unseen.append("evaluation: pass evaluate=")
    return checks.report()


@dataclass
class _Checks:
    """What was found so far."""

    accumulate: int
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def report(self) -> Report:
        """All of it."""
        return Report(tuple(self.lines), tuple(self.findings), tuple(self.notes), (), tuple(self.unseen))

    def agrees(self, what: str) -> None:
        """Enter that it is as it should be."""
        self.lines.append(Line(what, Verdict(Outcome.AGREES), np.zeros(0)))

    def departs(self, what: str, name: str, found: str) -> None:
        """Enter a mistake by name."""
        self.lines.append(Line(what, Verdict(Outcome.DEPARTS, (name,)), np.zeros(0)))
        self.findings.append(Finding(what, (name,), f"{FIXES[name]} ({found})"))


def _membership(checks: _Checks, model: Any, optimizer: Any) -> None:
    inside = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left = [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in inside]
    if left:
        checks.departs("parameters", "parameters_not_in_optimizer", ", ".join(left))
    else:
        checks.agrees("every parameter is in the optimizer")


def _movement(checks: _Checks, run: Run, before: dict[str, Any]) -> None:
    """d(weight) · gradient < 0 over all weights, and each with a gradient has moved."""
    gradients, after = run.at_step or {}, run.weights()
    member = {name for name, p in run.model.named_parameters() if id(p) in run.members}
    still = [
        n
        for n, g in gradients.items()
        if n in member and bool(g.any()) and bool((after[n] == before[n]).all())
    ]
    along = sum(
        float(((after[n] - before[n]).double() * g.double()).sum())
        for n, g in gradients.items()
        if n in before
    )
    if still:
        checks.departs("movement", "parameters_not_moved", ", ".join(still))
    if along > 0:
        checks.departs("direction", "moves_uphill", f"the move times the gradient is {along:.3g}")
    if not still and along < 0:
        checks.agrees("weights move against their gradients")


def _clipping(checks: _Checks, run: Run, max_norm: float | None) -> None:
    if max_norm is None:
        return
    norm = float(sum(float((g.double() ** 2).sum()) for g in (run.at_step or {}).values()) ** 0.5)
    if norm > max_norm * (1 + 1e-4):
        checks.departs(
            "clipping", "gradients_not_clipped", f"their norm is {norm:.4g}, declared {max_norm:g}"
        )
    elif norm < max_norm * (1 - 1e-4):
        checks.unseen.append(
            f"clipping: the gradient of norm {norm:.4g} would not be clipped at {max_norm:g}"
        )
    else:
        checks.agrees("gradients are clipped")


def _clearing(checks: _Checks, first: Run, batches: Sequence[Any]) -> None:
    """The next step with what gradients are left over, and without."""
    went_on, cleared, again = (first.copied(gradients=left) for left in (True, False, False))
    for run in (went_on, cleared, again):
        run.go(batches, rng=first.rng)
    members = {name for name, p in first.model.named_parameters() if id(p) in first.members}
    arrived = [
        {n: g for n, g in (run.at_step or {}).items() if n in members} for run in (went_on, cleared, again)
    ]
    different = apart(*arrived[:2])
    if apart(*arrived[1:]):
        checks.unseen.append("whether gradients are cleared: the same step twice gives other gradients")
    elif different:
        checks.departs("clearing", "gradients_not_cleared", listed(different))
    else:
        checks.agrees("gradients are cleared")


def _accumulation(checks: _Checks, start: Run, batches: Sequence[Any]) -> None:
    """After two batches the gradients are those of the first and of the second."""
    both, one = start.copied(gradients=False), start.copied(gradients=False)
    both.go(batches[:1])
    first, rng = both.gradients(), both.rng
    both.go(batches[1:2], rng=rng)
    one.go(batches[1:2], rng=rng)
    if checks.accumulate == 2:
        summed, second = both.at_step or {}, one.gradients()
    else:
        summed, second = both.gradients(), one.gradients()
    if sums(summed, second, first):
        checks.agrees("gradients are accumulated")
    elif not apart(summed, second):
        checks.departs("accumulation", "accumulation_lost", "after two batches they are those of the second")
    else:
        checks.unseen.append(
            "accumulation: the second batch's gradient depends on the first (batch norm?), or was clipped"
        )


def _resumption(checks: _Checks, start: Run, first: Run, batches: Sequence[Any]) -> None:
    """Compare weights after the next step of a run that went on with those of a run that was resumed."""
    went_on, again, resumed = (run.copied(gradients=False) for run in (first, first, start))
    resumed.model.load_state_dict(copy.deepcopy(first.model.state_dict()))
    resumed.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    for run in (went_on, again, resumed):
        run.go(batches, rng=first.rng)
    if differ(went_on.weights(), again.weights()):
        checks.unseen.append("resumption: the same step twice gives other bits")
    elif other := differ(went_on.weights(), resumed.weights()):
        checks.departs("resumption", "resumed_otherwise", listed(other))
    else:
        checks.agrees("a checkpoint resumes to the same bits")


def _evaluation(
    checks: _Checks, first: Run, batches: Sequence[Any], evaluate: Callable[[Any, Any], Any]
) -> None:
    run = first.copied()
    run.model.train()
    before = run.weights()
    with modes(run.model) as during:
        evaluate(run.model, batches[0])
    changed, wrong = differ(before, run.weights()), [name for name, training in during.items() if training]
    if changed:
        checks.departs("evaluation", "evaluation_changes_model", listed(changed))
    if wrong:
        checks.departs("evaluation mode", "evaluation_in_training_mode", listed(wrong))
    with modes(run.model) as during:
        run.go(batches[: checks.accumulate])
    left = [name for name, training in during.items() if not training]
    if left:
        checks.departs("training mode", "training_in_evaluation_mode", listed(left))
    if not (changed or wrong or left):
        checks.agrees("evaluation is evaluation, and training is training afterwards")
