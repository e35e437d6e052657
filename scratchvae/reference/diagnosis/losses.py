"""What the loss should be, of the user's own reconstruction and KL or of what the pieces make of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Piece, Pieces, Prediction, Terms, Weights
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.reductions import forms
from scratchvae.reference.diagnosis.right import RIGHT


def loss(given: Given, pieces: Pieces, shape: tuple[int, ...], *, sign: float) -> list[Prediction]:
    """The loss of that shape, by example or as a number; with sign −1 the bound."""
    if given.weighted:
        return _importance_loss(given, pieces, shape, sign)
    weights = pieces.total(given)
    if weights is None:
        return []
    # a number alone may be a mean or a sum over the batch: what is right may be either, a mistake not
    right = pieces is RIGHT
    kept = None if right else 1
    kls = _penalized(given, pieces, shape) if given.penalized else _part("kl", given, pieces, shape)
    found = [
        _joined(weights, R, K, given, shape, sign)
        for R in _part("reconstruction", given, pieces, shape)[:kept]
        for K in kls[:kept]
    ]
    return [prediction for prediction in found if prediction is not None]


def _joined(
    weights: Weights, R: Prediction, K: Prediction, given: Given, shape: tuple[int, ...], sign: float
) -> Prediction | None:
    """a R + b K by example, or as the declared reduction of it."""
    a, b, added, _ = weights
    B = given.B or 1
    if shape != () or (R.value.ndim == K.value.ndim == 1 and R.value.shape == K.value.shape):
        value, size = sign * (a * R.value + b * K.value + added), abs(a) * R.size + abs(b) * K.size
        unsure = abs(a) * R.unsure + abs(b) * K.unsure + 0 * value
        if shape != ():
            return Prediction(value, size, unsure) if np.shape(value) == shape else None
    else:
        (R_value, R_size), (K_value, K_size) = ((_mean(part.value), _mean(part.size)) for part in (R, K))
        value, size = sign * (a * R_value + b * K_value + added), abs(a) * R_size + abs(b) * K_size
        unsure = abs(a) * _mean(R.unsure) + abs(b) * _mean(K.unsure)
    scale = 1 if given.reduction == "mean" else B
    return Prediction(
        scale * _mean(value), scale * _mean(size) + given.beside.get("loss", 0.0), scale * _mean(unsure)
    )


def _importance_loss(given: Given, pieces: Pieces, shape: tuple[int, ...], sign: float) -> list[Prediction]:
    terms, weights = (
        (None if given.log_w is not None else given.computed(pieces.log_weights)),
        pieces.total(given),
    )
    log_w, bounding = given.log_w if terms is None else terms.value, pieces.importance(given)
    if log_w is None or weights is None or bounding is None:
        return []
    bound, _ = bounding(log_w)
    value = -sign * weights.reconstruction * bound
    size = abs(weights.reconstruction) * (1 + np.max(np.abs(log_w) if terms is None else terms.size, axis=1))
    if shape == value.shape:
        return [Prediction(value, size)]
    if shape != ():
        return []
    scale = 1 if given.reduction == "mean" else len(value)
    return [Prediction(scale * value.mean(), scale * size.mean())]


def _mean(value: Any) -> Array:
    return np.asarray(value if np.ndim(value) == 0 else np.mean(value))


NEAR = 0.01  # relative: what is further from both may be a mean or a sum


@dataclass(frozen=True)
class _Part:
    """The user's own reconstruction or KL by example, or its mean over the batch; else what the piece makes.

    For a loss by example, of that `shape`, a number of theirs is none.
    """

    name: str
    piece: Piece
    shape: tuple[int, ...]

    def __call__(self, given: Given) -> list[Prediction]:
        terms, theirs = given.computed(self.piece), given.arrays.get(self.name)
        if theirs is None and self.name == "reconstruction" and given.log_px is not None:
            theirs = -given.log_px
        if theirs is None or (theirs.ndim == 0 and self.shape != ()):
            return [] if terms is None else forms(terms, terms.value.shape[:1], given)
        if theirs.ndim == 2:
            theirs = theirs.sum(axis=1)
        if theirs.ndim == 1:
            return [Prediction(theirs, np.abs(theirs))]
        B = given.B or 1
        mean, whole = Prediction(theirs, np.abs(theirs)), Prediction(theirs / B, np.abs(theirs / B))
        if terms is None:
            return [mean, whole] if given.reduction == "mean" else [whole, mean]
        expected = abs(terms.value.sum()) / B
        off, off_whole = abs(abs(theirs) - expected), abs(abs(theirs) - B * expected)
        nearest = [whole, mean] if off_whole < off else [mean, whole]
        return nearest[:1] if min(off / expected, off_whole / (B * expected)) < NEAR else nearest


def _part(name: str, given: Given, pieces: Pieces, shape: tuple[int, ...]) -> list[Prediction]:
    """The part as it is, or as the pieces make it, computed once for all readings that do not change it."""
    piece = pieces.divergence if name == "kl" else pieces.reconstruction
    found: list[Prediction] = given.computed(_Part(name, piece, shape))
    return found


def _penalized(given: Given, pieces: Pieces, shape: tuple[int, ...]) -> list[Prediction]:
    """What free bits or a capacity make of the KL: a mean over the batch, or a number for each example."""
    kl, penalty = _kl_by_latent(given, pieces), pieces.penalty(given)
    if kl is None or penalty is None:
        return []
    if shape != () and given.capacity is not None:
        each = [penalty(given, row[None])[0] for row in kl.value]
        return [Prediction(np.array(each), kl.size.sum(axis=1) + given.capacity)]
    size = kl.size.sum() / len(kl.size) + (given.capacity or 0.0)
    return [Prediction(np.asarray(penalty(given, kl.value)[0]), np.asarray(size))]


def _kl_by_latent(given: Given, pieces: Pieces) -> Terms | None:
    terms = given.computed(pieces.divergence)
    if given.kl is not None and given.kl.ndim == 2:
        return Terms(given.kl, {} if terms is None else terms.gradients, np.abs(given.kl))
    return terms
