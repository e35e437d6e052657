"""The cross-entropy −x log p − (1 − x) log (1 − p) of a Bernoulli, and what is written instead of it.

A probability that was rounded to float32 is as near to 1 as 6e-8: what depends on log (1 − p) is only known
so far.
"""

from collections.abc import Callable

import numpy as np

from scratchvae import kernels
from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli
from scratchvae.reference.diagnosis.pieces import Piece, Place, Reading, Terms, masked
from scratchvae.reference.diagnosis.quantities import Given

# that people add to, or clip at, inside a logarithm
LOG_FLOORS = (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
TORCH_FLOOR = -100.0  # of the logarithms in torch.nn.functional.binary_cross_entropy
# p -> log p, log (1 − p) as somebody takes them, and slopes
Logarithms = Callable[[Array], tuple[Array, Array, Array, Array]]


def by_logits(logits: Array, x: Array) -> Terms:
    """softplus(l) − x l, with gradient σ(l) − x."""
    log_px, pullback = bernoulli.log_prob(logits.reshape(-1, 1), x=x.reshape(-1, 1))
    dlogits = pullback(-np.ones_like(log_px)).reshape(x.shape)
    return Terms(-log_px.reshape(x.shape), {"logits": dlogits}, 1 + np.abs(logits) * (1 + np.abs(x)))


def by_probabilities(p: Array, x: Array) -> Terms:
    """−x log p − (1 − x) log (1 − p), with 0 log 0 = 0."""
    value = -np.where(x == 0, 0, x * np.log(p)) - np.where(x == 1, 0, (1 - x) * np.log1p(-p))
    slope = np.where(x == p, 0, (p - x) / (p * (1 - p)))
    return Terms(value, {"x_mean": slope}, 1 + np.abs(value))


def probability(given: Given) -> tuple[Array, Array] | None:
    """p as the user's dtype holds it, and dp/d(what was handed over)."""
    if given.likelihood != "bernoulli" or given.x is None:
        return None
    if given.logits is not None:
        p = kernels.sigmoid(given.logits.astype(given.dtype)).astype(np.float64)
        return p, p * (1 - p)
    return None if given.x_mean is None else (given.x_mean, np.ones_like(given.x_mean))


def _cross_entropy(
    logarithms: Logarithms, change: Callable[[Array], tuple[Array, Array]] = lambda p: (p, np.ones_like(p))
) -> Piece:
    """The cross-entropy with somebody's logarithms, of change(p) -> (changed p, its slope)."""

    def piece(given: Given) -> Terms | None:
        found = probability(given)
        if found is None or given.x is None:
            return None
        (p, dp), x = found, given.x
        q, dq = change(p)
        if not ((q >= 0) & (q <= 1)).all():
            return None
        on, off, d_on, d_off = logarithms(q)
        value, slope = -x * on - (1 - x) * off, (-x * d_on - (1 - x) * d_off) * dq
        # two units in the last place of p
        unsure = np.where((q > 0) & (q < 1), np.abs(slope) * q * 4 * given.eps, 0)
        return masked(
            given,
            Terms(value, {_handed_over(given): slope * dp}, 1 + np.abs(value), unsure, _lost(slope * dp, p)),
        )

    return piece


def through_probabilities(given: Given) -> Terms | None:
    """The cross-entropy of probabilities that are not rounded to 0 or 1: right, but for lost digits."""
    found = probability(given)
    if found is None or not ((found[0] > 0) & (found[0] < 1)).all():
        return None
    terms: Terms | None = _cross_entropy(_exact)(given)
    return terms


def exchanged(given: Given) -> Terms | None:
    """−p log x − (1 − p) log (1 − x): the output stands where x belongs, with torch's floor of logarithms."""
    found = probability(given)
    if found is None or given.x is None or ((given.x < 0) | (given.x > 1)).any():
        return None
    (p, dp), x = found, given.x
    on, off = np.maximum(np.log(x), TORCH_FLOOR), np.maximum(np.log1p(-x), TORCH_FLOOR)
    value = -p * on - (1 - p) * off
    unsure = np.abs(off - on) * p * 4 * given.eps  # two units in the last place of p
    return masked(given, Terms(value, {_handed_over(given): (off - on) * dp}, 1 + np.abs(value), unsure))


def _handed_over(given: Given) -> str:
    return "logits" if given.logits is not None else "x_mean"


def _exact(p: Array) -> tuple[Array, Array, Array, Array]:
    return np.log(p), np.log1p(-p), 1 / p, -1 / (1 - p)


def _floored(floor: float) -> Logarithms:
    return lambda p: (np.log(p + floor), np.log(1 - p + floor), 1 / (p + floor), -1 / (1 - p + floor))


def _held(given: Given) -> Terms | None:
    """As torch.nn.functional.binary_cross_entropy holds logarithms above −100, and a divisor above 1e-12."""
    found = probability(given)
    if found is None or given.x is None or not ((found[0] >= 0) & (found[0] <= 1)).all():
        return None
    (p, dp), x = found, given.x
    on, off = np.maximum(np.log(p), TORCH_FLOOR), np.maximum(np.log1p(-p), TORCH_FLOOR)
    value, slope = -x * on - (1 - x) * off, (p - x) / np.maximum(p * (1 - p), 1e-12)
    unsure = np.where((p > 0) & (p < 1), np.abs(slope) * p * 4 * given.eps, 0)
    return masked(
        given,
        Terms(value, {_handed_over(given): slope * dp}, 1 + np.abs(value), unsure, _lost(slope * dp, p)),
    )


def _lost(gradient: Array, p: Array) -> Array:
    """What a few units in the last place of p do to 1 / (1 − p), in roundoffs of which 32 are allowed."""
    edge = np.minimum(p, 1 - p)
    return np.where(edge > 0, np.abs(gradient) / (8 * np.maximum(edge, 1e-300)), 0)


def as_torch(given: Given) -> Terms | None:
    """As torch.nn.functional.binary_cross_entropy, where no wrong pixel reaches one of its floors."""
    found = probability(given)
    if found is None or given.x is None:
        return None
    (p, _), x = found, given.x
    reached = ((p < 1e-12) & (x > 0)) | ((1 - p < 1e-12) & (x < 1))
    return None if reached.any() else _held(given)


def _clipped(floor: float) -> Callable[[Given], Callable[[Array], tuple[Array, Array]]]:
    def change(given: Given) -> Callable[[Array], tuple[Array, Array]]:
        low, high = (float(given.dtype(bound)) for bound in (floor, 1 - floor))
        return lambda p: (np.clip(p, low, high), ((p >= low) & (p <= high)).astype(np.float64))

    return change


def _with_clipping(floor: float) -> Piece:
    return lambda given: _cross_entropy(_exact, _clipped(floor)(given))(given)


def _logits_as_probabilities(floor: float) -> Piece:
    def piece(given: Given) -> Terms | None:
        if given.likelihood != "bernoulli" or given.logits is None or given.x is None:
            return None
        p, inside = _clipped(floor)(given)(given.logits)
        terms = by_probabilities(p, given.x)
        return masked(given, Terms(terms.value, {"logits": terms.gradients["x_mean"] * inside}, terms.size))

    return piece


def _sigmoid(p: Array) -> tuple[Array, Array]:
    q = kernels.sigmoid(p)
    return q, q * (1 - q)


def _on_only(p: Array) -> tuple[Array, Array, Array, Array]:
    return np.log(p), np.zeros_like(p), 1 / p, np.zeros_like(p)


def _row(name: str, form: Piece, fix: str) -> Reading:
    return Reading(name, Place.RECONSTRUCTION, form, fix)


SATURATES = (
    "a logarithm is held above a floor, so that confident errors cost too little and have no gradient: "
    "use the cross-entropy with logits"
)
FORMS = [
    *(
        _row(
            "logits_used_as_probabilities",
            _logits_as_probabilities(floor),
            "logits are read as probabilities: use the cross-entropy with logits, or apply a sigmoid first",
        )
        for floor in (0.0, *LOG_FLOORS)
    ),
    _row(
        "sigmoid_twice",
        _cross_entropy(_exact, _sigmoid),
        "a sigmoid is applied twice: give the cross-entropy with logits the output before its sigmoid",
    ),
    *(_row("log_clipped", _cross_entropy(_floored(floor)), SATURATES) for floor in LOG_FLOORS),
    *(_row("log_clipped", _with_clipping(floor), SATURATES) for floor in LOG_FLOORS),
    _row("log_clipped", _held, SATURATES),
    _row(
        "off_pixels_missing",
        _cross_entropy(_on_only),
        "the cross-entropy counts only entries with x = 1: add −(1 − x) log(1 − p)",
    ),
]
