"""Parts of divergences between laws whose constants have gamma functions."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import NEAR, SHIFT, STIRLING, log1p_less

LARGE = 40.0  # from this |log α| and |log β| on the three numbers have reached their limits
TOP = 300.0  # a larger |log α| or |log β| enters by a factor or a term of its own


def log_gamma_gap(log_shape: Array, log_other: Array, more: Array) -> tuple[Array, Array, Array]:
    """e(β) − e(α) − (β − α) e′(α) ≥ 0, min(β, 1) (e′(β) − e′(α)), and α² e″(α), in float64.

        e(x) = log Γ(x) − x log x + x = Σ_k g(x + k),    g(x) = (x + 1) log(1 + 1/x) − 1,    k = 0, 1, 2, …

    log α = log_shape and log β = log_other. `more` is (β − α)/α, an argument of its own because it may have
    digits that the logarithms have lost. Ten of the g are computed one by one. With d = β − α and u =
    −d/(β (α + 1)), so that 1 + u = α (β + 1)/(β (α + 1)), the three numbers of a g are

        (β + 1)(log(1 + u) − u) + d²/(α β (α + 1)),    log(1 + u) − u + d/(α β (α + 1)),    1/(α² (α + 1))

    or, far from u = 0, (β + 1) log(1 + u) + d/α and log(1 + u) + d/(α β). The rest is e at X = α + 10 and
    Y = β + 10, by Stirling's series −½ log x + Σ_p c_p x^−p, p = 1, 3, 5, …: with y the smaller over the
    larger of X and Y, and s = d/X

        x^−p:    X^−p (1 − y)² (p + (p − 1) y + … + y^(p−1))/y  for X ≤ Y
                 Y^−p (1 − y)² (1 + 2y + … + p y^(p−1))         for Y < X
                 p d/max(X, Y)/min(X, Y)^(p+1) (1 + y + … + y^p),  p (p + 1) X^(−p−2)

    and of −½ log x: ½ (s − log(1 + s)), ½ d/(X Y), ½/X². Abramowitz & Stegun 1964, 6.1.15 and 6.1.40.

    As α and β both grow or both fall to 0, the gap is c (β/α − 1 − log β/α) with c = ½ or 1. Where one of
    them alone is beyond e^±300, the gap and the slope are linear in β/α if that is large, and else the gap
    has the term ½ log α or −log β.
    """
    l_a, l_b, rise = (v.astype(np.float64) for v in (log_shape, log_other, more))
    ratio = l_b - l_a
    held_a, held_b = np.clip(l_a, -TOP, TOP), np.clip(l_b, -TOP, TOP)
    a, b = np.exp(held_a), np.exp(held_b)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        d = np.where(np.abs(ratio) < 1, a * rise, b - a)
        gap, slope, curvature = _of_numbers(a, b, d)
        beyond = ratio - (held_b - held_a)
        grown = np.exp(np.where(ratio > 0, np.maximum(beyond, 0), 0))
        gap = gap * grown + np.where(ratio < 0, 0.5 * np.maximum(l_a - TOP, 0), 0)
        gap += np.where(ratio < 0, np.maximum(-TOP - l_b, 0), 0)
        # of the two factors of β/α, the slope without its β grows with 1/α alone
        slope = np.minimum(b, 1) * slope * np.exp(np.where(ratio > 0, np.maximum(-TOP - l_a, 0), 0))
        curvature *= a * a
        large, small = np.minimum(l_a, l_b) > LARGE, np.maximum(l_a, l_b) < -LARGE
        near = np.abs(rise) < NEAR
        apart = np.where(near, -log1p_less(np.where(near, rise, 0)), rise - ratio)
        limit = np.where(large, 0.5, 1.0)
        gap = np.where(large | small, limit * apart, gap)
        of_large = np.where(near, rise * np.exp(-np.maximum(l_b, 0)), np.exp(-l_a) - np.exp(-l_b))  # d/(α β)
        of_slope = np.where(large, limit * of_large, rise)
        slope = np.where(large | small, of_slope, slope)
    dtype = log_shape.dtype
    return gap.astype(dtype), slope.astype(dtype), curvature.astype(dtype)


def _of_numbers(a: Array, b: Array, d: Array) -> tuple[Array, Array, Array]:
    """e(β) − e(α) − d e′(α), e′(β) − e′(α), and e″(α), of numbers α, β within e^±300 and d = β − α."""
    gap, slope, curvature = np.zeros_like(a), np.zeros_like(a), np.zeros_like(a)
    for k in range(SHIFT):
        low, high = a + k, b + k
        u = -d / (high * (low + 1))
        near = np.abs(u) < NEAR
        small, logarithm = log1p_less(np.where(near, u, 0)), np.log(low / (low + 1) * ((high + 1) / high))
        share = d / (low * high)
        by_series = (high + 1) * small + d * share / (low + 1)
        gap += np.where(near, by_series, (high + 1) * logarithm + d / low)
        slope += np.where(near, small + share / (low + 1), logarithm + share)
        curvature += 1 / (low * low * (low + 1))
    low, high = a + SHIFT, b + SHIFT
    least, most = np.minimum(low, high), np.maximum(low, high)
    s, y, less = d / low, least / most, d / most
    near = np.abs(s) < NEAR
    gap += 0.5 * np.where(near, -log1p_less(np.where(near, s, 0)), s - np.log(high / low))
    slope += 0.5 * (d / high) / low
    curvature += 0.5 / low**2
    inverse = 1 / least
    for j, c in enumerate(STIRLING):
        p = 2 * j + 1
        rising, falling, plain = np.zeros_like(y), np.zeros_like(y), np.zeros_like(y)
        for i in range(p + 1):  # Σ (p − l) y^l and Σ (l + 1) y^l for l < p, Σ y^l for l ≤ p
            plain = 1 + y * plain
            rising = i + y * rising
            falling = p - i + y * falling if i < p else falling
        gap += c * inverse**p * less * less * np.where(d > 0, rising / y, falling)
        slope += c * p * inverse ** (p + 1) * less * plain
        curvature += c * p * (p + 1) * (1 / low) ** (p + 2)
    return gap, slope, curvature
