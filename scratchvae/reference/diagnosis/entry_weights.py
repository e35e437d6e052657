"""The numbers that a reconstruction may hold: a factor, weights of its entries, another variance."""

from collections.abc import Callable, Iterator

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.entries import squares
from scratchvae.reference.diagnosis.factors import number, spelled
from scratchvae.reference.diagnosis.least_squares import least_squares
from scratchvae.reference.diagnosis.pieces import Piece, Reading, Terms, masked, rounding
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.reconstruction import described, negative_log_likelihood
from scratchvae.reference.diagnosis.sampling import tidied


def solve(given: Given) -> Iterator[Reading]:
    """Readings with numbers in them: a factor, weights of lit and unlit entries, a Gaussian's variance."""
    # of several draws no entry has one reconstruction
    right = None if given.K else negative_log_likelihood(given)
    if right is None or given.x is None:
        return
    R = given.reconstruction if given.log_px is None else -given.log_px
    by_example = right.value.sum(axis=1)
    known = R is not None and R.shape == by_example.shape
    slope = _slope(given, right)
    if known and R is not None and (by_example != 0).all():
        yield from _scaled(float(np.median(R / by_example)))
    elif slope is not None:
        yield from _scaled(slope)
    if given.likelihood == "bernoulli" and given.logits is not None:
        yield from _weighed(given, R if known else None)
    if given.likelihood == "gaussian" and given.x_scale is None and given.x_mean is not None:
        square = ((given.x - given.x_mean) ** 2).sum(axis=1)
        enough = known and len(square) > 2
        weights = (
            None
            if R is None or not enough
            else least_squares([square, np.ones_like(square)], R, rounding=_rounding(given, R))
        )
        found = None if weights is None else weights[0]
        found = slope / (2 * given.variance) if found is None and slope is not None else found
        if found is not None and found > 0:
            yield from _other_variance(given, float(0.5 / found))


def _rounding(given: Given, theirs: Array) -> float:
    """How far rounding may have moved an entry."""
    return rounding(given.eps) * float(np.abs(theirs).max())


def _slope(given: Given, right: Terms) -> float | None:
    """How much steeper the loss is in the decoder's output than it should be."""
    for name, gradient in right.gradients.items():
        theirs, each = (
            given.arrays.get(f"d_{name}"),
            1.0 if given.reduction == "sum" else 1.0 / (given.B or 1),
        )
        if theirs is not None and theirs.shape == gradient.shape and (theirs * gradient).any():
            return float((theirs * gradient).sum() / (gradient**2).sum() / each)
    return None


def _scaled(ratio: float) -> Iterator[Reading]:
    for c in tidied(ratio):
        said = f"the reconstruction × {spelled(c)}"
        yield described(said, f"this is {said}: leave out the factor {spelled(c)}", 1, factor=number(c))


def _weighed(given: Given, R: Array | None) -> Iterator[Reading]:
    """Lit entries that weigh a, and unlit ones that weigh b."""
    lit, unlit = (_two_weights(*pair)(given) for pair in ((1.0, 0.0), (0.0, 1.0)))
    theirs = given.d_logits if R is None else R
    if lit is None or unlit is None or theirs is None:
        return
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    columns = [
        (each * t.gradients["logits"]).ravel() if R is None else t.value.sum(axis=1) for t in (lit, unlit)
    ]
    if len(columns[0]) < 3:
        return
    found = least_squares(columns, theirs, rounding=_rounding(given, theirs))
    for a, b in zip(*map(tidied, found or ()), strict=True):
        said = f"lit entries weigh {spelled(a)}, unlit ones {spelled(b)}"
        fix = (
            f"entries with x = 1 weigh {spelled(a)} and those with x = 0 weigh {spelled(b)}, as with "
            "pos_weight: "
            "leave out the weights, because with them this is no −log p(x|z) of a Bernoulli"
        )
        yield described(said, fix, 2, form=_two_weights(a, b))


def _two_weights(lit: float, unlit: float) -> Piece:
    def piece(given: Given) -> Terms | None:
        if given.logits is None or given.x is None:
            return None
        x, on = given.x, kernels.sigmoid(given.logits)
        value = lit * x * np.logaddexp(0, -given.logits) + unlit * (1 - x) * np.logaddexp(0, given.logits)
        slope = unlit * (1 - x) * on - lit * x * (1 - on)
        return masked(
            given, Terms(value, {"logits": slope}, (abs(lit) + abs(unlit)) * (1 + np.abs(given.logits)))
        )

    return piece


def _other_variance(given: Given, variance: float) -> Iterator[Reading]:
    for v in tidied(variance):
        half = float(0.5 / v)
        for known, left_out in ((0.5 * float(np.log(2 * np.pi * v)), ""), (0.0, ", without its constants")):
            said = f"a Gaussian of σ² = {spelled(v)}{left_out}"
            form = squares(_constantly(half), _constantly(known), "gaussian")
            yield described(
                said,
                f"the reconstruction is that of {said}, and σ² = {spelled(given.variance)} is expected: "
                f"pass variance={spelled(v)}, or divide the squared error by 2 · {spelled(given.variance)}",
                1,
                form=form,
            )


def _constantly(value: float) -> Callable[[Given], float]:
    return lambda given: value
