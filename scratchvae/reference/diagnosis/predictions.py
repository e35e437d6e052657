"""What each quantity should be, by the user's own quantities before it and the pieces of the step."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.draws import by_draw
from scratchvae.reference.diagnosis.gradients import gradient
from scratchvae.reference.diagnosis.losses import loss
from scratchvae.reference.diagnosis.pieces import Pieces, Prediction, Terms
from scratchvae.reference.diagnosis.quantities import GRADIENTS, Given
from scratchvae.reference.diagnosis.reductions import forms


def predict(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """All the forms in which `quantity` is right; none where what it follows from was not handed over."""
    with np.errstate(all="ignore"):  # a mistake may well be no number for these arrays: then it fits nothing
        return _predicted(quantity, given, pieces)


def _predicted(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    if quantity in GRADIENTS:
        return gradient(GRADIENTS[quantity], given, pieces)
    shape = np.shape(given.arrays[quantity])
    if (
        quantity in {"log_pz", "log_q"}
        or (quantity == "log_px" and given.weighted)
        or (quantity == "z" and len(shape) == 3)
    ):
        return by_draw(quantity, given, pieces)
    if quantity == "z":
        return _as_is(given.computed(pieces.sampling)) if given.noise is not None or given.evaluation else []
    if quantity in {"reconstruction", "log_px"}:
        terms = given.computed(pieces.reconstruction)
        return forms(terms if quantity == "reconstruction" else terms and terms.times(-1.0), shape, given)
    if quantity == "kl":
        closed = forms(given.computed(pieces.divergence), shape, given)
        return [*closed, *_penalty_forms(given, pieces)] if given.penalized and shape == () else closed
    if quantity == "log_w":
        return _as_is(given.computed(pieces.log_weights))
    if quantity in {"loss", "bound"}:
        return loss(given, pieces, shape, sign=1.0 if quantity == "loss" else -1.0)
    return []


def _as_is(terms: Terms | None) -> list[Prediction]:
    return [] if terms is None else [Prediction(terms.value, terms.size, terms.unsure)]


def _penalty_forms(given: Given, pieces: Pieces) -> list[Prediction]:
    """The KL as free bits make it, which may be what was handed over as the KL."""
    terms, penalty = given.computed(pieces.divergence), pieces.penalty(given)
    if terms is None or penalty is None:
        return []
    value, size = (
        np.asarray(penalty(given, terms.value)[0]),
        terms.size.sum() / len(terms.size) + given.free_bits + (given.capacity or 0.0),
    )
    return [Prediction(value, size), Prediction(value * len(terms.value), size * len(terms.value))]


def alike(theirs: Array, fair: list[Prediction], made: list[Prediction], eps: float) -> Array | None:
    """The right value in the form in which theirs stands, so that a mean stands beside a mean.

    `made` are the same forms with the mistakes that were found, which theirs may be one of.
    """
    for several in [made, fair] if len(made) == len(fair) else [fair]:
        for form, right in zip(several, fair, strict=True):
            if form.fits(theirs, eps):
                return right.value
    return fair[0].value if fair else None
