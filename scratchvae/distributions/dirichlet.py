"""The Dirichlet distribution of D shares that sum to 1, by log_alpha = log α.

    p(x) = Γ(α₀)/Π_i Γ(α_i) Π_i x_i^(α_i − 1),    α₀ = Σ_i α_i

With two shares it is the beta distribution.
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_count, require_shapes


@differentiable
@in_float64
def kl(log_alpha: Array, other_log_alpha: Array) -> tuple[Array, Pullback]:
    """KL(Dir(α) ‖ Dir(β)) = log Γ(α₀)/Γ(β₀) − Σ_i log Γ(α_i)/Γ(β_i) + Σ_i (α_i − β_i)(ψ(α_i) − ψ(α₀)).

    Both (B, D)  ->  (B,) in nats. With e(x) = log Γ(x) − x log x + x, G(β, α) = e(β) − e(α) − (β − α) e′(α) ≥ 0 and
    the ratios ρ_i = β_i/α_i, ρ₀ = β₀/α₀ it is

        Σ_i β_i (t_i − log(1 + t_i)) + Σ_i G(β_i, α_i) − G(β₀, α₀),    t_i = (ρ₀ − ρ_i)/ρ_i

    The first sum is β₀ times the KL from the shares β/β₀ to α/α₀. The terms that grow with α have cancelled
    in this form, and G(β, α) is about ½ (ρ − 1 − log ρ) at large α. Two equal laws give exactly 0.
    """
    n = require_shapes("dirichlet.kl", log_alpha=(log_alpha, "B D"), other_log_alpha=(other_log_alpha, "B D"))
    require_count("dirichlet.kl", "the number of shares", n["D"])
    alpha, beta, log_ratio = np.exp(log_alpha), np.exp(other_log_alpha), other_log_alpha - log_alpha
    more = np.expm1(log_ratio)  # ρ_i − 1
    rise, whole = alpha * more, alpha.sum(axis=1, keepdims=True)
    total_rise = rise.sum(axis=1, keepdims=True)
    total_more = total_rise / whole
    t = (total_more - more) * np.exp(-log_ratio)
    log_share = np.log1p(total_more) - log_ratio  # log(1 + t_i)
    near = np.abs(t) < 0.5
    excess = np.where(near, _excess(np.where(near, t, 0)), t - log_share)
    gap, slope, curvature = kernels.log_gamma_gap(alpha, beta, rise)
    whole_gap, whole_slope, whole_curvature = kernels.log_gamma_gap(
        whole, beta.sum(axis=1, keepdims=True), total_rise
    )
    kl = (beta * excess + gap).sum(axis=1) - whole_gap[:, 0]
    by_share = np.where(near, np.log1p(np.where(near, t, 0)), log_share)

    def pullback(dkl: Array) -> tuple[Array, Array]:
        d = dkl[:, None]
        pulled = (total_more - more) - rise * curvature + total_rise * whole_curvature
        # dlog_α = dkl α (ρ₀ − ρ_i − (β_i − α_i) e″(α_i) + (β₀ − α₀) e″(α₀))
        dlog_alpha = d * (alpha * pulled)
        dother = d * (beta * (slope - whole_slope - by_share))
        return dlog_alpha, dother  # dlog_β = dkl β (−log(1 + t_i) + e′(β_i) − e′(α_i) − e′(β₀) + e′(α₀))

    return kl, pullback


def _excess(t: Array) -> Array:
    """t − log(1 + t) for |t| < ½, by y (t − 2 Σ_k y²ᵏ/(2k + 1)), y = t/(2 + t), k = 1, 2, …"""
    y = t / (2 + t)
    squares, series = y * y, np.zeros_like(y)
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    return y * (t - 2 * series)
