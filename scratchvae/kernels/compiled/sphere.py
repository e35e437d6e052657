"""Compiled twins of `textbook/sphere.py`, one example after another."""

import math

import numba
import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import AS_WRITTEN, compiled, scalar
from scratchvae.kernels.compiled.gamma_ratios import log1p_less
from scratchvae.kernels.textbook.sphere import CLOSE, FALLEN, LARGEST, PANELS, POINTS, STEPS, TERMS, WEIGHTS

N = len(POINTS)


@compiled
def sphere_moments(log_concentration: Array, dim: int) -> tuple[Array, Array, Array, Array, Array]:
    log_peak, kl, cosine, away, variance = np.empty((5, log_concentration.size), log_concentration.dtype)
    m = dim - 2
    log_whole, log_area = math.log(_sine_integral(m)), _log_area(dim - 1)
    mass, v = np.empty(PANELS * N), np.empty(PANELS * N)
    for b in range(log_concentration.size):
        kappa = _concentration(log_concentration[b])
        rho, mode, sine_squared, versine, low, width = _angle(kappa, m)
        total = first = second = 0.0
        for i in range(PANELS * N):
            theta = low + width * (i // N + POINTS[i % N])
            mass[i] = WEIGHTS[i % N] * width * _density(theta, kappa, rho, mode, m)
            v[i] = 2 * math.sin(theta / 2) ** 2
            total += mass[i]
            first += mass[i] * v[i]
        first /= total
        for i in range(PANELS * N):
            second += mass[i] * (v[i] - first) ** 2
        log_ratio = kappa * versine - np.log(total)
        if m:
            log_ratio -= 0.5 * m * np.log(sine_squared)
        log_peak[b] = log_ratio - log_area
        if kappa * kappa > 4 * dim:
            kl[b], cosine[b] = log_ratio + log_whole - kappa * first, 1 - first
            away[b], variance[b] = first, second / total
            continue
        term, plain, slope, curve = 1 / (2 * dim), 0.0, 0.0, 0.0
        for k in range(1, TERMS + 1):
            plain, slope, curve = plain + term, slope + 2 * k * term, curve + 4 * k * k * term
            term *= kappa * kappa / (4 * (k + 1) * (0.5 * dim + k))
        terms, squared = kappa * kappa * plain, kappa * kappa
        slope, curve = slope / (1 + terms), curve / (1 + terms)
        kl[b], cosine[b] = squared * slope - np.log1p(terms), kappa * slope
        away[b], variance[b] = 1 - kappa * slope, curve - squared * slope * slope - slope
    return log_peak, kl, cosine, away, variance


@compiled
def sphere_quantile(log_concentration: Array, uniform: Array, dim: int, draws: int) -> tuple[Array, Array]:
    if uniform.size != log_concentration.size * draws:
        raise ValueError("sphere_quantile: the arrays do not match")
    versine = np.empty(uniform.size, log_concentration.dtype)
    slope = np.empty(uniform.size, log_concentration.dtype)
    m = dim - 2
    mass, excess = np.empty(PANELS), np.empty(PANELS)
    for b in range(log_concentration.size):
        kappa = _concentration(log_concentration[b])
        rho, mode, _, _, low, width = _angle(kappa, m)
        whole = moment = 0.0
        for j in range(PANELS):
            mass[j], excess[j] = _integral(low + width * j, low + width * (j + 1), kappa, rho, mode, m, 0.0)
            whole += mass[j]
            moment += excess[j]
        away = moment / whole
        for j in range(PANELS):
            excess[j] = _integral(low + width * j, low + width * (j + 1), kappa, rho, mode, m, away)[1]
        for k in range(b * draws, (b + 1) * draws):
            u = np.float64(uniform[k])
            j, before = 0, 0.0
            while j < PANELS - 1 and before + mass[j] <= u * whole:
                before += mass[j]
                j += 1
            start, end = low + width * j, low + width * j + width
            if u > 0.5:
                anchor, offset = end, (1 - u) * whole - mass[j + 1 :].sum()
            else:
                anchor, offset = start, before - u * whole
            least, most, angle = start, end, 0.5 * (start + end)
            for _ in range(STEPS):
                over = offset + _integral(anchor, angle, kappa, rho, mode, m, 0.0)[0]
                if over > 0:
                    most = angle
                else:
                    least = angle
                better = angle - over / _density(angle, kappa, rho, mode, m)
                if not (least <= better <= most):
                    better = 0.5 * (least + most)
                moved, angle = abs(better - angle), better
                if moved <= CLOSE * angle:
                    break
            v = 2 * math.sin(angle / 2) ** 2
            if v < away:
                rise = -excess[:j].sum() - _integral(start, angle, kappa, rho, mode, m, away)[1]
            else:
                rise = excess[j + 1 :].sum() + _integral(angle, end, kappa, rho, mode, m, away)[1]
            height = _density(angle, kappa, rho, mode, m)
            versine[k] = v
            slope[k] = -kappa * math.sin(angle) * rise / height if height > 0 else 0.0
    return versine, slope


@scalar
def _concentration(log_concentration: float) -> float:
    return np.exp(min(max(np.float64(log_concentration), -LARGEST), LARGEST))


@scalar
def _angle(kappa: float, m: int) -> tuple[float, float, float, float, float, float]:
    n = 0.5 * m
    rho = n + math.hypot(n, kappa)
    cosine, sine_squared = kappa / rho, m / rho
    mode, versine = math.atan2(math.sqrt(sine_squared), cosine), sine_squared / (1 + cosine)
    low = max(mode - math.sqrt(2 * FALLEN / (rho + kappa * cosine)), 0.0)
    far = versine + 2 * (FALLEN + math.sqrt(m * FALLEN)) / (rho * (1 + cosine))
    high = 2 * math.asin(math.sqrt(min(far, 2.0) / 2))
    return rho, mode, sine_squared, versine, low, (high - low) / PANELS


@scalar
def _density(theta: float, kappa: float, rho: float, mode: float, m: int) -> float:
    delta = theta - mode
    chord = 2 * math.sin(delta / 2) ** 2
    if m == 0:
        return math.exp(-rho * chord)
    y = max(kappa / math.sqrt(m * rho) * math.sin(delta) - chord, -1.0)
    return math.exp(m * log1p_less(y) - rho * chord)


@numba.njit(**AS_WRITTEN)  # a function of its own, not inlined: it is long, and seven places call it
def _integral(
    start: float, end: float, kappa: float, rho: float, mode: float, m: int, middle: float
) -> tuple[float, float]:
    total = moment = 0.0
    for i in range(N):
        theta = start + (end - start) * POINTS[i]
        mass = WEIGHTS[i] * (end - start) * _density(theta, kappa, rho, mode, m)
        total += mass
        moment += mass * (2 * math.sin(theta / 2) ** 2 - middle)
    return total, moment


@scalar
def _sine_integral(m: int) -> float:
    found = 2.0 if m % 2 else math.pi
    for k in range(m % 2 + 2, m + 1, 2):
        found *= (k - 1) / k
    return found


@scalar
def _log_area(dim: int) -> float:
    return math.log(2.0) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)
