"""What is right if it is taken otherwise: a changed x, few digits."""

from dataclasses import replace

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.reference.diagnosis.pieces import Prediction
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.right import RIGHT

ALIKE = 1e-5  # what is nearer than this, relative to the parts, was rounded rather than computed otherwise
BYTES = 255.0


def rounded(quantity: str, theirs: Array, right: list[Prediction]) -> list[str]:
    """A note where so many digits agree that the rest may have been rounded away."""
    if not right:
        return []
    with np.errstate(all="ignore"):
        apart = float(np.max(np.abs(theirs - right[0].value) / np.maximum(np.abs(right[0].value), 1e-300)))
    if not 0 < apart < ALIKE:
        return []
    digits = int(-np.log10(apart))
    return [f"{quantity} agrees to {digits} digits: was it rounded, or computed in another precision?"]


def with_target(given: Given) -> tuple[Given, str] | None:
    """The step with the x that it compares with, where that is made of the one handed over; and the words."""
    if given.likelihood != "bernoulli" or given.x is None:
        return None
    found = _scaled_bytes(given) or _binarized(given)
    if found is None:
        return None
    x, words = found
    made = replace(given, arrays={**given.arrays, "x": x})
    of_x = [q for q in ("reconstruction", "log_px", "loss", "d_logits", "d_x_mean") if q in given.arrays]
    before = sum(_fits(q, given) for q in of_x)
    return (made, words) if sum(_fits(q, made) for q in of_x) > before else None


def _scaled_bytes(given: Given) -> tuple[Array, str] | None:
    x = given.x
    if x is None or x.min() < 0 or not 1 < x.max() <= BYTES or (x != np.round(x)).any():
        return None
    return x / BYTES, "the step divides x by 255, so x / 255 is taken as the data"


def _binarized(given: Given) -> tuple[Array, str] | None:
    """The target that d_logits implies, σ(l) − B d_logits, where it is 0 and 1 and x lies between."""
    x, logits, gradient = given.x, given.logits, given.d_logits
    if (
        x is None
        or logits is None
        or gradient is None
        or np.isin(x, (0, 1)).all()
        or x.min() < 0
        or x.max() > 1
    ):
        return None
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    implied = kernels.sigmoid(logits) - gradient / each
    target = np.round(implied)
    plain = np.abs(implied - target) <= 64 * given.eps * (1 + np.abs(gradient) / each)
    possible = ((target == 0) & (x < 1)) | ((target == 1) & (x > 0))
    return (
        (
            target,
            "the step compares the output with x binarized, as d_logits shows, so that is taken as the data",
        )
        if (plain & possible).all()
        else None
    )


def _fits(quantity: str, given: Given) -> bool:
    return any(p.fits(given.arrays[quantity], given.eps) for p in predict(quantity, given, RIGHT))
