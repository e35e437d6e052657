"""The Poisson distribution of counts 0, 1, 2, …, by log_rate = log λ.

The rate λ is the mean and the variance of the law.

Everything is computed in float64, in either dtype: for a count of a million, x log λ, λ and log x! agree in
their first six digits.
"""

import numpy as np

from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes

SERIES_FROM = 16.0  # from here on the four terms of Stirling's series leave less than 10⁻¹³
NORMAL_FROM = 1e8  # rates at which a quantile's third term is below the count's own steps


@differentiable
def log_prob(log_rate: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (x log λ − λ − log x!).     log_rate = log λ, x (B, D), x ≥ 0  ->  (B,) in nats.

    x may lie between two counts: x! stands for Γ(x + 1). InputError for negative x. It is computed as the
    highest log-probability that x can have, at λ = x, less half the deviance:
    log p(x; λ) = log p(x; x) − x (λ/x − 1 − log λ/x). In this form nothing large cancels.
    Loader 2000, "Fast and accurate computation of binomial probabilities".
    """
    require_shapes("poisson.log_prob", log_rate=(log_rate, "B D"), x=(x, "B D"))
    if x.size and not x.min() >= 0:
        raise InputError(f"poisson.log_prob: x should hold counts, 0 or more, found {x.min():g}")
    log_rate64, counts = log_rate.astype(np.float64), x.astype(np.float64)
    with np.errstate(over="ignore"):
        rate = np.exp(log_rate64)
        positive = np.where(counts > 0, counts, 1.0)
        r = log_rate64 - np.log(positive)  # log λ/x
        near = np.abs(r) < 1  # the rounding of log x would count where λ is near x
        r = np.where(near, np.log1p((np.where(near, rate, positive) - positive) / positive), r)
        half_deviance = np.where(counts > 0, positive * (np.expm1(r) - r), rate)
        log_px = (_log_peak(counts) - half_deviance).sum(axis=1).astype(log_rate.dtype)
        held = np.clip(counts - rate, np.finfo(log_rate.dtype).min, np.finfo(log_rate.dtype).max)
    excess = held.astype(log_rate.dtype)  # held finite so that no gradient is 0 ∞

    def pullback(dlog_px: Array) -> Array:
        with np.errstate(over="ignore"):
            return dlog_px[:, None] * excess  # dlog_rate = dlog_px (x − λ)

    return log_px, pullback


@sampler
def sample(log_rate: Array, *, uniform: Array) -> Array:
    """The first count whose cumulative probability exceeds `uniform`, a draw from U[0, 1).

    Both (B, D)  ->  (B, D). From λ = 10⁸ on it is λ + √λ w + (w² − 1)/6 with w = Φ⁻¹(uniform), rounded:
    Cornish and Fisher 1938.
    """
    from scipy.special import ndtri, pdtr, pdtrik  # imported here: it takes a third of a second

    require_shapes("poisson.sample", log_rate=(log_rate, "B D"), uniform=(uniform, "B D"))
    u = np.clip(uniform.astype(np.float64), 0.0, 1 - 2.0**-53)
    largest = np.finfo(log_rate.dtype).max
    with np.errstate(over="ignore"):
        rate = np.minimum(np.exp(log_rate.astype(np.float64)), largest)
    w = ndtri(np.maximum(u, np.finfo(np.float64).tiny))
    wide = np.rint(rate + np.sqrt(rate) * w + (w * w - 1) / 6)
    small = np.minimum(rate, NORMAL_FROM)
    # P(x ≤ 0) > 0, though it may be far below the smallest number of the dtype
    count = np.where(u > 0, np.ceil(pdtrik(u, small)), 0.0)
    below = np.maximum(count - 1, 0)  # the inverse may be off by rounding
    count = np.where(pdtr(below, small) > u, below, count)
    return np.minimum(np.where(rate < NORMAL_FROM, count, wide), largest).astype(log_rate.dtype)


def _log_peak(x: Array) -> Array:
    """log p(x; λ = x) = x log x − x − log x!, and 0 at 0."""
    from scipy.special import gammaln, xlogy

    n = np.maximum(x, SERIES_FROM)
    series = (
        -0.5 * np.log(2 * np.pi * n) - (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / n**2) / n**2) / n**2) / n
    )
    few = np.minimum(x, SERIES_FROM)
    return np.where(x < SERIES_FROM, xlogy(few, few) - few - gammaln(few + 1), series)
