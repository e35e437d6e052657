"""−log p(x|z) by entry, for the likelihoods of most code, and a Gaussian's with parts left out.

The decoder's output is `logits`, or `x_mean` (with `x_log_var`, `x_log_std` or `x_std` where the variance is
its own); a Gaussian's variance is otherwise the declared one.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian, laplace
from scratchvae.reference.diagnosis import cross_entropy
from scratchvae.reference.diagnosis.pieces import Piece, Terms, masked
from scratchvae.reference.diagnosis.quantities import Given


def of_each_entry(given: Given) -> Terms | None:
    """The declared likelihood's −log p(x|z), with gradients to the decoder's output."""
    x, logits, mean = given.x, given.logits, given.x_mean
    if given.likelihood == "own":
        own: Terms | None = None if given.law is None else given.law(given)
        return own
    if x is None:
        return None
    if given.likelihood == "bernoulli" and logits is not None:
        return cross_entropy.by_logits(logits, x)
    if mean is None:
        return None
    if given.likelihood == "bernoulli":
        return cross_entropy.by_probabilities(mean, x) if ((mean >= 0) & (mean <= 1)).all() else None
    log_var = np.broadcast_to(2 * _log_std(given), mean.shape)
    flat = [a.reshape(-1, 1) for a in (x, mean, log_var)]
    if given.likelihood == "laplace":
        flat[2] = 0.5 * (flat[2] - np.log(2))  # log s: the variance is 2 s²
    log_px, pullback = (laplace if given.likelihood == "laplace" else gaussian).log_prob(*flat)
    _, dmean, dlog_var = (d.reshape(x.shape) for d in pullback(-np.ones_like(log_px)))
    value = -log_px.reshape(x.shape) - (0 if given.constants else constant(given))
    gradients = {"x_mean": dmean}
    if given.x_scale is not None:
        gradients[given.x_scale] = dlog_var * (1 if given.likelihood == "laplace" else 2) * _dlog_std(given)
    # of (mean − x)/σ²
    lost = np.exp(-log_var) * (np.abs(x) + np.abs(mean)) if given.likelihood == "gaussian" else 0.0
    return Terms(
        value, gradients, 1 + np.abs(log_var) + np.abs(dmean) * (np.abs(x) + np.abs(mean)), digits_lost=lost
    )


def constant(given: Given) -> float:
    """Of each entry, whatever its parameters."""
    return {"gaussian": 0.5 * float(np.log(2 * np.pi)), "laplace": float(np.log(2))}.get(
        given.likelihood, 0.0
    )


def log_sigma(given: Given) -> Array | float:
    """log σ of a Gaussian, log s of a Laplace, whose variance is 2 s²."""
    return _log_std(given) - (0.5 * float(np.log(2)) if given.likelihood == "laplace" else 0.0)


def _log_std(given: Given) -> Array | float:
    """Half the logarithm of the variance, the declared one or the decoder's own."""
    if given.x_scale is None:
        return 0.5 * float(np.log(given.variance))
    held = given.arrays[given.x_scale]
    return {"x_log_var": 0.5 * held, "x_log_std": held}.get(given.x_scale, np.log(held))


def _dlog_std(given: Given) -> Array:
    """d log σ / d(what the decoder gives)."""
    held = given.arrays[str(given.x_scale)]
    return {"x_log_var": np.full_like(held, 0.5), "x_log_std": np.ones_like(held)}.get(
        str(given.x_scale), 1 / held
    )


def squares(weight: Callable[[Given], float], plus: Callable[[Given], float], *likelihoods: str) -> Piece:
    """weight · (x − mean)² + plus."""

    def piece(given: Given) -> Terms | None:
        x = given.x
        if x is None or given.x_scale is not None or given.likelihood not in likelihoods:
            return None
        found = cross_entropy.probability(given) or (given.x_mean, 1.0)
        mean, slope = found
        if mean is None:
            return None
        a, c = weight(given), plus(given)
        if not np.isfinite(a):
            return None
        name = "logits" if given.likelihood == "bernoulli" and given.logits is not None else "x_mean"
        size = a * (np.abs(x) + np.abs(mean)) * np.abs(x - mean) + abs(c)
        lost = 2 * a * (np.abs(x) + np.abs(mean)) * slope
        return masked(
            given, Terms(a * (x - mean) ** 2 + c, {name: 2 * a * (mean - x) * slope}, size, digits_lost=lost)
        )

    return piece


def without(part: Callable[[Given], Array | float], *, of_sigma: bool) -> Piece:
    """A Gaussian's terms less a part of them; `of_sigma` where that part depends on σ."""

    def piece(given: Given) -> Terms | None:
        terms = of_each_entry(given)
        if terms is None or given.likelihood == "bernoulli":
            return None
        less, gradients = part(given), dict(terms.gradients)
        if of_sigma and given.x_scale is not None:
            gradients[given.x_scale] = gradients[given.x_scale] - _dlog_std(given)
        return masked(
            given,
            replace(terms, value=terms.value - less, gradients=gradients, size=terms.size + np.abs(less)),
        )

    return piece


def without_fixed_sigma(given: Given) -> Terms | None:
    """Where constants are declared to be left out, log σ of a fixed σ is one too."""
    if given.constants or given.x_scale is not None:
        return None
    terms: Terms | None = without(log_sigma, of_sigma=False)(given)
    return terms
