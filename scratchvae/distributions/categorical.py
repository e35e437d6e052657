"""The categorical distribution over C classes, by logits: p(c) = softmax(l)_c, independently for each of D entries."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


def log_prob(logits: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d l[d, x_d] − log Σ_c exp l[d, c].     logits (B, D, C), x (B, D) integers in 0..C−1  ->  (B,) in nats."""
    n = require_shapes("categorical.log_prob", logits=(logits, "B D C"), x=(x, "B D"))
    if not np.issubdtype(x.dtype, np.integer):
        raise InputError(f"categorical.log_prob: x should hold integers, found {x.dtype}")
    if x.size and not (x.min() >= 0 and x.max() < n["C"]):
        raise InputError(f"categorical.log_prob: x should hold classes 0..{n['C'] - 1}, found {x.min()}..{x.max()}")
    normalizer, normalizer_pullback = ops.log_sum_exp(logits, axis=2)
    chosen = np.take_along_axis(logits, x[:, :, None], axis=2)[:, :, 0]
    log_px = (chosen - normalizer).sum(axis=1)

    def pullback(dlog_px: Array) -> Array:
        dlogits = normalizer_pullback(np.broadcast_to(-dlog_px[:, None], x.shape))  # −dlog_px softmax(l)
        np.put_along_axis(
            dlogits, x[:, :, None], np.take_along_axis(dlogits, x[:, :, None], axis=2) + dlog_px[:, None, None], axis=2
        )
        return dlogits  # dlogits[d, c] = dlog_px ([x_d = c] − softmax(l)_c)

    return log_px, pullback


def entropy(logits: Array) -> tuple[Array, Pullback]:
    """H = −Σ_d Σ_c p log p with p = softmax(l).     logits (B, D, C)  ->  (B,) in nats."""
    require_shapes("categorical.entropy", logits=(logits, "B D C"))
    normalizer, _ = ops.log_sum_exp(logits, axis=2)
    log_p = logits - normalizer[:, :, None]
    p = np.exp(log_p)
    by_entry = -(p * log_p).sum(axis=2)
    H = by_entry.sum(axis=1)

    def pullback(dH: Array) -> Array:
        return -dH[:, None, None] * p * (log_p + by_entry[:, :, None])  # dlogits = −dH p (log p + H_d)

    return H, pullback


def sample(logits: Array, *, uniform: Array) -> Array:
    """The first class whose cumulative probability exceeds `uniform`, a draw from U[0, 1).     (B, D, C), (B, D)  ->  (B, D)."""
    require_shapes("categorical.sample", logits=(logits, "B D C"), uniform=(uniform, "B D"))
    p, _ = ops.softmax(logits, axis=2)
    cumulative = np.cumsum(p, axis=2)
    return (uniform[:, :, None] * cumulative[:, :, -1:] >= cumulative).sum(axis=2)
