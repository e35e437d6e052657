"""Ratios of gamma functions and related functions, computed without a difference of large numbers.

Arrays are float64, of any one shape. The laws of `counts.py` and `unit_interval.py` are made of these parts.
"""

import numpy as np

from scratchvae.arrays import Array

SHIFT = 10  # steps of the recurrence before the series
SERIES = (
    1 / 2,
    1 / 12,
    0.0,
    -1 / 120,
    0.0,
    1 / 252,
    0.0,
    -1 / 240,
    0.0,
    1 / 132,
    0.0,
    -691 / 32760,
    0.0,
    1 / 12,
)
STIRLING_FROM = 16.0
STIRLING = (
    1 / 12,
    -1 / 360,
    1 / 1260,
    -1 / 1680,
    1 / 1188,
    -691 / 360360,
)  # the coefficients of δ(z) in 1/z, 1/z³, …
NEAR = 0.5  # up to this |v| log(1+v) − v is computed by a series
STEEP = 700.0  # e to this power is still finite


def half_deviance(rho: Array, x: Array, r: Array) -> Array:
    """(x+r) (log(1 + s (e^ρ − 1)) − sρ) ≥ 0 with s = x/(x+r), for x, r > 0: it is 0 at ρ = 0.

    It stays the same number when x and r are exchanged and ρ changes its sign, and so s is taken as the
    smaller of the two shares, at most ½. For |ρ| < 1 it is (log(1+v) − v) + s (e^ρ − 1 − ρ) with v = s
    (e^ρ − 1). Each of these two parts is a series that begins with a square, and the second is at least twice
    as large as the first.
    """
    rho, share = np.where(x <= r, rho, -rho), np.minimum(x, r) / (x + r)
    held, near = np.minimum(rho, STEEP), np.abs(rho) < 1
    v = share * np.expm1(held)
    small = np.where(near, rho, 0.0)
    series = np.zeros_like(small)  # (e^ρ − 1 − ρ)/ρ² = ½ (1 + ρ/3 (1 + ρ/4 (…)))
    for n in range(20, 1, -1):
        series = (1 + small * series) / n
    by_series = log1p_less(v) + share * small * small * series
    directly = np.log1p(v) - share * held + (1 - share) * np.maximum(rho - STEEP, 0)
    return (x + r) * np.where(near, by_series, directly)


def digamma_excess(x: Array, r: Array) -> Array:
    """ψ(x+r) − ψ(r) − log((x+r)/r) = Σ_{k<x} h(r+k) for counts x, with h(z) = 1/z − log(1 + 1/z) > 0.

    Ten terms at r less ten terms at x+r, Σ_{k<10} h(r+k) − h(x+r+k), leave log z − ψ(z) at r+10 less the same
    at x+r+10. The asymptotic series of this rest is Σ_n c_n (aⁿ − bⁿ) with a = 1/(r+10) and b = 1/(x+r+10).
    Each of its terms is (a − b)(aⁿ⁻¹ + aⁿ⁻²b + … + bⁿ⁻¹), and a − b = x a b (Abramowitz & Stegun 1964, 6.3.5
    and 6.3.18).
    """
    total = np.zeros_like(r)
    for k in range(SHIFT):
        total += log1p_less(1 / (x + (r + k))) - log1p_less(1 / (r + k))
    a, b = 1 / (r + SHIFT), 1 / (x + (r + SHIFT))
    # quotient = (aⁿ − bⁿ)/(a − b)
    series, power, quotient = np.zeros_like(r), np.ones_like(r), np.ones_like(r)
    for c in SERIES:
        series += c * quotient
        power = power * a
        quotient = power + b * quotient
    return total + x * a * b * series


def log1p_less(v: Array) -> Array:
    """log(1+v) − v, as −v y + 2 Σ_k y²ᵏ⁺¹/(2k+1) with y = v/(2+v) where |v| < ½."""
    small = np.where(np.abs(v) < NEAR, v, 0.0)
    y = small / (2 + small)
    squares, series = y * y, np.zeros_like(y)
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    return np.where(np.abs(v) < NEAR, y * (2 * series - small), np.log1p(v) - v)


def stirling_error(z: Array) -> Array:
    """δ(z) = log Γ(z+1) − (z + ½) log z + z − ½ log 2π for z > 0."""
    from scipy.special import gammaln  # imported here: it takes a third of a second

    many, few = np.maximum(z, STIRLING_FROM), np.minimum(z, STIRLING_FROM)
    series, squares = np.zeros_like(z), 1 / many**2
    for c in reversed(STIRLING):
        series = c + squares * series
    exactly = gammaln(few + 1) - (few + 0.5) * np.log(few) + few - 0.5 * np.log(2 * np.pi)
    return np.where(z < STIRLING_FROM, exactly, series / many)
