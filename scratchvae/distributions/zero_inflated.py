"""Counts with more zeros than their law has.

With probability π an entry is 0, and otherwise it is drawn from that law.

The law is given by its log-probabilities, so that any law of counts can be inflated: `negative_binomial` for
single cells (Lopez et al. 2018, scVI), or Poisson's law (Lambert 1992). `logits` is log π/(1 − π).
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
@in_float64
def log_prob(log_p: Array, logits: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x), summed over the entries, where `log_p` are their log-probabilities under the inflated law.

        x > 0:  log((1 − π) q) = log q − log(1 + e^l)                               q = exp(log_p), l = logits
        x = 0:  log(π + (1 − π) q) = −log(1 + (1 − q)/(e^l + q))

    All (B, D), log_p ≤ 0  ->  (B,) in nats. The second form at x = 0 keeps its digits where a zero is almost
    certain.
    """
    shaped = {"logits": (logits, "B D"), "x": (x, "B D")}
    require_shapes("zero_inflated.log_prob", log_p=(log_p, "B D"), **shaped)
    zero = x == 0
    with np.errstate(divide="ignore"):
        log_less = np.log(-np.expm1(log_p))  # log(1 − q)
    odds = log_less - np.logaddexp(logits, log_p)  # log (1 − q)/(e^l + q)
    log_px = np.where(zero, -kernels.softplus(odds), log_p - kernels.softplus(logits)).sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array, Array]:
        d = dlog_px[:, None]
        # the probability that the law has drawn the entry
        by_law = np.where(zero, kernels.sigmoid(log_p - logits), dlog_px.dtype.type(1))
        dlog_p = d * by_law  # dlog_p = dlog_px, and at x = 0 dlog_px q/(e^l + q) = dlog_px σ(log q − l)
        rise = kernels.sigmoid(logits - log_p) * kernels.sigmoid(-logits) * -np.expm1(log_p)
        # dlogits = −dlog_px σ(l), and at x = 0 dlog_px (σ(l − log q) − σ(l)) = dlog_px σ(l − log q) σ(−l)
        # (1 − q)
        dlogits = d * np.where(zero, rise, -kernels.sigmoid(logits))
        return dlog_p, dlogits

    return log_px, pullback


@sampler
def sample(logits: Array, *, counts: Array, uniform: Array) -> Array:
    """0 where uniform < σ(l), else `counts`, which were drawn from the inflated law.     All (B, D)."""
    shaped = {"counts": (counts, "B D"), "uniform": (uniform, "B D")}
    require_shapes("zero_inflated.sample", logits=(logits, "B D"), **shaped)
    return np.where(uniform < kernels.sigmoid(logits), 0, counts).astype(logits.dtype)
