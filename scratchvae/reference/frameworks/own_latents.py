"""A watched step whose latents are no Gaussian ones: what is checked of its codes, and of the rest.

The terms of the codes are taken out of the loss. What is left is a reconstruction, which is compared with the
reference as that of any other step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import Line, Outcome, Report, Verdict, examine, read
from scratchvae.reference.frameworks.draws import Draws
from scratchvae.reference.frameworks.flow import Node, lineage
from scratchvae.reference.frameworks.forms import said_of_likelihood
from scratchvae.reference.frameworks.likelihood import Comparison
from scratchvae.reference.frameworks.meant import Meant
from scratchvae.reference.frameworks.proportions import near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.seen import Step
from scratchvae.reference.frameworks.spread import Gradients
from scratchvae.reference.frameworks.terms import scaled
from scratchvae.reference.frameworks.verdicts import unaccusing

OF_A_GAUSSIAN = {"kl", "z", "mean"}  # lines that are none of such a step


@dataclass
class Codes:
    """What was found of the codes: the arrays that end there, their lines, and what they add to the loss.

    `values` is what they may add: the right number first, then others with the words for the mistake.
    """

    z: Node
    encoded: Node
    ends: dict[str, Node]
    lines: list[Line] = field(default_factory=list)
    values: list[tuple[float, str]] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)  # of its terms in the loss, by words for each
    expected: bool = False  # whether each weight should be that of −log p(x|z), or chosen by a number
    notes: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)


def agrees(quantity: str, theirs: Array, reference: Array) -> Line:
    """A line of what is as it should be."""
    return Line(quantity, Verdict(Outcome.AGREES), theirs, reference)


def unproven(quantity: str, theirs: Array, reference: Array | None, why: str) -> Line:
    """A line of what differs and might yet be right."""
    return Line(quantity, Verdict(Outcome.UNPROVEN, why=f": {why}"), theirs, reference)


def judged(
    codes: Codes, roles: Roles, loss: Node, gradients: Gradients, settings: Mapping[str, Any]
) -> tuple[Report, Step] | None:
    """The report of a step with these codes, and the step; None where no output was found."""
    step = Step(ends=dict(codes.ends), unknown=list(roles.unknown), declared=frozenset(settings))
    if roles.output is None or roles.target is None:
        return None
    B = len(roles.target.value())
    rest = _rest(codes, roles, loss, gradients, settings, step, B)
    _weigh(codes, step, loss)
    best: Report | None = None
    for value, words in codes.values if rest is not None else []:
        for given in _readings(rest, value, step, roles, loss, settings, B):
            report = examine(given).report
            plain = report.ok and not report.of(Outcome.UNPROVEN)
            if best is None or plain:
                best = unaccusing(report, step.unknown, step.declared)
                wrong = [unproven("loss", loss.value(), None, words)] if words and plain else []
                kept = [one for one in best.lines if not (wrong and one.quantity == "loss")]
                best = replace(best, lines=(*kept, *wrong), notes=(*step.chosen, *best.notes))
            if plain:
                break
        if best is not None and best.ok and not best.of(Outcome.UNPROVEN):
            break
    left = (
        () if best is None else tuple(_said(one) for one in best.lines if one.quantity not in OF_A_GAUSSIAN)
    )
    return Report(
        (*codes.lines, *left),
        () if best is None else best.findings,
        (*codes.notes, *step.notes, *(() if best is None else best.notes)),
        (*codes.blind, *(() if best is None else best.blind), *(() if best else _not_found(step))),
        (),
    ), step


def _said(line: Line) -> Line:
    """The line of a loss that differs for no known reason, in words for such a step."""
    if line.quantity != "loss" or "closed form" not in line.found.why:
        return line
    why = "it is not the sum of the reconstruction and of the terms that were recognized by their gradients"
    return unproven("loss", line.theirs, line.reference, why)


def _weigh(codes: Codes, step: Step, loss: Node) -> None:
    """Say what each term of the codes weighs beside −log p(x|z), and whether that was chosen."""
    a = float(step.raw["law"]) if "law" in step.raw else 0.0
    numbers = {abs(one[1]) for node in lineage([loss]) if (one := scaled(node)) is not None}
    numbers = {n for n in numbers if n} | {1.0}
    numbers |= {m * n for m in numbers for n in numbers} | {1 / n for n in numbers}
    for name, weight in codes.weights.items():
        ratio = weight / a if a else weight
        beside = "beside −log p(x|z), summed over the entries of an example, " if a else ""
        codes.notes.append(f"{beside}the step weighs {name} by {ratio:.6g}")
        if weight < 0:
            why = f"{name} has the wrong sign: add it to the loss, and do not subtract it"
        elif a and codes.expected and weight and not any(near(ratio, n) for n in numbers):
            why = (
                f"{name} weighs {ratio:.6g}, which is no number of the step: sum it as the reconstruction is"
            )
        else:
            continue
        codes.lines.append(unproven(f"the weight of {name}", np.asarray(ratio), np.asarray(1.0), why))


def _not_found(step: Step) -> tuple[str, ...]:
    return tuple(f"not found: {what}" for what in step.unknown)


def _rest(
    codes: Codes,
    roles: Roles,
    loss: Node,
    gradients: Gradients,
    settings: Mapping[str, Any],
    step: Step,
    B: int,
) -> dict[str, Array] | None:
    """The arrays of the reconstruction; None where its law is none that is known."""
    assert roles.output is not None
    used = lineage([loss])
    numbers = [n for node in used for n in node.numbers if n > 0 and n != 1]
    found = Comparison(roles, loss, gradients, Draws(B), settings, list(dict.fromkeys(numbers))).recognized()
    if found is None:
        step.ends["output"] = roles.output
        step.unknown.append(f"the likelihood: {said_of_likelihood(used)}")
        return None
    law, node = found.law, found.node
    step.ends |= {law.output: node, **({} if found.second is None else {"second": found.second})}
    step.notes += [law.said] if law.said else []
    step.raw = {"law": np.asarray(law.a or 0.0)}
    (gradient,) = gradients(loss, [node])
    arrays = {"x": law.x, law.output: node.value().reshape(law.x.shape), **law.more}
    arrays |= {} if gradient is None else {f"d_{law.output}": gradient.reshape(law.x.shape)}
    step.settings = [{"likelihood": law.likelihood, **({} if law.piece is None else {"law": law.piece})}]
    real = loss.value().dtype
    return arrays | {
        "mean": codes.encoded.value().reshape(B, -1),
        "kl": np.zeros(B, real),
        "loss": loss.value().reshape(()),
    }


def _readings(
    rest: dict[str, Array] | None,
    value: float,
    step: Step,
    roles: Roles,
    loss: Node,
    settings: Mapping[str, Any],
    B: int,
) -> Iterator[Any]:
    """The step without what the codes add to its loss, as diagnose reads it."""
    assert rest is not None
    arrays = dict(rest)
    arrays["loss"] = np.asarray(arrays["loss"] - value, rest["loss"].dtype)
    law, a = step.settings[0], float(step.raw["law"])
    D = arrays["x"].reshape(B, -1).shape[1]
    meant = Meant(arrays, roles, loss, B, D, dict(settings), None)
    rows = meant.settings(law["likelihood"], a if not near(a, 0.0) else None)
    step.chosen = [note for note in meant.notes if "beta" not in note]
    beside = {"loss": abs(value) + float(np.abs(rest["loss"]))}
    for row in rows:
        yield read(arrays, names={}, **{**row, **law, "beta": 0.0, "beside": beside})
