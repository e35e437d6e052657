"""−log p(x|z) by entry, for the likelihoods that most code is written for, and what is written instead of a Gaussian's.

The decoder's output is `logits`, or `x_mean` (with `x_log_var`, `x_log_std` or `x_std` where the variance is its own); a
Gaussian's variance is otherwise the declared one.
"""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian, laplace
from scratchvae.reference.diagnosis import cross_entropy, decoder_variance
from scratchvae.reference.diagnosis.pieces import Mistake, Piece, Place, Terms, masked
from scratchvae.reference.diagnosis.quantities import Given


def negative_log_likelihood(given: Given) -> Terms | None:
    """−log p(x|z) by entry (B, D), masked entries 0, with gradients to the decoder's output."""
    return masked(given, _of_each_entry(given))


def _of_each_entry(given: Given) -> Terms | None:
    x, logits, mean = given.x, given.logits, given.x_mean
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
    value = -log_px.reshape(x.shape) - (0 if given.constants else _constant(given))
    gradients = {"x_mean": dmean}
    if given.x_scale is not None:
        gradients[given.x_scale] = dlog_var * (1 if given.likelihood == "laplace" else 2) * _dlog_std(given)
    return Terms(value, gradients, 1 + np.abs(log_var) + np.abs(dmean) * (np.abs(x) + np.abs(mean)))


def _constant(given: Given) -> float:
    """Of each entry, whatever its parameters."""
    return {"gaussian": 0.5 * float(np.log(2 * np.pi)), "laplace": float(np.log(2))}.get(given.likelihood, 0.0)


def _log_sigma(given: Given) -> Array | float:
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
    return {"x_log_var": np.full_like(held, 0.5), "x_log_std": np.ones_like(held)}.get(str(given.x_scale), 1 / held)


def _squares(weight: Callable[[Given], float], constant: Callable[[Given], float], *likelihoods: str) -> Piece:
    """weight · (x − mean)² + constant."""

    def piece(given: Given) -> Terms | None:
        x = given.x
        if x is None or given.x_scale is not None or given.likelihood not in likelihoods:
            return None
        found = cross_entropy.probability(given) or (given.x_mean, 1.0)
        mean, slope = found
        if mean is None:
            return None
        a, c = weight(given), constant(given)
        name = "logits" if given.likelihood == "bernoulli" and given.logits is not None else "x_mean"
        size = a * (np.abs(x) + np.abs(mean)) * np.abs(x - mean) + abs(c)
        return masked(given, Terms(a * (x - mean) ** 2 + c, {name: 2 * a * (mean - x) * slope}, size))

    return piece


def _without(part: Callable[[Given], Array | float], *, of_sigma: bool) -> Piece:
    """A Gaussian's terms less a part of them; `of_sigma` where that part depends on σ."""

    def piece(given: Given) -> Terms | None:
        terms = _of_each_entry(given)
        if terms is None or given.likelihood == "bernoulli":
            return None
        less, gradients = part(given), dict(terms.gradients)
        if of_sigma and given.x_scale is not None:
            gradients[given.x_scale] = gradients[given.x_scale] - _dlog_std(given)
        return masked(given, Terms(terms.value - less, gradients, terms.size + np.abs(less)))

    return piece


def without_fixed_sigma(given: Given) -> Terms | None:
    """Where constants are declared to be left out, log σ of a fixed σ is one too."""
    if given.constants or given.x_scale is not None:
        return None
    terms: Terms | None = _without(_log_sigma, of_sigma=False)(given)
    return terms


def _unmasked(given: Given) -> Terms | None:
    return None if given.mask is None else _of_each_entry(given)


def _averaged(given: Given) -> Terms | None:
    terms = negative_log_likelihood(given)
    return None if terms is None else terms.times(1.0 / terms.value.shape[1])


def _negated(given: Given) -> Terms | None:
    terms = negative_log_likelihood(given)
    return None if terms is None else terms.times(-1.0)


def _row(name: str, computes: Piece, fix: str) -> Mistake:
    return Mistake(name, Place.RECONSTRUCTION, computes, fix)


ANY = ("bernoulli", "gaussian", "laplace")
MISTAKES = [
    _row("reconstruction_sign", _negated, "the reconstruction has the wrong sign: the loss adds −log p(x|z)"),
    *cross_entropy.MISTAKES,
    *decoder_variance.MISTAKES,
    _row(
        "squared_error_unscaled",
        _squares(lambda given: 1.0, lambda given: 0.0, *ANY),
        "the squared error lacks its factor 1/(2σ²) (and log σ): it amounts to a Gaussian with σ² = ½",
    ),
    _row(
        "squared_error_half",
        _squares(lambda given: 0.5, lambda given: 0.0, *ANY),
        "half the squared error amounts to a Gaussian with σ² = 1 without its constant",
    ),
    _row(
        "gaussian_half_missing",
        _squares(lambda given: 1 / given.variance, lambda given: 0.5 * float(np.log(2 * np.pi * given.variance)), "gaussian"),
        "the squared error over σ² lacks its factor ½",
    ),
    _row(
        "constant_dropped",
        _without(lambda given: _constant(given) if given.constants else np.nan, of_sigma=False),
        "the constant (½ log 2π an entry) is dropped: gradients are right, log p(x) is not",
    ),
    _row(
        "constant_without_log",
        _without(lambda given: _constant(given) - np.pi if given.constants else np.nan, of_sigma=False),
        "the constant is ½ · 2π an entry where ½ log 2π belongs: gradients are right, log p(x) is not",
    ),
    _row(
        "log_sigma_missing",
        _without(_log_sigma, of_sigma=True),
        "log σ is missing: values can't be compared across σ, and a learned σ would grow without limit",
    ),
    _row(
        "constant_and_log_sigma_missing",
        _without(lambda given: _constant(given) + _log_sigma(given) if given.constants else np.nan, of_sigma=True),
        "log σ and the constant are missing: values can't be compared across σ, and a learned σ would grow without limit",
    ),
    _row(
        "squared_error_mean_over_pixels",
        _squares(lambda given: 1.0 / (given.D or 1), lambda given: 0.0, *ANY),
        "the squared error is averaged over an event's entries, without 1/(2σ²): sum over them (it amounts to σ² = D/2)",
    ),
    _row(
        "reconstruction_mean_over_pixels",
        _averaged,
        "the reconstruction is averaged over an event's entries: sum over them, average over examples only",
    ),
    _row("padding_counted", _unmasked, "masked entries are counted: multiply by the mask before the sum"),
]
