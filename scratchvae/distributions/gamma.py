"""The gamma distribution of positive entries, by log_shape = log a and log_rate = log b. Its mean is a/b.

p(x) = b^a x^(a−1) e^(−b x)/Γ(a)
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_shapes


@differentiable
@in_float64
def kl(
    log_shape: Array, log_rate: Array, other_log_shape: Array, other_log_rate: Array
) -> tuple[Array, Pullback]:
    """KL(Gamma(a, b) ‖ Gamma(α, β)) = Σ_d ((a−α) ψ(a) − log Γ(a) + log Γ(α) + α log(b/β) + a (β−b)/b).

    All (B, D)  ->  (B,) in nats. With e(x) = log Γ(x) − x log x + x, and with ℓ = log(α b/(a β)), the
    logarithm of the other mean over this one, it is a sum of two parts, and neither of them is below 0:

        α (e^(−ℓ) − 1 + ℓ) + e(α) − e(a) − (α − a) e′(a)

    In this form no logarithm of Γ is subtracted from another one. Two equal laws give exactly 0.
    """
    shaped = {"log_rate": (log_rate, "B D"), "other_log_shape": (other_log_shape, "B D")}
    require_shapes("gamma.kl", log_shape=(log_shape, "B D"), other_log_rate=(other_log_rate, "B D"), **shaped)
    with np.errstate(over="ignore"):
        a, other = np.exp(log_shape), np.exp(other_log_shape)
        ratio = other_log_shape - log_shape
        rise = a * np.expm1(ratio)
        apart = ratio + (log_rate - other_log_rate)  # ℓ
        less = np.expm1(-apart)
        gap, slope, curvature = kernels.log_gamma_gap(a, other, rise)
        kl = (other * _excess(apart, less) + gap).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        dlog_rate = -d * (other * less)  # dlog_b = dkl α (1 − e^(−ℓ)) = −dlog_β
        # dlog_a = dkl (α (e^(−ℓ) − 1) − a (α − a) e″(a))
        dlog_shape = -dlog_rate - d * (a * rise * curvature)
        dother_log_shape = d * (other * (apart + slope))  # dlog_α = dkl α (ℓ + e′(α) − e′(a))
        return dlog_shape, dlog_rate, dother_log_shape, -dlog_rate

    return kl, pullback


def _excess(apart: Array, less: Array) -> Array:
    """e^(−ℓ) − 1 + ℓ, whose `less` is e^(−ℓ) − 1: near 0 by its series ½ ℓ² (1 − ℓ/3 (1 − ℓ/4 (…)))."""
    small = np.where(np.abs(apart) < 1, apart, 0)
    series = np.ones_like(small)
    for n in range(20, 2, -1):
        series = 1 - small / n * series
    return np.where(np.abs(apart) < 1, 0.5 * small * small * series, less + apart)
