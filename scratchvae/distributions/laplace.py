"""The Laplace distribution, p(x) = exp(−|x − mean|/s) / 2s by entry, with log_scale = log s."""

import numpy as np

from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions._beyond_range import excess, times_exp, weighed

FAR = 1e5  # a distance in scales at which e to minus it is 0 beside any ratio of scales up to e^(10⁵)


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
        dlog_scale = weighed(d, np.abs(u) - 1)  # dlog_scale = dlog_px (|x − mean|/s − 1)
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
@in_float64
def kl(mean: Array, log_scale: Array, other_mean: Array, other_log_scale: Array) -> tuple[Array, Pullback]:
    """KL(Laplace(mean, b) ‖ Laplace(other_mean, c)), where b and c are the scales.

        Σ_d (log c/b + (b e^(−|Δ|/b) + |Δ|)/c − 1),    Δ = mean − other_mean

    All (B, D)  ->  (B,) in nats. With ρ = log b/c and δ = |Δ|/b it is computed as the sum of e^ρ − 1 − ρ and
    e^ρ (e^(−δ) − 1 + δ), neither of which is below 0. Beyond δ = 1 the second is (|Δ| − b (1 − e^(−δ)))/c.
    """
    shaped = {"other_mean": (other_mean, "B D"), "other_log_scale": (other_log_scale, "B D")}
    require_shapes("laplace.kl", mean=(mean, "B D"), log_scale=(log_scale, "B D"), **shaped)
    rho, distance = log_scale - other_log_scale, np.abs(mean - other_mean)
    with np.errstate(over="ignore"):
        delta = np.minimum(times_exp(distance, -log_scale), FAR)
        inside, held = delta < 1, np.minimum(delta, 1)
        fallen = -np.expm1(-delta)  # 1 − e^(−δ)
        of_scales, _ = excess(np.zeros_like(rho), rho, np.expm1(rho))
        by_series, _ = excess(rho, -held, np.expm1(-held))
        b = np.exp(np.where(inside, 0, log_scale))
        far = times_exp(np.where(inside, 0, distance - b * fallen), -other_log_scale)
        kl = (of_scales + np.where(inside, by_series, far)).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        with np.errstate(over="ignore"):
            per_distance = np.where(delta > 0, fallen / np.where(delta > 0, delta, 1), 1) * distance
            by_distance = times_exp(per_distance, -(log_scale + other_log_scale))
            rise = np.where(inside, by_distance, times_exp(fallen, -other_log_scale))  # (1 − e^(−δ))/c
            here = times_exp(1 + delta, rho - delta) - 1
            apart = times_exp(np.ones_like(rho), rho - delta) + times_exp(distance, -other_log_scale)
        dmean = weighed(d, np.sign(mean - other_mean) * rise)  # dmean = dkl sign(Δ) (1 − e^(−|Δ|/b))/c
        dlog_scale = weighed(d, here)  # dlog_b = dkl (b/c e^(−δ) (1 + δ) − 1)
        dother_log_scale = weighed(d, 1 - apart)  # dlog_c = dkl (1 − b/c (e^(−δ) + δ))
        return dmean, dlog_scale, -dmean, dother_log_scale

    return kl, pullback


@differentiable
@in_float64
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
    apart, log_ratio = mean - other_mean, 0.5 * log_var - other_log_scale  # log σ/c
    u = np.clip(times_exp(apart, -0.5 * log_var), -FAR, FAR)
    # the share of draws on mean's side of other_mean, less the share on its other side
    share = erf(u * np.sqrt(0.5))
    # σ √(2/π) e^(−u²/2)/c
    width = times_exp(np.full_like(u, np.sqrt(2 / np.pi)), log_ratio - 0.5 * u * u)
    distance = width + times_exp(apart * share, -other_log_scale)
    kl = (distance + np.log(2) - 0.5 * np.log(2 * np.pi) - 0.5 - log_ratio).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        straight = times_exp(apart * np.sqrt(2 / np.pi), -(0.5 * log_var + other_log_scale))
        # erf(u/√2)/c, which is u √(2/π)/c next to 0
        rise = np.where(np.abs(u) < 1e-9, straight, times_exp(share, -other_log_scale))
        dmean = weighed(d, rise)  # dmean = dkl erf(u/√2)/c
        dlog_var = weighed(d, 0.5 * (width - 1))  # dlog_var = dkl ½ (σ √(2/π) e^(−u²/2)/c − 1)
        dother_log_scale = weighed(d, 1 - distance)  # dlog_c = dkl (1 − E|x − other_mean|/c)
        return dmean, dlog_var, -dmean, dother_log_scale

    return kl, pullback
