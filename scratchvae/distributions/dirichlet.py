"""The Dirichlet distribution of D shares that sum to 1, by log_alpha = log α.

    p(x) = Γ(α₀)/Π_i Γ(α_i) Π_i x_i^(α_i − 1),    α₀ = Σ_i α_i

With two shares it is the beta distribution.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_count, require_shapes
from scratchvae.distributions._beyond_range import excess, times_exp, weighed


@differentiable
@in_float64
def kl(log_alpha: Array, other_log_alpha: Array) -> tuple[Array, Pullback]:
    """KL(Dir(α) ‖ Dir(β)) = log Γ(α₀)/Γ(β₀) − Σ_i log Γ(α_i)/Γ(β_i) + Σ_i (α_i − β_i)(ψ(α_i) − ψ(α₀)).

    Both (B, D)  ->  (B,) in nats. With e(x) = log Γ(x) − x log x + x,
    G(β, α) = e(β) − e(α) − (β − α) e′(α) ≥ 0 and the ratios ρ_i = β_i/α_i, ρ₀ = β₀/α₀ it is

        Σ_i β_i (t_i − log(1 + t_i)) + Σ_i G(β_i, α_i) − G(β₀, α₀),    t_i = (ρ₀ − ρ_i)/ρ_i

    The first sum is β₀ times the KL from the shares β/β₀ to α/α₀. The terms that grow with α have cancelled
    in this form, and G(β, α) is about ½ (ρ − 1 − log ρ) at large α. Two equal laws give exactly 0.

    A value or a slope is right to a roundoff of the largest of its parts. No number is NaN, and no value is
    below 0.
    """
    n = require_shapes("dirichlet.kl", log_alpha=(log_alpha, "B D"), other_log_alpha=(other_log_alpha, "B D"))
    require_count("dirichlet.kl", "the number of shares", n["D"])
    log_ratio = other_log_alpha - log_alpha
    log_whole, log_other_whole = _log_sum(log_alpha), _log_sum(other_log_alpha)
    share = np.exp(log_alpha - log_whole)
    with np.errstate(over="ignore", invalid="ignore"):
        more = np.expm1(log_ratio)  # ρ_i − 1
        rise = np.where(np.abs(log_ratio) < 1, share * more, np.exp(other_log_alpha - log_whole) - share)
        total_more = rise.sum(axis=1, keepdims=True)  # ρ₀ − 1
        near = np.abs(total_more) < 0.5
        log_total = np.where(near, np.log1p(np.where(near, total_more, 0)), log_other_whole - log_whole)
        # t by the ratios over that of the largest share, with which all roundoffs of a common ratio cancel
        common = np.take_along_axis(log_ratio, log_alpha.argmax(axis=1)[:, None], axis=1)
        apart, ahead = log_ratio - common, np.abs(log_ratio - common) < 1
        e = np.expm1(apart)
        total = np.where(ahead, share * e, np.exp(other_log_alpha - log_whole - common) - share)
        total = total.sum(axis=1, keepdims=True)  # ρ₀/common − 1
        tame = (total > -0.5) & (total < 2)
        log_rest = np.where(tame, np.log1p(np.where(tame, total, 0)), log_other_whole - log_whole - common)
        log_share, close = log_rest - apart, tame & ahead  # log(1 + t_i)
        t = np.where(close, (total - e) * np.exp(-apart), np.expm1(log_share))
        by_share = np.where(close, np.log1p(np.where(close, t, 0)), log_share)
        part, moved = excess(other_log_alpha, by_share, t)  # moved = β_i t_i = α_i (ρ₀ − ρ_i)
        gap, slope, curvature = kernels.log_gamma_gap(log_alpha, other_log_alpha, more)
        whole_gap, whole_slope, whole_curvature = kernels.log_gamma_gap(
            log_whole, log_other_whole, total_more
        )
        parts = (part + gap).sum(axis=1)
        kl = np.where(np.isinf(parts), parts, np.maximum(parts - whole_gap[:, 0], 0))

    def pullback(dkl: Array) -> tuple[Array, Array]:
        d = dkl[:, None]
        to_whole = log_alpha - log_whole
        with np.errstate(over="ignore", invalid="ignore"):
            of_total = np.where(near, share * total_more, np.exp(to_whole + log_total) - share)
            pulled = moved - (curvature * more - whole_curvature * of_total)
            kept = np.exp(np.minimum(other_log_alpha, 0) - np.minimum(log_other_whole, 0))
            inner = slope - whole_slope * kept - np.exp(np.minimum(other_log_alpha, 0)) * by_share
            of_other = times_exp(inner, np.maximum(other_log_alpha, 0))
        # of infinite parts the one of the largest logarithm counts
        up = log_total + np.maximum(np.where(log_share > 0, log_alpha, -np.inf), to_whole)
        down = np.maximum(np.where(log_share < 0, other_log_alpha, -np.inf), log_ratio)
        pulled = np.where(np.isnan(pulled), np.where(up > down, np.inf, -np.inf), pulled)
        of_other = np.where(np.isnan(of_other), np.inf, of_other)
        # dlog_α = dkl α (ρ₀ − ρ_i − (β_i − α_i) e″(α_i) + (β₀ − α₀) e″(α₀))
        # dlog_β = dkl β (−log(1 + t_i) + e′(β_i) − e′(α_i) − e′(β₀) + e′(α₀))
        return weighed(d, pulled), weighed(d, of_other)

    return kl, pullback


def _log_sum(log_alpha: Array) -> Array:
    """log Σ_i α_i, (B, 1)."""
    largest = log_alpha.max(axis=1, keepdims=True)
    return largest + np.log(np.exp(log_alpha - largest).sum(axis=1, keepdims=True))
