"""Student's t by entry, with location, log_scale = log s and log_df = log ν, the degrees of freedom.

    p(x) = Γ((ν+1)/2) / (Γ(ν/2) √(πν) s) · (1 + u²/ν)^(−(ν+1)/2),    u = (x − location)/s

At ν = ∞ this is the Gaussian of variance s², and at ν = 1 it is Cauchy's law. Student 1908; Lange, Little &
Taylor 1989, section 2.
"""

import numpy as np

from scratchvae.arguments import differentiable, sampler
from scratchvae.arrays import Array, Pullback, require_shapes

SHIFT = 8  # steps of the recurrence before Stirling's series
# c₁, c₃, c₅, …, c₁₃
SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432, 691 / 180224, -5461 / 425984)
NEAR = 0.5  # up to this |u|/√ν the terms have a limit at ν = ∞


@differentiable
def log_prob(
    x: Array, location: Array, log_scale: Array, log_df: Array, *, needs_dx: bool = True
) -> tuple[Array, Pullback]:
    """log p(x) = Σ_d (C(ν) − ½ log 2π − log s − ½ (ν+1) log(1 + u²/ν)).

    x and parameters (B, D)  ->  (B,) in nats.

        C(ν) = log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(ν/2)

    `_normalizer` gives C, and `_tail` gives the last term, both without a difference of large numbers.
    log_df = ∞ gives the Gaussian of log_var = 2 log_scale, and its gradient is 0.

    Where u or u/√ν is beyond the dtype's range, the function computes with the logarithm of |u|/√ν, so that
    log p keeps its digits. log p is −∞ only where it is itself below the dtype's least number, as it may be
    in the Gaussian at ν = ∞.
    """
    shaped = {"location": (location, "B D"), "log_scale": (log_scale, "B D"), "log_df": (log_df, "B D")}
    require_shapes("student_t.log_prob", x=(x, "B D"), **shaped)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # √(1/s), held finite so that 0/s stays 0
        root = np.minimum(np.exp(-log_scale / 2), np.finfo(x.dtype).max)
        u = (x - location) * root * root  # two factors, because 1/s overflows before u does
        C, dC = _normalizer(log_df)
        T, dT_dx, moment, dT_dlog_df = _tail(x - location, u, log_scale, log_df, root)
    log_px = (C - T - log_scale - x.dtype.type(0.5 * np.log(2 * np.pi))).sum(axis=1)

    def pullback(dlog_px: Array) -> tuple[Array | None, Array, Array, Array]:
        d = dlog_px[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            dlocation = d * dT_dx  # dlocation = dlog_px (ν+1) u/(ν + u²)/s
            # dlog_scale = dlog_px ((ν+1) u²/(ν + u²) − 1) = dlog_px ν (u² − 1)/(ν + u²)
            dlog_scale = d * moment
            dlog_df = d * (dC - dT_dlog_df)  # dlog_df = dlog_px (dC/d log ν − dT/d log ν)
        # 0 · ∞ = 0
        dlocation, dlog_scale, dlog_df = (np.where(d == 0, d, g) for g in (dlocation, dlog_scale, dlog_df))
        dx = -dlocation if needs_dx else None  # dx = −dlog_px (ν+1) u/(ν + u²)/s
        return dx, dlocation, dlog_scale, dlog_df

    return log_px, pullback


@sampler
def sample(location: Array, log_scale: Array, *, noise: Array, precision: Array) -> Array:
    """x = location + s · noise/√precision, where the noise is standard normal.

    All are (B, D). The precision is a draw from Gamma(ν/2)/(ν/2), whose mean is 1. At ν = ∞ every precision
    is 1.
    """
    shaped = {"noise": (noise, "B D"), "precision": (precision, "B D")}
    require_shapes("student_t.sample", location=(location, "B D"), log_scale=(log_scale, "B D"), **shaped)
    return location + np.exp(log_scale) * noise / np.sqrt(precision)


def _normalizer(log_df: Array) -> tuple[Array, Array]:
    """C(ν) and dC/d log ν, which is ½ ν (ψ((ν+1)/2) − ψ(ν/2)) − ½ with ψ the digamma function.

        C           = ½ Σ_k log(1 − 1/(ν + 2k + 1)²) + Σ_n c_n/mⁿ      k = 0 … 7, n = 1, 3, … 13, m = ν/2 + 8
        dC/d log ν  = ν Σ_k 1/((ν + 2k)(ν + 2k + 1)(ν + 2k + 2)) − ½ ν Σ_n n c_n/mⁿ⁺¹

    The sums over k apply Γ(h+1) = h Γ(h) and ψ(h+1) = ψ(h) + 1/h 8 times each. Each of these steps is written
    as one difference between h + ½ and h, so that nothing large is subtracted. The sums over n are
    Stirling's series of the difference between m + ½ and m, with c_n = (2⁻ⁿ − 2) B_{n+1}/(n(n+1)) and
    Bernoulli's numbers B_n (Abramowitz & Stegun 1964, 6.1.40 and 6.3.18). The terms that are left out are
    below 2e-15. No logarithm of Γ is computed, so that even at ν of 10¹² no digit is lost.
    """
    df, inverse = _df_and_inverse(log_df)
    below = 0.5 * (log_df + np.log(df + 2)) - np.log1p(df)  # ½ log(ν (ν+2)/(ν+1)²)
    C, dC = np.where(df < 1, below, 0.5 * np.log1p(-1 / (df + 1) ** 2)), 1 / ((df + 1) * (df + 2))  # k = 0
    for k in range(1, SHIFT):
        C = C + 0.5 * np.log1p(-1 / (df + (2 * k + 1)) ** 2)
        dC = dC + 1 / ((1 + 2 * k * inverse) * (df + (2 * k + 1)) * (df + (2 * k + 2)))
    per_m = 1 / (0.5 * df + SHIFT)
    series, slope = np.zeros_like(df), np.zeros_like(df)  # Σ c_n/mⁿ⁻¹, −Σ n c_n/mⁿ⁻¹
    for i in reversed(range(len(SERIES))):
        series = SERIES[i] + per_m**2 * series
        slope = -(2 * i + 1) * SERIES[i] + per_m**2 * slope
    return C + per_m * series, dC + per_m * slope / (1 + 2 * SHIFT * inverse)


def _tail(
    apart: Array, u: Array, log_scale: Array, log_df: Array, root: Array
) -> tuple[Array, Array, Array, Array]:
    """T = ½ (ν+1) log(1 + q) with q = u²/ν, dT/dx, dT/d log |u| − 1, and dT/d log ν; apart = x − location.

        dT/dx        = (ν+1) u/(ν + u²)/s = (ν+1) q/(1 + q)/apart
        dT/d log |u| = (ν+1) q/(1 + q), which less 1 is (u² − 1)/(1 + q) = ν q/(1 + q) − 1/(1 + q)
        dT/d log ν   = ½ ν (log(1 + q) − q/(1 + q)) − ½ q/(1 + q)

    With r = √q and p = min(r, 1/r)², log(1 + q) is 2 log max(r, 1) + log(1 + p), which no r overflows. Near 0
    each term is u² times a factor that has a limit at ν = ∞. The factor of the last one comes from

        log(1 + q) − q/(1 + q) = 2y²/(1 + y) + 2 Σ_j y²ʲ⁺¹/(2j+1),    y = q/(2 + q)

    in which every term is positive.
    """
    df, inverse = _df_and_inverse(log_df)
    r = np.where(log_df == np.inf, np.where(np.isnan(u), u, 0), np.abs(u) * np.exp(-0.5 * log_df))
    log_r = np.log(np.abs(apart)) - log_scale - 0.5 * log_df
    edge = 0.9 * np.log(np.finfo(u.dtype).max)
    wide = ~np.isfinite(r) | (np.maximum(np.abs(log_scale), np.abs(log_df)) > edge)
    wide &= log_df != np.inf
    r = np.where(wide, np.exp(log_r), r)
    near, df = r <= NEAR, np.where(r <= NEAR, 0, df)  # near 0, ν itself is not needed
    p = np.minimum(r, 1 / np.maximum(r, 1)) ** 2
    logarithm = 2 * np.where(wide, np.maximum(log_r, 0), np.log(np.maximum(r, 1))) + np.log1p(p)
    share = np.where(r > 1, 1, p) / (1 + p)  # q/(1 + q)
    q, squares = np.where(near, p, 0), np.where(near, u, 0) ** 2  # squares = ν q
    y, odd = q / (2 + q), np.zeros_like(q)
    for j in range(8, 0, -1):
        odd = 1 / (2 * j + 1) + y**2 * odd
    gap = y / (2 + q) * (2 / (1 + y) + 2 * y * odd)  # (log(1 + q) − q/(1 + q))/q
    ratio = np.where(q > 0, np.log1p(q) / np.where(q > 0, q, 1), 1)
    T = np.where(near, 0.5 * (1 + inverse) * squares * ratio, 0.5 * (df + 1) * logarithm)
    by_u = (1 + inverse) * np.where(near, u, 0) / (1 + q) * root * root
    dT_dx = np.where(near, by_u, (df + 1) * share / np.where(near, 1, apart))
    moment = np.where(near, (squares - 1) / (1 + q), df * share - np.where(r > 1, p, 1) / (1 + p))
    dT_dlog_df = (
        np.where(near, 0.5 * np.where(q > 0, squares, 0) * gap, 0.5 * df * (logarithm - share)) - 0.5 * share
    )
    return T, dT_dx, moment, dT_dlog_df


def _df_and_inverse(log_df: Array) -> tuple[Array, Array]:
    """ν > 0 and 1/ν < ∞."""
    limits = np.finfo(log_df.dtype)
    return np.maximum(np.exp(log_df), limits.tiny), np.minimum(np.exp(-log_df), limits.max)
