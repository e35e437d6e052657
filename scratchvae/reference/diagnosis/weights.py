"""The numbers that a loss multiplies its parts by: plain ones, and those solved for."""

from collections.abc import Iterator

import numpy as np

from scratchvae.reference.diagnosis.divergence import closed_form
from scratchvae.reference.diagnosis.factors import ONE, PLAIN, number, spelled
from scratchvae.reference.diagnosis.least_squares import least_squares
from scratchvae.reference.diagnosis.pieces import Pieces, Place, Prediction, Reading, rounding
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import X_SCALES, Given
from scratchvae.reference.diagnosis.sampling import tidied
from scratchvae.reference.diagnosis.total import Weighing


def plain(given: Given) -> Iterator[Reading]:
    """The whole loss, the KL alone, or the reconstruction alone times a number that people write."""
    for c in PLAIN:
        yield _whole(c, 0)
        if not given.weighted:
            yield _kl(given, c, 0)
            yield _reconstruction(c, 0)


def solve(given: Given, pieces: Pieces) -> Iterator[Reading]:
    """The weights that the loss and its gradients show; of a number that is left over, how large it is."""
    quantity = next((q for q in ("loss", "bound") if q in given.arrays), None)
    a, b = _of_gradients(given, pieces)
    if quantity is not None:
        yield from _gradients_alone(a, b)
    if quantity is None:
        if a is not None or b is not None:
            yield from _both(given, 1.0 if a is None else a, 1.0 if b is None else b, 2)
        return
    theirs = given.arrays[quantity]
    parts = [_part(quantity, given, pieces, *w) for w in ((1.0, 0.0), (0.0, 1.0))]
    R, K = (None if part is None else part.value for part in parts)
    if R is None or K is None or R.shape != theirs.shape or K.shape != theirs.shape:
        return
    with np.errstate(all="ignore"):
        whole, of_kl, of_R = (
            float(np.median(r)) for r in (theirs / (R + K), (theirs - R) / K, (theirs - K) / R)
        )
    for c in tidied(whole):
        yield _whole(c, 1)
    for c in tidied(of_kl):
        yield _kl(given, c, 1)
    for c in tidied(of_R):
        yield _reconstruction(c, 1)
    if theirs.ndim and theirs.size > 2:
        within = rounding(given.eps) * float(np.abs(theirs).max())
        a, b = least_squares([R, K], theirs, rounding=within) or (None, None)
    if b is None:
        return
    a = 1.0 if a is None else a
    yield from _both(given, a, b, 2)
    for u, v in zip(tidied(a), tidied(b), strict=True):
        sign = 1.0 if quantity == "loss" else -1.0
        left = (
            sign
            * float(np.median(theirs - u * R - v * K))
            / (1.0 if given.reduction == "mean" else given.B or 1)
        )
        for c in tidied(left):
            yield _with_constant(given, u, v, c)


def _part(quantity: str, given: Given, pieces: Pieces, a: float, b: float) -> Prediction | None:
    found = predict(quantity, given, pieces.having(Place.TOTAL, Weighing(number(a), number(b))))
    return found[0] if found else None


def _of_gradients(given: Given, pieces: Pieces) -> tuple[float | None, float | None]:
    """By least squares: a from the gradient by the output, b from what mean and σ get beyond z."""
    a = _multiple(given, pieces, ("logits", "x_mean", *X_SCALES), (1.0, 0.0))
    b = _multiple(given, pieces, ("mean", str(given.scale)), (0.0, 1.0))
    return a, b


def _multiple(
    given: Given, pieces: Pieces, names: tuple[str, ...], weights: tuple[float, float]
) -> float | None:
    """How often the gradients hold what a part of this weight gives them.

    It is 1 or 0 where that is right to rounding: a division would leave a number such as −8e-9 of it.
    """
    theirs, units, once, never = [], [], [], []
    for quantity in (f"d_{name}" for name in names if f"d_{name}" in given.arrays):
        unit, rest = (_part(quantity, given, pieces, *w) for w in (weights, (0.0, 0.0)))
        if unit is not None and rest is not None:
            theirs.append((given.arrays[quantity] - rest.value).ravel())
            units.append((unit.value - rest.value).ravel())
            once.append(unit.fits(given.arrays[quantity], given.eps))
            never.append(rest.fits(given.arrays[quantity], given.eps))
    if not units:
        return None
    whole, their = np.concatenate(units), np.concatenate(theirs)
    if not whole.any():
        return None
    if all(once) or all(never):
        return 1.0 if all(once) else 0.0
    return float(whole @ their / (whole @ whole))


def _gradients_alone(a: float | None, b: float | None) -> Iterator[Reading]:
    """All gradients times one number, and the loss as it should be."""
    known = [c for c in (a, b) if c is not None and c not in (0.0, 1.0)]
    for c in tidied(known[0]) if known else []:
        passes = round(c) if abs(c - round(c)) < 1e-6 * abs(c) and c > 1 else None
        why = "a scale that is not taken out again, or a mean over several passes or devices"
        fix = "leave out that factor"
        if passes:
            why = f"{passes} backward passes that are added up, or a scale that is not taken out again"
            fix = "clear the gradients before each backward pass"
        yield Reading(
            f"the gradients × {spelled(c)}",
            Place.TOTAL,
            Weighing(gradients=c),
            f"the gradients are {spelled(c)} times those of the loss, which itself is as it should be, "
            f"as of {why}: {fix}",
            named=False,
            solved=1,
        )


def _whole(c: float, solved: int) -> Reading:
    said = f"the whole loss × {spelled(c)}"
    made = (
        ", as where gradients are accumulated,"
        if abs(c) < 1
        else ", as where a loss is scaled up for half precision or several backward passes are added up,"
    )
    fix = (
        f"this is {said}{made} which is right but for its scale: check the loss before it is "
        f"multiplied by {spelled(c)}"
    )
    return Reading(said, Place.TOTAL, Weighing(whole=number(c)), fix, named=False, solved=solved)


def _kl(given: Given, c: float, solved: int) -> Reading:
    beta = c * given.beta
    fix = (
        f"the KL has the weight {beta:.6g}, where beta = {given.beta:g} is expected: "
        f"give the KL the weight {given.beta:g}, or pass beta={beta:.6g} if that is meant"
    )
    return Reading(
        f"beta = {beta:.6g}", Place.TOTAL, Weighing(of_kl=number(c)), fix, named=False, solved=solved
    )


def _reconstruction(c: float, solved: int) -> Reading:
    said = f"the reconstruction × {spelled(c)}"
    fix = f"this has {said}: leave out the factor {spelled(c)}"
    return Reading(said, Place.TOTAL, Weighing(number(c)), fix, named=False, solved=solved)


def _both(given: Given, a: float, b: float, solved: int) -> Iterator[Reading]:
    for u, v in zip(tidied(a), tidied(b), strict=True):
        said = f"the reconstruction × {spelled(u)}, the KL × {spelled(v * given.beta)}"
        fix = (
            f"in the loss and in its gradients the reconstruction has the weight {spelled(u)} and the KL "
            f"{spelled(v * given.beta)}: give the reconstruction 1 and the KL beta = {given.beta:g}"
        )
        yield Reading(said, Place.TOTAL, Weighing(number(u), number(v), ONE), fix, named=False, solved=solved)


def _with_constant(given: Given, a: float, b: float, c: float) -> Reading:
    weight, whole = b * given.beta, c * (1.0 if given.reduction == "mean" else given.B or 1)
    fix = (
        f"the reconstruction has the weight {spelled(a)}, the KL {spelled(weight)}, and {spelled(whole)} "
        "is added: look for a term of the loss that is neither reconstruction nor KL"
    )
    fix += as_of_a_capacity(given, weight, c)
    said = f"{spelled(a)} R + {spelled(weight)} KL + {spelled(whole)}".replace("+ −", "− ")
    return Reading(said, Place.TOTAL, Weighing(number(a), number(b), ONE, c), fix, named=False, solved=3)


def as_of_a_capacity(given: Given, weight: float, added: float) -> str:
    """Words for a KL of this weight and a number that is added for each example, where γ |KL − C| makes both.

    It does where the KL is on the side of C that its weight says. Elsewhere the words are none.
    """
    kl = given.computed(closed_form)
    if kl is None or given.penalized or not added * weight < 0:
        return ""
    capacity, by_example = -added / weight, kl.value.sum(axis=1)
    side = "below" if weight < 0 else "above"
    beyond = capacity - by_example if weight < 0 else by_example - capacity
    if not (beyond.mean() > 0 or (beyond > 0).all()):
        return ""
    said = f"γ = {spelled(abs(weight))} and C = {spelled(capacity)}"
    declared = f"pass beta={abs(weight):.6g} and capacity={capacity:.6g} if that is meant"
    return f", as γ |KL − C| has with {said} where the KL is {side} C (Burgess et al. 2018): {declared}"
