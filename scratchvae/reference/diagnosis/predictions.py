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
        "reconstruction",
        cross_entropy.through_probabilities,
        "taken through probabilities: right, but it loses digits near 0 and 1",
    ),
]


@dataclass(frozen=True)
class Prediction:
    """A value a quantity may have, how large the parts of each entry are, and what kind of reduction that is."""

    value: Array
    size: Array
    reduced: str = ""  # over the batch, of a single number: "mean" or "sum"


def predict(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """All the forms in which `quantity` is right; none where what it follows from was not handed over."""
    with np.errstate(all="ignore"):  # a mistake may well be no number for these arrays: then it fits nothing
        return _predicted(quantity, given, pieces)


def _predicted(quantity: str, given: Given, pieces: Pieces) -> list[Prediction]:
    if quantity.startswith("d_"):
        return _gradient(quantity.removeprefix("d_"), given, pieces)
    if quantity == "z":
        return _as_is(pieces["sampling"](given))
    shape = np.shape(given.arrays[quantity])
    if quantity in {"reconstruction", "log_px"}:
        if given.log_pz is not None:
            return []
        terms = pieces["reconstruction"](given)
        return _forms(terms if quantity == "reconstruction" else terms and terms.times(-1.0), shape, given)
    if quantity == "kl":
        return _forms(pieces["divergence"](given), shape, given)
    if quantity == "log_w":
        return _as_is(pieces["log_weights"](given))
    if quantity in {"loss", "bound"}:
        return _loss(given, pieces, shape, sign=1.0 if quantity == "loss" else -1.0)
    return []


def _as_is(terms: Terms | None) -> list[Prediction]:
    return [] if terms is None else [Prediction(terms.value, terms.size)]


def _forms(terms: Terms | None, shape: tuple[int, ...], given: Given) -> list[Prediction]:
    """By entry, by example, or as one number: then as a mean or as a sum over the batch, the declared one first."""
    if terms is None:
        return []
    value, size = terms.value, terms.size
    if shape == value.shape:
        return [Prediction(value, size)]
    if shape == value.shape[:1]:
        return [Prediction(value.sum(axis=1), size.sum(axis=1))]
    mean = Prediction(value.sum() / len(value), size.sum() / len(value), "mean")
    whole = Prediction(value.sum(), size.sum(), "sum")
    if shape != ():
        return []
    return [mean, whole] if given.reduction == "mean" else [whole, mean]


def _loss(given: Given, pieces: Pieces, shape: tuple[int, ...], *, sign: float) -> list[Prediction]:
    parts = _importance_parts(given, pieces) if given.log_w is not None or given.log_pz is not None else _parts(given, pieces)
    if parts is None:
        return []
    value, size, B = parts
    if shape == value.shape:
        return [Prediction(sign * value, size)]
    if shape != ():
        return []
    whole, sizes = value.sum(), size.sum()
    if value.ndim == 0 or given.reduction == "sum":
        return [Prediction(sign * whole, sizes)]
    return [Prediction(sign * whole / B, sizes / B)]


def _importance_parts(given: Given, pieces: Pieces) -> tuple[Array, Array, int] | None:
    log_w, size = given.log_w, None
    if log_w is None:
        terms = pieces["log_weights"](given)
        if terms is None:
            return None
        log_w, size = terms.value, terms.size
    bound, _ = pieces["importance"](given)(log_w)
    return -bound, 1 + np.max(np.abs(log_w) if size is None else size, axis=1), len(log_w)


def _parts(given: Given, pieces: Pieces) -> tuple[Array, Array, int] | None:
    """The loss of each example (B,), or as one number where a part was handed over as one."""
    weights = pieces["total"](given)
    R, K = _part("reconstruction", given, pieces), _part("kl", given, pieces)
    if weights is None or R is None or K is None:
        return None
    a, b = weights
    (R_value, R_size), (K_value, K_size) = R, K
    B = given.B or 1
    if given.free_bits:
        kl = _kl_by_latent(given, pieces)
        penalty = pieces["penalty"](given)
        if kl is None or penalty is None:
            return None
        K_value, K_size = np.asarray(penalty(given, kl.value)[0]), np.asarray(kl.size.sum() / B)
    if R_value.ndim != K_value.ndim or R_value.ndim == 0:
        scale = 1 if given.reduction == "mean" else B
        (R_value, R_size), (K_value, K_size) = (
            (_mean(v) * scale, _mean(s) * scale) for v, s in ((R_value, R_size), (K_value, K_size))
        )
    return a * R_value + b * K_value, abs(a) * R_size + abs(b) * K_size, B


def _mean(value: Array) -> Array:
    return np.asarray(value if value.ndim == 0 else value.mean())


def _part(name: str, given: Given, pieces: Pieces) -> tuple[Array, Array] | None:
    """The user's own reconstruction or KL by example, or its mean over the batch; else what the piece makes of it."""
    piece = "divergence" if name == "kl" else name
    terms = pieces[piece](given)
    theirs = given.arrays.get(name)
    if theirs is None and name == "reconstruction" and given.log_px is not None:
        theirs = -given.log_px
    if theirs is None:
        return None if terms is None else (terms.value.sum(axis=1), terms.size.sum(axis=1))
    if theirs.ndim == 2:
        theirs = theirs.sum(axis=1)
    if theirs.ndim == 1:
        return theirs, np.abs(theirs) if terms is None else terms.size.sum(axis=1)
    B = given.B or 1
    reduced = given.reduction
    if terms is not None:  # a number: is it the mean or the sum over the batch?
        mean = abs(terms.value.sum()) / B
        reduced = "sum" if abs(abs(theirs) - B * mean) < abs(abs(theirs) - mean) else "mean"
    value = theirs / B if reduced == "sum" else theirs
    return value, np.abs(value) if terms is None else np.asarray(terms.size.sum() / B)


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
        _, share = pieces["importance"](given)(given.log_w)
        return [Prediction(-share / len(given.log_w) if given.reduction == "mean" else -share, np.abs(share) + each)]
    weights = pieces["total"](given)
    if weights is None:
        return []
    a, b = weights
    if name in {"logits", "x_mean", "x_log_var"}:
        terms = pieces["reconstruction"](given)
        if terms is None or name not in terms.gradients:
            return []
        gradient = a * each * terms.gradients[name]
        return [Prediction(gradient, np.abs(gradient) + abs(a) * each)]
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
    return [Prediction(path + own, np.abs(path) + np.abs(own) + abs(b) * each)]
