"""What each quantity of a step should be, from the user's own quantities before it and from the pieces of the step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import cross_entropy, divergence, importance, reconstruction, sampling, total
from scratchvae.reference.diagnosis.pieces import Terms
from scratchvae.reference.diagnosis.quantities import SCALES, Given

Pieces = Mapping[str, Callable[..., Any]]
RIGHT: Pieces = {
    "sampling": sampling.reparameterized,
    "reconstruction": reconstruction.negative_log_likelihood,
    "divergence": divergence.closed_form,
    "total": total.weights,
    "penalty": lambda given: total.free_bits,
    "log_weights": importance.log_weights,
    "importance": lambda given: importance.bound,
}
ALSO_RIGHT: list[tuple[str, Callable[..., Any], str]] = [
    ("divergence", divergence.one_sample, "a one-sample estimate of the KL: right, if less exact"),
    (
        "divergence",
        divergence.one_sample_of_noise,
        "a one-sample estimate of the KL, log q taken from the noise: right, if less exact",
    ),
    (
        "divergence",
        divergence.one_sample_sticking,
        "a one-sample estimate of the KL, log q's parameters detached: right, if less exact",
    ),
    (
        "reconstruction",
        cross_entropy.through_probabilities,
        "taken through probabilities: right, but it loses digits near 0 and 1",
    ),
    (
        "reconstruction",
        cross_entropy.as_torch,
        "torch's cross-entropy of probabilities, whose slope is held where p (1 − p) < 1e-12",
    ),
    ("reconstruction", reconstruction.without_fixed_sigma, "without log σ, which is a constant here"),
    (
        "importance",
        lambda given: importance.surrogate,
        "Σ w̃ log w with detached weights: not the bound, but its gradient is right",
    ),
]


@dataclass(frozen=True)
class Prediction:
    """A value a quantity may have, how large the parts of each entry are, and what kind of reduction that is."""

    value: Array
    size: Array
    unsure: Array | float = 0.0  # what the digits that were handed over leave open, beyond rounding


def predict(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """All the forms in which `quantity` is right; none where what it follows from was not handed over."""
    with np.errstate(all="ignore"):  # a mistake may well be no number for these arrays: then it fits nothing
        return _predicted(quantity, given, pieces)


def _predicted(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    if quantity.startswith("d_"):
        return _gradient(quantity.removeprefix("d_"), given, pieces)
    if quantity == "z":
        return _as_is(pieces["sampling"](given)) if given.noise is not None or given.evaluation else []
    shape = np.shape(given.arrays[quantity])
    if quantity in {"reconstruction", "log_px"}:
        if given.log_pz is not None:
            return []
        terms = pieces["reconstruction"](given)
        return _forms(terms if quantity == "reconstruction" else terms and terms.times(-1.0), shape, given)
    if quantity == "kl":
        forms = _forms(pieces["divergence"](given), shape, given)
        return [*forms, *_penalty_forms(given, pieces)] if given.free_bits and shape == () else forms
    if quantity == "log_w":
        return _as_is(pieces["log_weights"](given))
    if quantity in {"loss", "bound"}:
        return _loss(given, pieces, shape, sign=1.0 if quantity == "loss" else -1.0)
    return []


def _as_is(terms: Terms | None) -> list[Prediction]:
    return [] if terms is None else [Prediction(terms.value, terms.size, terms.unsure)]


def _forms(terms: Terms | None, shape: tuple[int, ...], given: Given) -> list[Prediction]:
    """By entry, by example, or as one number: then as a mean or as a sum over the batch, the declared one first."""
    if terms is None:
        return []
    value, size, unsure = terms.value, terms.size, terms.unsure + 0 * terms.value
    if shape == value.shape:
        return [Prediction(value, size, unsure)]
    if shape == value.shape[:1]:
        return [Prediction(value.sum(axis=1), size.sum(axis=1), unsure.sum(axis=1))]
    if shape != ():
        return []
    whole = Prediction(value.sum(), size.sum(), unsure.sum())
    mean = Prediction(value.sum() / len(value), size.sum() / len(value), unsure.sum() / len(value))
    return [mean, whole] if given.reduction == "mean" else [whole, mean]


def _penalty_forms(given: Given, pieces: Pieces) -> list[Prediction]:
    """The KL as free bits make it, which may be what was handed over as the KL."""
    terms, penalty = pieces["divergence"](given), pieces["penalty"](given)
    if terms is None or penalty is None:
        return []
    value, size = np.asarray(penalty(given, terms.value)[0]), terms.size.sum() / len(terms.size) + given.free_bits
    return [Prediction(value, size), Prediction(value * len(terms.value), size * len(terms.value))]


def _loss(given: Given, pieces: Pieces, shape: tuple[int, ...], *, sign: float) -> list[Prediction]:
    if given.log_w is not None or given.log_pz is not None:
        return _importance_loss(given, pieces, shape, sign)
    weights = pieces["total"](given)
    if weights is None:
        return []
    right = (
        pieces is RIGHT
    )  # a number alone may be a mean or a sum over the batch: what is right may be either, a mistake may not
    found = [
        _joined(weights, R, K, given, shape, sign)
        for R in _part("reconstruction", given, pieces, shape)[: None if right else 1]
        for K in (_penalized(given, pieces) if given.free_bits else _part("kl", given, pieces, shape))[: None if right else 1]
    ]
    return [prediction for prediction in found if prediction is not None]


def _joined(
    weights: tuple[float, float], R: Prediction, K: Prediction, given: Given, shape: tuple[int, ...], sign: float
) -> Prediction | None:
    """a R + b K by example, or as the declared reduction of it."""
    a, b = weights
    B = given.B or 1
    if shape != () or (R.value.ndim == K.value.ndim == 1 and R.value.shape == K.value.shape):
        value, size = sign * (a * R.value + b * K.value), abs(a) * R.size + abs(b) * K.size
        unsure = abs(a) * R.unsure + abs(b) * K.unsure + 0 * value
        if shape != ():
            return Prediction(value, size, unsure) if np.shape(value) == shape else None
    else:
        (R_value, R_size), (K_value, K_size) = ((_mean(part.value), _mean(part.size)) for part in (R, K))
        value, size = sign * (a * R_value + b * K_value), abs(a) * R_size + abs(b) * K_size
        unsure = abs(a) * _mean(R.unsure) + abs(b) * _mean(K.unsure)
    scale = 1 if given.reduction == "mean" else B
    return Prediction(scale * _mean(value), scale * _mean(size), scale * _mean(unsure))


def _importance_loss(given: Given, pieces: Pieces, shape: tuple[int, ...], sign: float) -> list[Prediction]:
    terms, weights = (None if given.log_w is not None else pieces["log_weights"](given)), pieces["total"](given)
    log_w, bounding = given.log_w if terms is None else terms.value, pieces["importance"](given)
    if log_w is None or weights is None or bounding is None:
        return []
    bound, _ = bounding(log_w)
    value = -sign * weights[0] * bound
    size = abs(weights[0]) * (1 + np.max(np.abs(log_w) if terms is None else terms.size, axis=1))
    if shape == value.shape:
        return [Prediction(value, size)]
    if shape != ():
        return []
    scale = 1 if given.reduction == "mean" else len(value)
    return [Prediction(scale * value.mean(), scale * size.mean())]


def _mean(value: Any) -> Array:
    return np.asarray(value if np.ndim(value) == 0 else np.mean(value))


def _part(name: str, given: Given, pieces: Pieces, shape: tuple[int, ...]) -> list[Prediction]:
    """The user's own reconstruction or KL by example, or as its mean over the batch; else what the piece makes of it.

    For a loss by example, of that `shape`, a number of theirs is none.
    """
    terms = pieces["divergence" if name == "kl" else name](given)
    theirs = given.arrays.get(name)
    if theirs is None and name == "reconstruction" and given.log_px is not None:
        theirs = -given.log_px
    if theirs is None or (theirs.ndim == 0 and shape != ()):
        return [] if terms is None else _forms(terms, terms.value.shape[:1], given)
    if theirs.ndim == 2:
        theirs = theirs.sum(axis=1)
    if theirs.ndim == 1:
        return [Prediction(theirs, np.abs(theirs))]
    B = given.B or 1
    mean, whole = Prediction(theirs, np.abs(theirs)), Prediction(theirs / B, np.abs(theirs / B))
    if terms is None:
        return [mean, whole] if given.reduction == "mean" else [whole, mean]
    expected = abs(terms.value.sum()) / B  # of the two the one that is nearer
    return [whole] if abs(abs(theirs) - B * expected) < abs(abs(theirs) - expected) else [mean]


def _penalized(given: Given, pieces: Pieces) -> list[Prediction]:
    """What free bits make of the KL, as a mean over the batch."""
    kl, penalty = _kl_by_latent(given, pieces), pieces["penalty"](given)
    if kl is None or penalty is None:
        return []
    return [Prediction(np.asarray(penalty(given, kl.value)[0]), np.asarray(kl.size.sum() / len(kl.size)))]


def _kl_by_latent(given: Given, pieces: Pieces) -> Terms | None:
    terms: Terms | None = pieces["divergence"](given)
    if given.kl is not None and given.kl.ndim == 2:
        return Terms(given.kl, {} if terms is None else terms.gradients, np.abs(given.kl))
    return terms


def _gradient(name: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """d(loss)/d(name)."""
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)  # of an example in the loss
    if name == "log_w":
        if given.log_w is None:
            return []
        weights, bounding = pieces["total"](given), pieces["importance"](given)
        if weights is None or bounding is None:
            return []
        _, share = bounding(given.log_w)
        gradient = -weights[0] * (share / len(given.log_w) if given.reduction == "mean" else share)
        return [Prediction(gradient, np.abs(gradient) + abs(weights[0]) * each)]
    weights = pieces["total"](given)
    if weights is None:
        return []
    a, b = weights
    if name in {"logits", "x_mean", "x_log_var"}:
        terms = pieces["reconstruction"](given)
        if terms is None or name not in terms.gradients:
            return []
        gradient = a * each * terms.gradients[name]
        return [Prediction(gradient, np.abs(gradient) + abs(a) * each * (1 + terms.digits_lost))]
    if name != "mean" and name not in SCALES:
        return []
    sampled, kl = pieces["sampling"](given), pieces["divergence"](given)
    if given.d_z is None or sampled is None or kl is None or name not in sampled.gradients or name not in kl.gradients:
        return []
    counted = 1.0
    if given.free_bits:
        penalty = pieces["penalty"](given)
        if penalty is None:
            return []
        counted = penalty(given, kl.value)[1]
    path, own = given.d_z * sampled.gradients[name], b * each * counted * kl.gradients[name]
    lost = abs(b) * each * kl.digits_lost + (np.abs(given.d_z) * sampled.digits_lost if name != "mean" else 0)
    return [Prediction(path + own, np.abs(path) + np.abs(own) + abs(b) * each + lost)]
