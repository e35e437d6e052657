"""Parts of divergences between laws whose constants have gamma functions."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import SHIFT, STIRLING, log1p_less


def log_gamma_gap(shape: Array, other: Array, rise: Array) -> tuple[Array, Array, Array]:
    """e(β) − e(α) − (β − α) e′(α) ≥ 0, e′(β) − e′(α), and e″(α), with α = shape, β = other, in float64.

        e(x) = log Γ(x) − x log x + x = Σ_k g(x + k),    g(x) = (x + 1) log(1 + 1/x) − 1,    k = 0, 1, 2, …

    The `rise` is d = β − α, an argument of its own because it may have digits that β less α has lost. Ten of
    the g are computed one by one. With u = −d/(β (α + 1)), so that 1 + u = α (β + 1)/(β (α + 1)), the three
    numbers of a g are

        (β + 1)(log(1 + u) − u) + d²/(α β (α + 1)),    log(1 + u) − u + d/(α β (α + 1)),    1/(α² (α + 1))

    or, far from u = 0, (β + 1) log(1 + u) + d/α and log(1 + u) + d/(α β). The rest is e at X = α + 10 and
    Y = β + 10, by Stirling's series −½ log x + Σ_p c_p x^−p, p = 1, 3, 5, …: with s = d/X and y = X/Y

        x^−p:    X^−p (1 − y)² (p + (p − 1) y + … + y^(p−1))/y,    p X^(−p−1) (1 − y^(p+1)),    p (p + 1) X^(−p−2)

    and of −½ log x: ½ (s − log(1 + s)), ½ d/(X Y), ½/X². Abramowitz & Stegun 1964, 6.1.15 and 6.1.40.
    """
    a, b, d = shape.astype(np.float64), other.astype(np.float64), rise.astype(np.float64)
    gap, slope, curvature = np.zeros_like(a), np.zeros_like(a), np.zeros_like(a)
    for k in range(SHIFT):
        low, high = a + k, b + k
        u = -d / (high * (low + 1))
        near = np.abs(u) < 0.5
        small, logarithm = log1p_less(np.where(near, u, 0)), np.log(low / (low + 1) * ((high + 1) / high))
        share = d / (low * high)
        by_series = (high + 1) * small + d * share / (low + 1)
        gap += np.where(near, by_series, (high + 1) * logarithm + d / low)
        slope += np.where(near, small + share / (low + 1), logarithm + share)
        curvature += 1 / (low * low * (low + 1))
    low, high = a + SHIFT, b + SHIFT
    y, less = low / high, d / high  # X/Y and 1 − X/Y
    gap += -0.5 * log1p_less(d / low)
    slope += 0.5 * less / low
    curvature += 0.5 / low**2
    for j, c in enumerate(STIRLING):
        p = 2 * j + 1
        weighted, plain = np.zeros_like(y), np.zeros_like(y)
        for i in range(p + 1):  # Σ (p − l) y^l for l < p, and Σ y^l for l ≤ p, the highest power first
            plain = 1 + y * plain
            weighted = i + y * weighted
        gap += c / low**p * less * less / y * weighted
        slope += c * p / low ** (p + 1) * less * plain
        curvature += c * p * (p + 1) / low ** (p + 2)
    return gap.astype(shape.dtype), slope.astype(shape.dtype), curvature.astype(shape.dtype)
