"""Levels 0 … L−1, each with the mass that a logistic law has on the unit interval around the level.

    P(x = k) = σ((k + ½ − m)/s) − σ((k − ½ − m)/s),    with −∞ for k − ½ at k = 0, and ∞ for k + ½ at k = L−1

So the first and the last level also have the mass beyond them. The mean m of the logistic law and its scale s
= exp(log_scale) are in units of levels. Salimans, Karpathy, Chen & Kingma 2017 (PixelCNN++), section 2.1, has
the law and the mixture of several.
"""

import numpy as np

from scratchvae import ops
from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes


@differentiable
def log_prob(mean: Array, log_scale: Array, *, x: Array, levels: int) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d log P(x_d).

    mean, log_scale (B, D), x (B, D) integers in 0..levels−1  ->  (B,) in nats.

    With a = (x + ½ − m)/s and b = (x − ½ − m)/s, the logarithm of the difference is
    log σ(a) + log σ(−b) + log(1 − e^(−1/s)), which `ops.logistic_interval` computes. It has no branches, and
    its digits stay right however far from m or however narrow a level is. InputError for other x.
    """
    require_shapes(
        "discretized_logistic.log_prob", mean=(mean, "B D"), log_scale=(log_scale, "B D"), x=(x, "B D")
    )
    _require_levels("discretized_logistic.log_prob", x, levels)
    by_entry, entry_pullback = _by_entry(mean, log_scale, x, levels)
    with np.errstate(over="ignore"):
        log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array, Array]:
        return entry_pullback(np.broadcast_to(dlog_px[:, None], by_entry.shape))

    return log_px, pullback


@differentiable
def mixture_log_prob(
    logits: Array, means: Array, log_scales: Array, *, x: Array, levels: int
) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d log Σ_k w_dk P_dk(x_d) with w = softmax(logits).

    All (B, D, K), x (B, D)  ->  (B,) in nats.
    """
    shaped = {"means": (means, "B D K"), "log_scales": (log_scales, "B D K"), "x": (x, "B D")}
    require_shapes("discretized_logistic.mixture_log_prob", logits=(logits, "B D K"), **shaped)
    _require_levels("discretized_logistic.mixture_log_prob", x, levels)
    each = np.broadcast_to(x[:, :, None], means.shape)
    log_p, p_pullback = _by_entry(means, log_scales, each, levels)
    log_w, w_pullback = ops.log_softmax(logits, axis=2)
    by_entry, sum_pullback = ops.log_sum_exp(log_w + log_p, axis=2)
    log_px = by_entry.sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array, Array, Array]:
        # d(log w + log P)_k = dlog_px p(k|x)
        djoint = sum_pullback(np.broadcast_to(dlog_px[:, None], by_entry.shape))
        return w_pullback(djoint), *p_pullback(djoint)

    return log_px, pullback


@sampler
def sample(mean: Array, log_scale: Array, *, uniform: Array, levels: int) -> Array:
    """The level nearest to m + s log u/(1 − u), where u = `uniform` is a draw from U[0, 1).     All (B, D).

    A number beyond the first or the last level becomes that level.
    """
    shaped = {"log_scale": (log_scale, "B D"), "uniform": (uniform, "B D")}
    require_shapes("discretized_logistic.sample", mean=(mean, "B D"), **shaped)
    with np.errstate(divide="ignore", over="ignore"):
        u = uniform.astype(np.float64)
        draw = mean + np.exp(log_scale.astype(np.float64)) * (np.log(u) - np.log1p(-u))
    return np.clip(np.rint(draw), 0, levels - 1).astype(np.int64)


def _by_entry(mean: Array, log_scale: Array, x: Array, levels: int) -> tuple[Array, Pullback]:
    """log P(x) of each entry, for arrays of any one shape."""
    largest, half = np.finfo(mean.dtype).max, mean.dtype.type(0.5)
    with np.errstate(over="ignore"):
        rate = np.minimum(np.exp(-log_scale), largest)  # 1/s, held finite so that 0/s stays 0
        below, above = (
            np.clip(((x + side).astype(mean.dtype) - mean) * rate, -largest, largest)
            for side in (-half, half)
        )
    first, last = x == 0, x == levels - 1
    low, high = (
        np.where(first, -np.inf, below).astype(mean.dtype),
        np.where(last, np.inf, above).astype(mean.dtype),
    )
    log_width = np.where(first | last, np.inf, -log_scale).astype(mean.dtype)  # log 1/s
    by_entry, interval_pullback = ops.logistic_interval(low, high, log_width)

    def pullback(dby_entry: Array) -> tuple[Array, Array]:
        dlow, dhigh, dlog_width = interval_pullback(dby_entry)
        with np.errstate(over="ignore"):
            dmean = -(dlow + dhigh) * rate  # dm = −(db + da)/s
            # dlog_s = −(db b + da a) − dlog_width, 0 at an end
            dlog_scale = -(dlow * below + dhigh * above) - dlog_width
        return dmean, dlog_scale

    return by_entry, pullback


def _require_levels(where: str, x: Array, levels: int) -> None:
    require_count(where, "levels", levels, 2)
    if not np.issubdtype(x.dtype, np.integer):
        raise InputError(f"{where}: x should hold integers, found {x.dtype}")
    if x.size and not (x.min() >= 0 and x.max() < levels):
        raise InputError(f"{where}: x should hold levels 0..{levels - 1}, found {x.min()}..{x.max()}")
