"""The multinomial distribution of how often each of D outcomes occurs in n draws, by logits: p = softmax(l).

The law does not model n, which is the sum of the observed counts. Everything is computed in float64, in
either dtype, since log n! is large.
"""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
@in_float64
def log_prob(logits: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = log n! − Σ_d log x_d! + Σ_d x_d log softmax(l)_d with n = Σ_d x_d.

    logits, x (B, D)  ->  (B,) in nats.

    The coefficient counts the orders in which the outcomes can have come. A row of zeros has the
    log-probability 0. InputError for negative x.
    """
    from scipy.special import gammaln  # imported here: it takes a third of a second

    require_shapes("multinomial.log_prob", logits=(logits, "B D"), x=(x, "B D"))
    if x.size and not x.min() >= 0:
        raise InputError(f"multinomial.log_prob: x should hold counts, 0 or more, found {x.min():g}")
    counts = x.astype(np.float64)
    n = counts.sum(axis=1)
    log_p, log_p_pullback = ops.log_softmax(logits, axis=1)
    coefficient = gammaln(n + 1) - gammaln(counts + 1).sum(axis=1)  # log n! / Π_d x_d!
    with np.errstate(over="ignore"):
        log_px = coefficient + np.where(counts > 0, counts * log_p, 0.0).sum(axis=1)
    excess = log_p_pullback(counts)  # x − n softmax(l)

    def pullback(dlog_px: Array) -> Array:
        return dlog_px[:, None] * excess  # dlogits = dlog_px (x − n softmax(l))

    return log_px, pullback


@sampler
def sample(logits: Array, *, uniform: Array) -> Array:
    """How often each outcome comes up in n draws.

    logits (B, D), uniform (B, n) from U[0, 1)  ->  counts (B, D). A draw is the first outcome whose
    cumulative probability exceeds its uniform number.
    """
    require_shapes("multinomial.sample", logits=(logits, "B D"), uniform=(uniform, "B n"))
    p, _ = ops.softmax(logits.astype(np.float64), axis=1)
    cumulative = np.cumsum(p, axis=1)
    x = np.empty_like(logits)
    for b, below in enumerate(cumulative):
        drawn = np.searchsorted(below[:-1], uniform[b] * below[-1], side="right")
        x[b] = np.bincount(drawn, minlength=logits.shape[1])
    return x
