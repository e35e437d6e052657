"""The Laplace distribution, p(x) = exp(−|x − mean|/s) / 2s by entry, with log_scale = log s."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def log_prob(x: Array, mean: Array, log_scale: Array, *, needs_dx: bool = True) -> tuple[Array, Pullback]:
    """log p(x) = −Σ_d log 2 + log s + |x − mean|/s.     x, mean, log_scale (B, D)  ->  (B,) in nats.

    At the kink, x = mean, the gradients of x and mean are 0.
    """
    require_shapes("laplace.log_prob", x=(x, "B D"), mean=(mean, "B D"), log_scale=(log_scale, "B D"))
    with np.errstate(over="ignore"):
        rate = np.minimum(np.exp(-log_scale), np.finfo(x.dtype).max)  # 1/s, held finite so that 0/s stays 0
        u = (x - mean) * rate
    log_px = -(x.dtype.type(np.log(2)) + log_scale + np.abs(u)).sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array | None, Array, Array]:
        d = dlog_px[:, None]
        dmean = d * (np.sign(u) * rate)  # dmean = dlog_px sign(x − mean)/s
        with np.errstate(invalid="ignore"):
            dlog_scale = np.where(d == 0, d, d * (np.abs(u) - 1))  # dlog_scale = dlog_px (|x − mean|/s − 1), and 0 · ∞ = 0
        dx = -dmean if needs_dx else None  # dx = −dlog_px sign(x − mean)/s
        return dx, dmean, dlog_scale

    return log_px, pullback


@differentiable
def entropy(log_scale: Array) -> tuple[Array, Pullback]:
    """H = Σ_d 1 + log 2s, whatever the mean.     log_scale (B, D)  ->  (B,) in nats."""
    require_shapes("laplace.entropy", log_scale=(log_scale, "B D"))
    H = (log_scale + log_scale.dtype.type(1 + np.log(2))).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return np.broadcast_to(dH[:, None], log_scale.shape).copy()  # dlog_scale = dH

    return H, pullback


@differentiable
def reparameterize(mean: Array, log_scale: Array, *, noise: Array) -> tuple[Array, Pullback]:
    """x = mean + s · noise, a draw from Laplace(mean, s) where noise is one from Laplace(0, 1).     (B, D)  ->  (B, D)."""
    require_shapes("laplace.reparameterize", mean=(mean, "B D"), log_scale=(log_scale, "B D"), noise=(noise, "B D"))
    with np.errstate(over="ignore"):
        scale = np.minimum(np.exp(log_scale), np.finfo(log_scale.dtype).max)
        spread = scale * noise.astype(log_scale.dtype, copy=False)  # x − mean
    x = mean + spread

    def pullback(dx: Array) -> tuple[Array, Array]:
        return dx, dx * spread  # dmean = dx,  dlog_scale = dx s noise

    return x, pullback
