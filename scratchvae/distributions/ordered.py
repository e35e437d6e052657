"""Ordered categories 0 … C−1 by cumulative logits: P(x ≤ c) = σ(t_c − location), for rising thresholds t_c.

The thresholds cut a logistic law around the location into C pieces, and a larger location makes larger
categories likely (McCullagh 1980, "Regression models for ordinal data", section 2). The array `thresholds`
holds any real numbers, which make thresholds that rise (Stan Reference Manual, "Ordered vector"):

    t_0 = thresholds_0,    t_c = t_{c−1} + exp(thresholds_c)        c = 1 … C−2
"""

import numpy as np

from scratchvae import kernels, ops
from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_shapes


@differentiable
def cumulative_logits(location: Array, thresholds: Array) -> tuple[Array, Pullback]:
    """l_c = t_c − location, of which P(x ≤ c) = σ(l_c).

    location (B, D), thresholds (B, D, C−1)  ->  (B, D, C−1).

    The location is subtracted from t_0 before the steps are added, so that an offset that both share costs no
    digits.
    """
    require_shapes("ordered.cumulative_logits", location=(location, "B D"), thresholds=(thresholds, "B D T"))
    with np.errstate(over="ignore"):
        # held finite so that no gradient is 0 · ∞
        steps = np.minimum(np.exp(thresholds), np.finfo(thresholds.dtype).max)
        logits = np.concatenate(
            [thresholds[:, :, :1] - location[:, :, None], steps[:, :, 1:]], axis=2
        ).cumsum(axis=2)
    steps[:, :, :1] = 1

    def pullback(dlogits: Array) -> tuple[Array, Array]:
        above = np.flip(np.flip(dlogits, axis=2).cumsum(axis=2), axis=2)  # Σ_{j ≥ c} dl_j
        # dlocation = −Σ_c dl_c,  dthresholds_0 = Σ_c dl_c,  dthresholds_c = exp(thresholds_c) Σ_{j ≥ c} dl_j
        return -dlogits.sum(axis=2), steps * above

    return logits, pullback


@differentiable
def log_prob(location: Array, thresholds: Array, *, x: Array) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d log(σ(l_x) − σ(l_{x−1})) of the cumulative logits l, where l_{−1} = −∞ and l_{C−1} = ∞.

    location (B, D), thresholds (B, D, C−1), x (B, D) integers in 0..C−1  ->  (B,) in nats. InputError for
    other x.

    `ops.logistic_interval` takes the logarithm of the difference. It is told log(l_x − l_{x−1}) =
    thresholds_x too, and so no digit is lost to categories that are narrow or far from the location.
    """
    n = require_shapes(
        "ordered.log_prob", location=(location, "B D"), thresholds=(thresholds, "B D T"), x=(x, "B D")
    )
    T = n["T"]
    if not np.issubdtype(x.dtype, np.integer):
        raise InputError(f"ordered.log_prob: x should hold integers, found {x.dtype}")
    if x.size and not (x.min() >= 0 and x.max() <= T):
        raise InputError(f"ordered.log_prob: x should hold categories 0..{T}, found {x.min()}..{x.max()}")
    logits, logits_pullback = cumulative_logits(location, thresholds)
    category, index = x[:, :, None].astype(np.int64), np.arange(T)
    end = np.full((*location.shape, 1), np.inf, location.dtype)
    log_widths = np.concatenate([end, thresholds[:, :, 1:], end], axis=2)[:, :, : T + 1]
    # the lower logits, the upper logits and the log widths, (B, D, C) each
    pieces = (np.concatenate([-end, logits], axis=2), np.concatenate([logits, end], axis=2), log_widths)
    log_p, log_p_pullback = ops.logistic_interval(
        *(np.take_along_axis(piece, category, axis=2) for piece in pieces)
    )
    log_px = log_p.sum(axis=(1, 2))

    def pullback(dlog_px: Array) -> tuple[Array, Array]:
        dlow, dhigh, dlog_width = log_p_pullback(np.broadcast_to(dlog_px[:, None, None], log_p.shape))
        zero = dlog_px.dtype.type(0)
        # dl_x, dl_{x−1}
        dlogits = np.where(index == category, dhigh, zero) + np.where(index == category - 1, dlow, zero)
        dlocation, dthresholds = logits_pullback(dlogits)
        # dthresholds_x += dlog_width, which is 0 where x is an end and its width infinite
        return dlocation, dthresholds + np.where(index == category, dlog_width, zero)

    return log_px, pullback


@sampler
def sample(location: Array, thresholds: Array, *, uniform: Array) -> Array:
    """The first category whose cumulative probability exceeds `uniform`, a draw from U[0, 1).

    location and uniform (B, D), thresholds (B, D, C−1)  ->  (B, D) integers.
    """
    require_shapes("ordered.sample", location=(location, "B D"), uniform=(uniform, "B D"))
    logits, _ = cumulative_logits(location, thresholds)
    return (uniform[:, :, None] >= kernels.sigmoid(logits)).sum(axis=2)
