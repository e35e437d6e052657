"""Laws of counts whose parts agree in more digits than a float has: log-probabilities and slopes, entry by entry.

Everything is computed in float64 whatever comes in.
"""

import numpy as np

from scratchvae.arrays import Array

LARGEST = 1e300  # stands for a dispersion of ∞: the law is then Poisson's in every digit; 1/LARGEST stands for 0
SHIFT = 10  # steps of the recurrence before the series
SERIES = (1 / 2, 1 / 12, 0.0, -1 / 120, 0.0, 1 / 252, 0.0, -1 / 240, 0.0, 1 / 132, 0.0, -691 / 32760, 0.0, 1 / 12)
STIRLING_FROM = 16.0
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)  # of δ(z) in 1/z, 1/z³, …
NEAR = 0.5  # of |v|, up to which log(1+v) − v is a series
STEEP = 700.0  # e to this power is still finite
STRAIGHT = 40.0  # from here on log(1 + eᵃ) is a in every digit


def negative_binomial(log_mean: Array, log_dispersion: Array, x: Array) -> tuple[Array, Array, Array]:
    """log p(x), ∂log p/∂log μ = r (x − μ)/(r + μ), and ∂log p/∂log r, for x ≥ 0, the mean μ and the dispersion r.

    For x > 0, log p is `_log_peak` less `_half_deviance`, and for x = 0 it is −r log(1 + μ/r). The second slope is
    r (_digamma_excess − (w − log(1+w))), w = (x − μ)/(r + μ), in which both parts are positive. They agree at x = 1 as μ falls
    to 0. There it is r (μ/(r (r+μ)) − (w − log(1+w))) with the w of x = 0.
    """
    l, counts = log_mean.astype(np.float64), x.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        mean = np.minimum(np.exp(l), LARGEST)
        r = np.clip(np.exp(log_dispersion.astype(np.float64)), 1 / LARGEST, LARGEST)
        some, apart = counts > 0, l - np.log(r)
        ratio = np.minimum(mean, r * np.exp(STRAIGHT)) / r
        log_p = -r * np.where(apart < STRAIGHT, np.log1p(ratio), apart)  # −r log(1 + μ/r)
        log_p[some] = _log_peak(counts[some], r[some]) - _half_deviance(l[some], mean[some], counts[some], r[some])
        of_mean = (counts - mean) * (r / (r + mean))
        of_dispersion = _distance(l, mean, counts, r)
        of_dispersion[some] += _digamma_excess(counts[some], r[some])
        of_one = _distance(l, mean, np.zeros_like(r), r) + mean / (r + mean) / r
        of_dispersion = np.where(counts == 1, of_one, of_dispersion)
        of_dispersion *= r
    dtype = log_mean.dtype
    with np.errstate(over="ignore"):
        return log_p.astype(dtype), of_mean.astype(dtype), of_dispersion.astype(dtype)


def _log_peak(x: Array, r: Array) -> Array:
    """log p(x; μ = x), the highest probability of x > 0, as −½ log(2πx (1 + x/r)) + δ(x+r) − δ(r) − δ(x).

    Loader 2000, "Fast and accurate computation of binomial probabilities"; δ is the error of Stirling's formula.
    """
    return -0.5 * (np.log(2 * np.pi * x) + np.log1p(x / r)) + (_stirling_error(x + r) - _stirling_error(r) - _stirling_error(x))


def _half_deviance(log_mean: Array, mean: Array, x: Array, r: Array) -> Array:
    """log p(x; x) − log p(x; μ) = x log(x/μ) − (x+r) log((x+r)/(μ+r)) for x > 0.

        = (x+r) (log(1 + σ (e^ρ − 1)) − σρ)        ρ = log μ/x, σ = x/(x+r), or ρ = log x/μ, σ = r/(x+r)

    Both are the same number; the smaller σ is taken, at most ½. For |ρ| < 1 it is (log(1+v) − v) + σ (e^ρ − 1 − ρ),
    v = σ (e^ρ − 1), of which each part is a series that begins with a square, and the second is at least twice the first.
    """
    rho = log_mean - np.log(x)
    near = np.abs(rho) < 1
    rho = np.where(near, np.log1p((np.where(near, mean, x) - x) / x), rho)  # log x is rounded: near x it costs digits
    rho, share = np.where(x <= r, rho, -rho), np.minimum(x, r) / (x + r)
    held = np.minimum(rho, STEEP)
    v = share * np.expm1(held)
    small = np.where(near, rho, 0.0)
    series = np.zeros_like(small)  # (e^ρ − 1 − ρ)/ρ² = ½ (1 + ρ/3 (1 + ρ/4 (…)))
    for n in range(20, 1, -1):
        series = (1 + small * series) / n
    by_series = _log1p_less(v) + share * small * small * series
    directly = np.log1p(v) - share * held + (1 - share) * np.maximum(rho - STEEP, 0)
    return (x + r) * np.where(near, by_series, directly)


def _distance(log_mean: Array, mean: Array, x: Array, r: Array) -> Array:
    """log(1+w) − w ≤ 0 with w = (x − μ)/(r + μ); where 1 + w is near 0, its logarithm is log(r+x) − log(r+μ)."""
    w = np.minimum((x - mean) / (r + mean), LARGEST)
    far_below = np.log(r + x) - np.logaddexp(log_mean, np.log(r)) - w
    return np.where(w <= -NEAR, far_below, _log1p_less(np.maximum(w, -NEAR)))


def _digamma_excess(x: Array, r: Array) -> Array:
    """ψ(x+r) − ψ(r) − log((x+r)/r) = Σ_{k<x} h(r+k) for counts x, with h(z) = 1/z − log(1 + 1/z) > 0.

    Ten of these terms are taken less those at x+r, as Σ_{k<10} h(r+k) − h(x+r+k), which is the same and leaves log z − ψ(z) at
    r+10 less that at x+r+10. Its asymptotic series gives Σ_n c_n (aⁿ − bⁿ), a = 1/(r+10), b = 1/(x+r+10), of which each
    term is (a − b)(aⁿ⁻¹ + aⁿ⁻²b + … + bⁿ⁻¹), a − b = x a b (Abramowitz & Stegun 1964, 6.3.5 and 6.3.18).
    """
    total = np.zeros_like(r)
    for k in range(SHIFT):
        total += _log1p_less(1 / (x + (r + k))) - _log1p_less(1 / (r + k))
    a, b = 1 / (r + SHIFT), 1 / (x + (r + SHIFT))
    series, power, quotient = np.zeros_like(r), np.ones_like(r), np.ones_like(r)  # quotient = (aⁿ − bⁿ)/(a − b)
    for c in SERIES:
        series += c * quotient
        power = power * a
        quotient = power + b * quotient
    return total + x * a * b * series


def _log1p_less(v: Array) -> Array:
    """log(1+v) − v, as −v y + 2 Σ_k y²ᵏ⁺¹/(2k+1) with y = v/(2+v) where |v| < ½."""
    small = np.where(np.abs(v) < NEAR, v, 0.0)
    y = small / (2 + small)
    squares, series = y * y, np.zeros_like(y)
    for k in range(17, 0, -1):
        series = squares * (1 / (2 * k + 1) + series)
    return np.where(np.abs(v) < NEAR, y * (2 * series - small), np.log1p(v) - v)


def _stirling_error(z: Array) -> Array:
    """δ(z) = log Γ(z+1) − (z + ½) log z + z − ½ log 2π for z > 0."""
    from scipy.special import gammaln  # imported here: it takes a third of a second

    many, few = np.maximum(z, STIRLING_FROM), np.minimum(z, STIRLING_FROM)
    series, squares = np.zeros_like(z), 1 / many**2
    for c in reversed(STIRLING):
        series = c + squares * series
    exactly = gammaln(few + 1) - (few + 0.5) * np.log(few) + few - 0.5 * np.log(2 * np.pi)
    return np.where(z < STIRLING_FROM, exactly, series / many)
