"""What the gradients of the loss should be, from the arrays of the step and d_z."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.importance import bound
from scratchvae.reference.diagnosis.pieces import Pieces, Prediction
from scratchvae.reference.diagnosis.quantities import SCALES, X_SCALES, Given


def gradient(name: str, given: Given, pieces: Pieces) -> list[Prediction]:
    """d(loss)/d(name)."""
    if given.weighted and name != "log_w":
        return []
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)  # of an example in the loss
    if name == "log_w":
        if given.log_w is None:
            return []
        weights, bounding = pieces.total(given), pieces.importance(given)
        if weights is None or bounding is None:
            return []
        _, share = bounding(given.log_w)
        a = weights.of_gradients * weights.reconstruction
        gradient = -a * (share / len(given.log_w) if given.reduction == "mean" else share)
        # what is rounded are log-weights, whose differences are taken, by them or in the exponent of a share
        # w̃
        _, normalized = bound(given.log_w)
        logarithms = np.abs(given.log_w) + np.abs(given.log_w).max(axis=1, keepdims=True)
        return [
            Prediction(
                gradient,
                np.abs(gradient) + abs(a) * each * (1 + normalized * logarithms),
            )
        ]
    weights = pieces.total(given)
    if weights is None:
        return []
    a, b = weights.of_gradients * weights.reconstruction, weights.of_gradients * weights.kl
    if name in {"logits", "x_mean", *X_SCALES}:
        terms = given.computed(pieces.reconstruction)
        if terms is None or name not in terms.gradients:
            return []
        gradient = a * each * terms.gradients[name]
        return [
            Prediction(
                gradient, np.abs(gradient) + abs(a) * each * (1 + terms.digits_lost) + _beside(given, name)
            )
        ]
    if name != "mean" and name not in SCALES:
        return []
    sampled, kl = given.computed(pieces.sampling), given.computed(pieces.divergence)
    if sampled is None or kl is None or name not in sampled.gradients or name not in kl.gradients:
        return []
    if given.d_z is None and sampled.gradients[name].any():
        return []
    dz = 0.0 if given.d_z is None else given.d_z
    # d_z is a sum over outputs. Whoever computes d(name) in a backward pass of its own rounds the terms of
    # that sum anew, and where they cancel they are as large as where they do not.
    summed = np.abs(dz).max()
    counted: Array | float = 1.0
    if given.penalized:
        penalty = pieces.penalty(given)
        if penalty is None:
            return []
        counted = penalty(given, kl.value)[1]
    path, own = dz * sampled.gradients[name], b * each * counted * kl.gradients[name]
    through = summed * (np.abs(sampled.gradients[name]) + (sampled.digits_lost if name != "mean" else 0))
    lost = abs(b) * each * (1 + kl.digits_lost)
    return [Prediction(path + own, through + np.abs(own) + lost + _beside(given, name))]


def _beside(given: Given, name: str) -> Array | float:
    """The size of what was taken from a gradient, of which it has the rounding."""
    size: Array | float = given.beside.get(f"d_{name}", 0.0)
    return size


def of_kl_through_z(given: Given, pieces: Pieces) -> Array | float:
    """What the KL's own dependence on z adds to d_z, where it is estimated from one draw."""
    weights, kl = pieces.total(given), given.computed(pieces.divergence)
    if weights is None or kl is None or "z" not in kl.gradients:
        return 0.0
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    penalty = pieces.penalty(given) if given.penalized else None
    counted: Array | float = 1.0 if penalty is None else penalty(given, kl.value)[1]
    added: Array = weights.of_gradients * weights.kl * each * counted * kl.gradients["z"]
    return added
