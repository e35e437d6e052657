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
    by_entry, of_mean, of_dispersion = kernels.negative_binomial(
        log_mean, log_dispersion, x.astype(np.float64, copy=False)
    )
    log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array, Array]:
        d = dlog_px[:, None]
        dlog_mean = d * of_mean  # dlog_mean = dlog_px r (x − μ)/(r + μ)
        # dlog_r = dlog_px r (ψ(x+r) − ψ(r) − log(1 + μ/r) + (μ − x)/(r + μ))
        dlog_dispersion = d * of_dispersion
        return dlog_mean, dlog_dispersion

    return log_px, pullback


@sampler
def sample(log_mean: Array, *, gamma: Array, uniform: Array) -> Array:
    """A Poisson count of the rate μ · gamma, where gamma is a draw from Gamma(r)/r, whose mean is 1.

    All (B, D), `uniform` from U[0, 1). At r = ∞ every gamma is 1.
    """
    shaped = {"gamma": (gamma, "B D"), "uniform": (uniform, "B D")}
    require_shapes("negative_binomial.sample", log_mean=(log_mean, "B D"), **shaped)
    with np.errstate(divide="ignore"):
        return poisson.sample(log_mean + np.log(gamma).astype(log_mean.dtype), uniform=uniform)
