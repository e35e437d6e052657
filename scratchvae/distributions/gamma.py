"""The gamma distribution of positive entries, by log_shape = log a and log_rate = log b. Its mean is a/b.

p(x) = b^a x^(a−1) e^(−b x)/Γ(a)
"""

import numpy as np

from scratchvae import kernels
from scratchvae.arguments import differentiable, in_float64
from scratchvae.arrays import Array, Pullback, require_shapes
from scratchvae.distributions._beyond_range import excess, times_exp, weighed


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
    ratio = other_log_shape - log_shape
    log_top = log_shape + (other_log_rate - log_rate)  # log a β/b = log α e^(−ℓ)
    apart = ratio + (log_rate - other_log_rate)  # ℓ
    with np.errstate(over="ignore"):
        more = np.expm1(ratio)
        part, less = excess(other_log_shape, -apart, np.expm1(-apart))  # less = α (e^(−ℓ) − 1)
        gap, slope, curvature = kernels.log_gamma_gap(log_shape, other_log_shape, more)
        kl = (part + gap).sum(axis=1)

    def pullback(dkl: Array) -> tuple[Array, Array, Array, Array]:
        d = dkl[:, None]
        dlog_rate = weighed(d, -less)  # dlog_b = dkl α (1 − e^(−ℓ)) = −dlog_β
        with np.errstate(invalid="ignore"):
            both = less - curvature * more
        # of two infinite parts the one of the larger logarithm counts
        both = np.where(np.isnan(both), np.where(log_top > ratio, np.inf, -np.inf), both)
        dlog_shape = weighed(d, both)  # dlog_a = dkl (α (e^(−ℓ) − 1) − a (α − a) e″(a))
        inner = apart * np.exp(np.minimum(other_log_shape, 0)) + slope
        # dlog_α = dkl α (ℓ + e′(α) − e′(a))
        dother_log_shape = weighed(d, times_exp(inner, np.maximum(other_log_shape, 0)))
        return dlog_shape, dlog_rate, dother_log_shape, -dlog_rate

    return kl, pullback
