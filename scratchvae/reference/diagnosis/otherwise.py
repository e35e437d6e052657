"""What would agree if it had been said otherwise: another beta or reduction, a KL that holds its weight, fewer digits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Mistake, Pieces, Place, Prediction, Weights
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.right import RIGHT

ALIKE = 1e-5  # what is nearer than this, relative to the parts, was rounded rather than computed otherwise


def digits_alike(theirs: Array, right: Prediction) -> int:
    """How many digits agree, if so many do that the rest may have been rounded away; else 0."""
    with np.errstate(all="ignore"):
        apart = float(np.max(np.abs(theirs - right.value) / np.maximum(np.abs(right.value), 1e-300)))
    return int(-np.log10(apart)) if 0 < apart < ALIKE else 0


def kl_holds_beta(given: Given) -> Given | None:
    """The step with the KL divided by beta, if kl is beta · KL and the loss adds it as it is."""
    if given.kl is None or given.beta in (0, 1) or given.free_bits or not {"loss", "bound"} & set(given.arrays):
        return None
    plain = replace(given, arrays={**given.arrays, "kl": given.kl / given.beta})
    return plain if all(_fits(q, plain, RIGHT) for q in ("kl", "loss", "bound") if q in given.arrays) else None


def other_weight(quantity: str, given: Given, pieces: Pieces) -> float | None:
    """The weight c of the KL for which the loss is R + c K, if more than the one number says so.

    What else may say it: the loss of other examples, gradients that agree with it, or that it is a number of few digits.
    """
    theirs = given.arrays[quantity]
    R, K = (predict(quantity, given, _weighing(pieces, *weights)) for weights in ((1.0, 0.0), (0.0, 1.0)))
    if not R or not K or np.shape(K[0].value) != theirs.shape:
        return None
    with np.errstate(all="ignore"):
        weight = float(np.median((theirs - R[0].value) / K[0].value))
    if not (np.isfinite(weight) and weight > 0):
        return None
    plain = float(f"{weight:.3g}")
    chosen = plain if _fits(quantity, given, _weighing(pieces, 1.0, plain)) else weight
    weighing = _weighing(pieces, 1.0, chosen)
    gradients = [q for q in ("d_mean", f"d_{given.scale}") if q in given.arrays and predict(q, given, weighing)]
    if not all(_fits(q, given, weighing) for q in (quantity, *gradients)):
        return None
    return chosen if gradients or theirs.size > 1 or chosen == plain else None


def other_reduction(quantity: str, given: Given, pieces: Pieces, catalogue: list[Mistake]) -> tuple[Mistake, Pieces, str] | None:
    """The one mistake that explains the loss as the mean over the batch where a sum was declared, or the other way round."""
    scale, over = (1 / (given.B or 1), "a mean") if given.reduction == "sum" else (float(given.B or 1), "a sum")
    found: dict[str, tuple[Mistake, Pieces, str]] = {}
    for mistake in catalogue:
        made = pieces.under(mistake)
        changed = made.having(Place.TOTAL, _scaled(made.total, scale))
        if _fits(quantity, given, changed):
            found.setdefault(mistake.name, (mistake, changed, over))
    return next(iter(found.values())) if len(found) == 1 else None


def _weighing(pieces: Pieces, a: float, b: float) -> Pieces:
    return pieces.having(Place.TOTAL, lambda given: Weights(a, b))


def _scaled(total: Callable[[Given], Weights | None], scale: float) -> Callable[[Given], Weights | None]:
    def computes(given: Given) -> Weights | None:
        weights = total(given)
        return None if weights is None else Weights(scale * weights.reconstruction, scale * weights.kl)

    return computes


def _fits(quantity: str, given: Given, pieces: Pieces) -> bool:
    return any(p.fits(given.arrays[quantity], given.eps) for p in predict(quantity, given, pieces))
