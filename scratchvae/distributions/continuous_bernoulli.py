"""The continuous Bernoulli distribution of entries in [0, 1], by its natural parameter η.

    p(x) = e^(ηx) η/(e^η − 1)

A Bernoulli law's probability λˣ (1 − λ)¹⁻ˣ, with η = log λ/(1 − λ), is no density of numbers between 0 and 1,
because its integral is not 1. Divided by its integral it is this density. In terms of η nothing has to be
clamped, and λ = ½ is η = 0, where the law is uniform. Loaiza-Ganem & Cunningham 2019, "The continuous
Bernoulli: fixing a pervasive error in variational autoencoders".
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def log_prob(logits: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (η x − A(η)) with A(η) = log((e^η − 1)/η), η = logits.

    logits, x (B, D)  ->  (B,) in nats.

    A is the sum of an odd and an even part, A(η) = η/2 + S(η) with S(η) = log(sinh(η/2)/(η/2)), and so
    log p(x) = η (x − ½) − S(η). Near 0 the even part S is computed by its series, and elsewhere as
    |η|/2 + log(1 − e^(−|η|)) − log |η|. InputError for x outside [0, 1].
    """
    require_shapes("continuous_bernoulli.log_prob", logits=(logits, "B D"), x=(x, "B D"))
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise InputError(
            f"continuous_bernoulli.log_prob: x should lie in [0, 1], found {x.min():g} to {x.max():g}"
        )
    x = x.astype(logits.dtype, copy=False)
    by_entry, slope = kernels.continuous_bernoulli(logits, x)
    log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> Array:
        return dlog_px[:, None] * slope  # dlogits = dlog_px (x − E[x]),  E[x] = A′(η)

    return log_px, pullback


@sampler
def sample(logits: Array, *, uniform: Array) -> Array:
    """The inverse of the distribution function at u = `uniform`, a draw from U[0, 1).     Both (B, D).

        x = log(1 + u (e^η − 1))/η,   and x = u at η = 0

    It rises with u. Where η > 0 it is computed as 1 less the inverse for −η at 1 − u, since 1 − x has the
    parameter −η, so that no e^η overflows.
    """
    require_shapes("continuous_bernoulli.sample", logits=(logits, "B D"), uniform=(uniform, "B D"))
    away = np.maximum(np.abs(logits.astype(np.float64)), np.finfo(np.float64).tiny)
    u = uniform.astype(np.float64)
    with np.errstate(divide="ignore"):
        # P(distance from the end that η leads to ≤ from_end) = u, or 1 − u; at most 1, though rounded
        from_end = np.minimum(-np.log1p(np.where(logits > 0, 1 - u, u) * np.expm1(-away)) / away, 1)
    return np.where(logits > 0, 1 - from_end, from_end).astype(logits.dtype)
