"""The angle θ between a point of the unit sphere and a direction, with density p(θ) ∝ sin^m θ e^(κ cos θ).

This is the angle between a draw from the von Mises-Fisher law in D dimensions, of concentration κ, and its
mean direction, with m = D − 2. The normalizer is a modified Bessel function of order D/2 − 1. Here everything
is an integral over θ, by Gauss's rule on panels that cover where p is not negligible. So the normalizer, the
moments and the distribution function are sums of positive terms, for any κ and D.

With n = m/2 and ρ = n + √(n² + κ²), the mode θ₀ has cos θ₀ = κ/ρ and sin² θ₀ = m/ρ. At θ = θ₀ + δ the density
divided by its peak is

    exp(m (log(1 + y) − y) − 2ρ sin²(δ/2))        y = sin θ/sin θ₀ − 1 = cot θ₀ sin δ − 2 sin²(δ/2)

Neither part of the exponent is above 0. Letters: B examples, K draws of each, P panels. Everything is
computed in float64.
"""

import math
from typing import NamedTuple

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import log1p_less

PANELS = 16
POINTS, WEIGHTS = (a / 2 for a in np.polynomial.legendre.leggauss(10))
POINTS = POINTS + 0.5  # the points of Gauss's rule on [0, 1]
FALLEN = 40.0  # nats below the peak at which p is negligible
TERMS = 26  # terms of the series, which is used up to κ² = 4 D
LARGEST = 700.0  # a larger |log κ| counts as this
STEPS = 60  # the most steps of Newton's method
CLOSE = 1e-10  # the size of the last step: the error that is left is about the square of it


class Angle(NamedTuple):
    """Numbers that describe p(θ) for each example (B,): κ, ρ, the mode θ₀ with its sin² and 1 − cos.

    The panels of the integrals begin at `low`, and each has the same `width`.
    """

    concentration: Array
    rho: Array
    mode: Array
    sine_squared: Array
    versine: Array
    low: Array
    width: Array


def sphere_moments(log_concentration: Array, dim: int) -> tuple[Array, Array, Array, Array, Array]:
    """log p(μ), KL(p ‖ uniform), A = E[cos θ], 1 − A, and dA/dκ = Var[cos θ], (B,) each.

    log p(μ) is the log-density at the mean direction μ.

        log p(μ)  = κ v₀ − m log sin θ₀ − log ∫ − log |S|
        KL        = log p(μ) + log |S_D| − κ E[v]

    ∫ is the integral of the density divided by its peak, v = 1 − cos θ, and |S| is the area of the unit
    sphere in D − 1 dimensions.

    Up to κ² = 4 D the moments come from the series E[e^(κ cos θ)] = 1 + Σ_k t_k over the uniform law, with
    the terms t_k = (κ²/4)ᵏ/(k! (D/2)(D/2 + 1)…(D/2 + k − 1)). Then κ A = Σ 2k t_k/(1 + Σ t_k), and KL = κ
    A − log(1 + Σ t_k), which keeps the digits of a KL near 0.
    """
    p, m = _angle(log_concentration, dim), dim - 2
    theta = p.low[:, None] + p.width[:, None] * (np.arange(PANELS)[:, None] + POINTS).reshape(-1)
    mass = _density(theta, p, m) * np.tile(WEIGHTS, PANELS) * p.width[:, None]
    total, v = mass.sum(axis=1), 2 * np.sin(theta / 2) ** 2
    away = (mass * v).sum(axis=1) / total
    variance = (mass * (v - away[:, None]) ** 2).sum(axis=1) / total
    log_ratio = p.concentration * p.versine - 0.5 * (m * np.log(p.sine_squared) if m else 0.0) - np.log(total)
    kl = log_ratio + math.log(_sine_integral(m)) - p.concentration * away

    kappa = np.minimum(p.concentration, 2 * math.sqrt(dim))
    term = np.full_like(kappa, 1 / (2 * dim))  # t_k/κ²
    plain, first, second = np.zeros_like(kappa), np.zeros_like(kappa), np.zeros_like(kappa)
    for k in range(1, TERMS + 1):
        plain, first, second = plain + term, first + 2 * k * term, second + 4 * k * k * term
        term = term * (kappa * kappa / (4 * (k + 1) * (0.5 * dim + k)))
    sum_of_terms, squared = kappa * kappa * plain, kappa * kappa
    first, second = first / (1 + sum_of_terms), second / (1 + sum_of_terms)
    small = p.concentration == kappa
    kl = np.where(small, squared * first - np.log1p(sum_of_terms), kl)
    cosine = np.where(small, kappa * first, 1 - away)
    away = np.where(small, 1 - kappa * first, away)
    variance = np.where(small, second - squared * first * first - first, variance)
    found = (log_ratio - _log_area(dim - 1), kl, cosine, away, variance)
    log_peak, kl, cosine, away, variance = (a.astype(log_concentration.dtype) for a in found)
    return log_peak, kl, cosine, away, variance


def sphere_quantile(log_concentration: Array, uniform: Array, dim: int, draws: int) -> tuple[Array, Array]:
    """v = 1 − cos θ where P(angle ≤ θ) = `uniform`, and dv/d log κ at a fixed `uniform`.

    log_concentration (B,), uniform (B·K,)  ->  (B·K,) each.

        dv/d log κ = −κ sin θ ∂P/∂κ / p(θ),     ∂P/∂κ = ∫_0^θ (cos t − A) p(t) dt = −∫_θ^π (cos t − A) p(t) dt

    The integrand has one sign up to cos θ = A, and the other one from there on. The first form is taken on
    the first side, and the second form on the other.
    """
    p, m = _angle(log_concentration, dim), dim - 2
    left = p.low[:, None] + p.width[:, None] * np.arange(PANELS)
    theta = left[:, :, None] + p.width[:, None, None] * POINTS
    flat = theta.reshape(len(left), PANELS * len(POINTS))
    mass = _density(flat, p, m).reshape(theta.shape) * (WEIGHTS * p.width[:, None, None])
    v = 2 * np.sin(theta / 2) ** 2
    total = mass.sum(axis=(1, 2))
    away = (mass * v).sum(axis=(1, 2)) / total
    excess = (mass * (v - away[:, None, None])).sum(axis=2)
    panels = mass.sum(axis=2)

    row = np.repeat(np.arange(len(left)), draws)
    each, u = Angle(*(a[row] for a in p)), uniform.astype(np.float64)
    reached = np.cumsum(panels, axis=1)[row]
    panel = np.minimum((reached <= (u * reached[:, -1])[:, None]).sum(axis=1), PANELS - 1)
    start = left[row, panel]
    end = start + each.width
    upper = u > 0.5  # 1 − u is exact there, and so the mass above the angle is summed
    anchor = np.where(upper, end, start)
    missing = (1 - u) * reached[:, -1] - _after(panels)[row, panel]  # above the panel's end
    offset = np.where(upper, missing, _before(panels)[row, panel] - u * reached[:, -1])
    low, high, angle = start, end, 0.5 * (start + end)
    for _ in range(STEPS):
        over = offset + _integral(anchor, angle, each, m)[0]  # P(angle ≤ θ) − u, times the total mass
        low, high = np.where(over > 0, low, angle), np.where(over > 0, angle, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            better = angle - over / _density(angle[:, None], each, m)[:, 0]
        better = np.where((better >= low) & (better <= high), better, 0.5 * (low + high))
        moved, angle = np.abs(better - angle), better
        if (moved <= CLOSE * angle).all():
            break

    v, middle = 2 * np.sin(angle / 2) ** 2, away[row]
    below = _before(excess)[row, panel] + _integral(start, angle, each, m, middle)[1]
    above = _after(excess)[row, panel] + _integral(angle, end, each, m, middle)[1]
    rise = np.where(v < middle, -below, above)  # ∂P/∂κ, times the total mass
    height = _density(angle[:, None], each, m)[:, 0]
    slope = -each.concentration * np.sin(angle) * rise / np.where(height > 0, height, np.inf)
    return v.astype(log_concentration.dtype), slope.astype(log_concentration.dtype)


def _before(panels: Array) -> Array:
    """The sum of the panels (B, P) before each."""
    return np.pad(np.cumsum(panels, axis=1)[:, :-1], ((0, 0), (1, 0)))


def _after(panels: Array) -> Array:
    """The sum of the panels (B, P) after each."""
    return _before(panels[:, ::-1])[:, ::-1]


def _sine_integral(m: int) -> float:
    """∫_0^π sin^m θ dθ, by Wallis's product."""
    found = 2.0 if m % 2 else math.pi
    for k in range(m % 2 + 2, m + 1, 2):
        found *= (k - 1) / k
    return found


def _log_area(dim: int) -> float:
    """log of the area 2 π^(D/2)/Γ(D/2) of the unit sphere in D dimensions, which for D = 1 is two points."""
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)


def _angle(log_concentration: Array, dim: int) -> Angle:
    """The mode, and panels that cover the angles at which p is at least e⁻⁴⁰ of its peak.

    Below θ₀ the curvature of log p is at least the one at θ₀, which is ρ + κ²/ρ. Above θ₀, log p falls by at
    least n (τ − log(1 + τ)) with τ = v/v₀ − 1, and τ − log(1 + τ) is at least q at τ = q + √(2q) (Laurent &
    Massart 2000, lemma 1).
    """
    n = 0.5 * (dim - 2)
    kappa = np.exp(np.clip(log_concentration.astype(np.float64), -LARGEST, LARGEST))
    rho = n + np.hypot(n, kappa)
    cosine, sine_squared = kappa / rho, 2 * n / rho
    mode, versine = np.arctan2(np.sqrt(sine_squared), cosine), sine_squared / (1 + cosine)
    low = np.maximum(mode - np.sqrt(2 * FALLEN / (rho + kappa * cosine)), 0)
    far = versine + 2 * (FALLEN + math.sqrt(2 * n * FALLEN)) / (rho * (1 + cosine))
    high = 2 * np.arcsin(np.sqrt(np.minimum(far, 2) / 2))
    return Angle(kappa, rho, mode, sine_squared, versine, low, (high - low) / PANELS)


def _density(theta: Array, p: Angle, m: int) -> Array:
    """The density of θ (B, T) divided by the density at the mode."""
    delta = theta - p.mode[:, None]
    chord = 2 * np.sin(delta / 2) ** 2  # 1 − cos δ
    exponent = -p.rho[:, None] * chord
    if m:
        cotangent = p.concentration / np.sqrt(m * p.rho)
        y = np.maximum(cotangent[:, None] * np.sin(delta) - chord, -1)
        with np.errstate(divide="ignore"):
            exponent = exponent + m * log1p_less(y)
    return np.exp(exponent)


def _integral(start: Array, end: Array, p: Angle, m: int, middle: Array | None = None) -> tuple[Array, Array]:
    """∫ p dθ from start to end (B,), as a share of the peak, and ∫ (v − middle) p dθ.

    Without a `middle` the second integral is the first one.
    """
    theta = start[:, None] + (end - start)[:, None] * POINTS
    mass = _density(theta, p, m) * WEIGHTS * (end - start)[:, None]
    weight = 1.0 if middle is None else 2 * np.sin(theta / 2) ** 2 - middle[:, None]
    return mass.sum(axis=1), (mass * weight).sum(axis=1)
