"""The negative binomial distribution of counts 0, 1, 2, …, by its mean μ and its dispersion r.

The variance is μ + μ²/r. It is the law of a Poisson count whose rate is drawn from a Gamma law of mean μ and
shape r (Greenwood & Yule 1920), and Poisson's law is its limit at r = ∞. `log_dispersion` is log r. Others
call r the size (R), the total count (PyTorch) or the inverse dispersion θ (Lopez et al. 2018, scVI).

Everything is computed in float64, in either dtype. Where r is large, log Γ(x+r) − log Γ(r) and r log(1 + μ/r)
agree in more digits than a float has, and so do the digammas of the gradient. No such difference is taken
here: a value is the highest probability that the count can have, less half a deviance (Loader 2000), and the
gradient of r is a sum of positive terms less another such sum. `kernels/textbook/counts.py` has the formulas.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes
from scratchvae.distributions import poisson
from scratchvae.distributions._beyond_range import times_exp, weighed

SURELY = 1e6  # a log μ/r at which no number depends on it
LARGE, TINY = 300.0, -600.0  # of log μ and log r, beyond which the law is a limit that depends on their ratio


@differentiable
@in_float64
def log_prob(log_mean: Array, log_dispersion: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (log Γ(x+r) − log Γ(r) − log x! + r log(r/(r+μ)) + x log(μ/(r+μ))).

    All (B, D)  ->  (B,) in nats.

    x may lie between two counts: x! stands for Γ(x + 1). InputError for negative x. log_dispersion = ∞ gives
    the Poisson law, and its gradient is 0. The result for float32 arguments is right to a roundoff of theirs.
    Near x = μ the difference x − μ is right to a roundoff of μ.
    """
    shaped = {"log_dispersion": (log_dispersion, "B D"), "x": (x, "B D")}
    require_shapes("negative_binomial.log_prob", log_mean=(log_mean, "B D"), **shaped)
    if x.size and not x.min() >= 0:
        raise InputError(f"negative_binomial.log_prob: x should hold counts, 0 or more, found {x.min():g}")
    by_entry, of_mean, of_dispersion = _by_entry(log_mean, log_dispersion, x.astype(np.float64, copy=False))
    log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array, Array]:
        d = dlog_px[:, None]
        dlog_mean = weighed(d, of_mean)  # dlog_mean = dlog_px r (x − μ)/(r + μ)
        # dlog_r = dlog_px r (ψ(x+r) − ψ(r) − log(1 + μ/r) + (μ − x)/(r + μ))
        dlog_dispersion = weighed(d, of_dispersion)
        return dlog_mean, dlog_dispersion

    return log_px, pullback


def _by_entry(log_mean: Array, log_dispersion: Array, x: Array) -> tuple[Array, Array, Array]:
    """log p(x) and its slopes by log μ and log r, from those of numbers within the range.

    Where μ and r both grow, all three are r times functions of μ/r. Where r falls to 0, log p(x) for x > 0 is
    log r plus a function of μ/r. As r grows beyond μ², the slope by log r falls as 1/r.
    """
    if not x.size or (
        np.min(log_dispersion) > TINY and max(np.max(log_mean), np.max(log_dispersion)) < LARGE
    ):
        return kernels.negative_binomial(log_mean, log_dispersion, x)
    fall = np.maximum(np.minimum(log_mean, log_dispersion) - LARGE, 0)
    lift = np.maximum(TINY - log_dispersion, 0)  # infinite at r = 0
    lifted = np.minimum(log_mean + np.minimum(lift, SURELY), SURELY)
    held_mean = np.where(lift > 0, lifted, log_mean - fall)
    held_r = np.maximum(log_dispersion, TINY) - fall
    by_entry, of_mean, of_r = kernels.negative_binomial(held_mean, np.minimum(held_r, 2 * LARGE), x)
    by_entry = times_exp(by_entry, fall) - np.where(x > 0, lift, 0)
    return by_entry, times_exp(of_mean, fall), times_exp(of_r, fall - np.maximum(held_r - 2 * LARGE, 0))


@sampler
def sample(log_mean: Array, *, gamma: Array, uniform: Array) -> Array:
    """A Poisson count of the rate μ · gamma, where gamma is a draw from Gamma(r)/r, whose mean is 1.

    All (B, D), `uniform` from U[0, 1). At r = ∞ every gamma is 1.
    """
    shaped = {"gamma": (gamma, "B D"), "uniform": (uniform, "B D")}
    require_shapes("negative_binomial.sample", log_mean=(log_mean, "B D"), **shaped)
    with np.errstate(divide="ignore"):
        return poisson.sample(log_mean + np.log(gamma).astype(log_mean.dtype), uniform=uniform)
