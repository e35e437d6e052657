"""The Laplace distribution, p(x) = exp(−|x − mean|/s) / 2s by entry, with log_scale = log s."""

import numpy as np

from scratchvae.arguments import differentiable
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
def log_prob(x: Array, mean: Array, log_scale: Array, *, needs_dx: bool = True) -> tuple[Array, Pullback]:
    """log p(x) = −Σ_d (log 2 + log s + |x − mean|/s).     x, mean, log_scale (B, D)  ->  (B,) in nats.

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
            # dlog_scale = dlog_px (|x − mean|/s − 1), and 0 · ∞ = 0
            dlog_scale = np.where(d == 0, d, d * (np.abs(u) - 1))
        dx = -dmean if needs_dx else None  # dx = −dlog_px sign(x − mean)/s
        return dx, dmean, dlog_scale

    return log_px, pullback


@differentiable
def entropy(log_scale: Array) -> tuple[Array, Pullback]:
    """H = Σ_d (1 + log 2s), for any mean.     log_scale (B, D)  ->  (B,) in nats."""
    require_shapes("laplace.entropy", log_scale=(log_scale, "B D"))
    H = (log_scale + log_scale.dtype.type(1 + np.log(2))).sum(axis=1)

    def pullback(dH: Array) -> Array:
        return np.broadcast_to(dH[:, None], log_scale.shape).copy()  # dlog_scale = dH

    return H, pullback


@differentiable
def reparameterize(mean: Array, log_scale: Array, *, noise: Array) -> tuple[Array, Pullback]:
    """x = mean + s · noise, a draw from Laplace(mean, s) where the noise is a draw from Laplace(0, 1).

    All (B, D)  ->  (B, D).
    """
    require_shapes(
        "laplace.reparameterize", mean=(mean, "B D"), log_scale=(log_scale, "B D"), noise=(noise, "B D")
    )
    with np.errstate(over="ignore"):
        scale = np.minimum(np.exp(log_scale), np.finfo(log_scale.dtype).max)
        spread = scale * noise.astype(log_scale.dtype, copy=False)  # x − mean
    x = mean + spread

    def pullback(dx: Array) -> tuple[Array, Array]:
        return dx, dx * spread  # dmean = dx,  dlog_scale = dx s noise

    return x, pullback


@differentiable
def kl(mean: Array, log_scale: Array, other_mean: Array, other_log_scale: Array) -> tuple[Array, Pullback]:
    """KL(Laplace(mean, b) ‖ Laplace(other_mean, c)), where b and c are the scales.

        Σ_d (log c/b + (b e^(−|Δ|/b) + |Δ|)/c − 1),    Δ = mean − other_mean

    All (B, D)  ->  (B,) in nats. With ρ = log b/c and δ = |Δ|/b it is computed as the sum of e^ρ − 1 − ρ and
    e^ρ (e^(−δ) − 1 + δ), neither of which is below 0.
    """
    shaped = {"other_mean": (other_mean, "B D"), "other_log_scale": (other_log_scale, "B D")}
    require_shapes("laplace.kl", mean=(mean, "B D"), log_scale=(log_scale, "B D"), **shaped)
    rho = log_scale - other_log_scale
    with np.errstate(over="ignore"):
        ratio, rate = np.exp(rho), np.minimum(np.exp(-other_log_scale), np.finfo(mean.dtype).max)  # b/c, 1/c
        delta = np.abs(mean - other_mean) * np.minimum(np.exp(-log_scale), np.finfo(mean.dtype).max)
        fallen = -np.expm1(-delta)  # 1 − e^(−δ)
        kl = ((np.expm1(rho) - rho) + ratio * (delta - fallen)).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        dmean = d * (np.sign(mean - other_mean) * fallen * rate)  # dmean = dkl sign(Δ) (1 − e^(−|Δ|/b))/c
        dlog_scale = d * (ratio * (1 - fallen) * (1 + delta) - 1)  # dlog_b = dkl (b/c e^(−δ) (1 + δ) − 1)
        dother_log_scale = d * (1 - ratio * (1 - fallen + delta))  # dlog_c = dkl (1 − b/c (e^(−δ) + δ))
        return dmean, dlog_scale, -dmean, dother_log_scale

    return kl, pullback


@differentiable
def kl_from_gaussian(
    mean: Array, log_var: Array, other_mean: Array, other_log_scale: Array
) -> tuple[Array, Pullback]:
    """KL(N(mean, σ²) ‖ Laplace(other_mean, c)) = Σ_d (log 2c + E|x − other_mean|/c − ½ log 2πσ² − ½).

    All (B, D)  ->  (B,) in nats.

        E|x − other_mean| = σ √(2/π) e^(−u²/2) + Δ erf(u/√2),    Δ = mean − other_mean,  u = Δ/σ

    Neither part of it is below 0.
    """
    from scipy.special import erf  # imported here: it takes a third of a second

    shaped = {"other_mean": (other_mean, "B D"), "other_log_scale": (other_log_scale, "B D")}
    require_shapes("laplace.kl_from_gaussian", mean=(mean, "B D"), log_var=(log_var, "B D"), **shaped)
    real, limit = mean.dtype.type, np.finfo(mean.dtype).max
    apart = mean - other_mean
    with np.errstate(over="ignore", under="ignore"):
        rate = np.minimum(np.exp(-other_log_scale), limit)  # 1/c
        u = np.clip(apart * np.minimum(np.exp(-0.5 * log_var), limit), -limit, limit)
        # the share of draws on mean's side of other_mean, less the share on its other side
        share = erf(u * real(np.sqrt(0.5)))
        # σ √(2/π) e^(−u²/2)/c
        width = np.exp(0.5 * log_var - other_log_scale) * np.exp(-0.5 * u * u) * real(np.sqrt(2 / np.pi))
        distance = width + apart * share * rate
        kl = (
            distance + (other_log_scale - 0.5 * log_var) + real(np.log(2) - 0.5 * np.log(2 * np.pi) - 0.5)
        ).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        dmean = d * (share * rate)  # dmean = dkl erf(u/√2)/c
        dlog_var = d * (0.5 * (width - 1))  # dlog_var = dkl ½ (σ √(2/π) e^(−u²/2)/c − 1)
        dother_log_scale = d * (1 - distance)  # dlog_c = dkl (1 − E|x − other_mean|/c)
        return dmean, dlog_var, -dmean, dother_log_scale

    return kl, pullback
