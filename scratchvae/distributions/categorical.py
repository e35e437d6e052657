"""The categorical distribution over C classes, by logits: p(c) = softmax(l)_c.

Each of the D entries of an event has its own logits and is independent of the others.
"""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable, in_float64, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def log_prob(logits: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (l[d, x_d] − log Σ_c exp l[d, c]).

    logits (B, D, C), x (B, D) integers in 0..C−1  ->  (B,) in nats.

    The logits of an entry enter by their differences from the largest of them, which an offset common to all
    does not change.
    """
    n = require_shapes("categorical.log_prob", logits=(logits, "B D C"), x=(x, "B D"))
    if not np.issubdtype(x.dtype, np.integer):
        raise InputError(f"categorical.log_prob: x should hold integers, found {x.dtype}")
    if x.size and not (x.min() >= 0 and x.max() < n["C"]):
        raise InputError(
            f"categorical.log_prob: x should hold classes 0..{n['C'] - 1}, found {x.min()}..{x.max()}"
        )
    log_p, log_p_pullback = ops.log_softmax(logits, axis=2)
    chosen = x[:, :, None]
    log_px = np.take_along_axis(log_p, chosen, axis=2).sum(axis=(1, 2))

    def pullback(dlog_px: Array) -> Array:
        dlog_p = np.zeros_like(log_p)
        np.put_along_axis(dlog_p, chosen, dlog_px[:, None, None], axis=2)  # dlog_p[d, c] = dlog_px [x_d = c]
        return log_p_pullback(dlog_p)  # dlogits[d, c] = dlog_px ([x_d = c] − softmax(l)_c)

    return log_px, pullback


@differentiable
def entropy(logits: Array) -> tuple[Array, Pullback]:
    """H = −Σ_d Σ_c p log p with p = softmax(l).     logits (B, D, C)  ->  (B,) in nats."""
    require_shapes("categorical.entropy", logits=(logits, "B D C"))
    log_p, _ = ops.log_softmax(logits, axis=2)
    p = np.exp(log_p)
    by_entry = -(p * log_p).sum(axis=2)
    H = by_entry.sum(axis=1)

    def pullback(dH: Array) -> Array:
        return -dH[:, None, None] * p * (log_p + by_entry[:, :, None])  # dlogits = −dH p (log p + H_d)

    return H, pullback


@differentiable
@in_float64
def kl(logits: Array, other_logits: Array) -> tuple[Array, Pullback]:
    """KL = Σ_d Σ_c p (log p − log q) with p = softmax(logits), q = softmax(other_logits).

    (B, D, C)  ->  (B,) in nats. It is computed in float64 in either dtype, because the terms of
    a KL near 0 cancel.
    """
    require_shapes("categorical.kl", logits=(logits, "B D C"), other_logits=(other_logits, "B D C"))
    log_p, _ = ops.log_softmax(logits, axis=2)
    log_q, _ = ops.log_softmax(other_logits, axis=2)
    p, q = np.exp(log_p), np.exp(log_q)
    by_entry = (p * (log_p - log_q)).sum(axis=2)
    kl = by_entry.sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array]:
        d = dkl[:, None, None]
        dlogits = d * p * (log_p - log_q - by_entry[:, :, None])  # dl = dkl p (log p − log q − KL_d)
        return dlogits, d * (q - p)  # dm = dkl (q − p)

    return kl, pullback


@sampler
def sample(logits: Array, *, uniform: Array) -> Array:
    """The first class whose cumulative probability exceeds `uniform`, a draw from U[0, 1).

    logits (B, D, C), uniform (B, D)  ->  (B, D).
    """
    require_shapes("categorical.sample", logits=(logits, "B D C"), uniform=(uniform, "B D"))
    p, _ = ops.softmax(logits, axis=2)
    cumulative = np.cumsum(p, axis=2)
    return (uniform[:, :, None] * cumulative[:, :, -1:] >= cumulative).sum(axis=2)
