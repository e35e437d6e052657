"""Compiled twins of `textbook/gamma_family.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import pointwise, scalar
from scratchvae.kernels.compiled.gamma_ratios import log1p_less
from scratchvae.kernels.textbook.gamma_family import LARGE, TOP
from scratchvae.kernels.textbook.gamma_ratios import NEAR, SHIFT, STIRLING


@pointwise
def log_gamma_gap(log_shape: Array, log_other: Array, more: Array) -> tuple[Array, Array, Array]:
    gap, slope, curvature = np.empty_like(log_shape), np.empty_like(log_shape), np.empty_like(log_shape)
    for i in range(log_shape.size):
        l_a, l_b, rise = np.float64(log_shape[i]), np.float64(log_other[i]), np.float64(more[i])
        ratio, held_a, held_b = l_b - l_a, min(max(l_a, -TOP), TOP), min(max(l_b, -TOP), TOP)
        a, b = np.exp(held_a), np.exp(held_b)
        g, s, c = _of_numbers(a, b, a * rise if abs(ratio) < 1 else b - a)
        if ratio > 0:
            g *= np.exp(max(ratio - (held_b - held_a), 0.0))
            s *= np.exp(max(-TOP - l_a, 0.0))
        else:
            g += 0.5 * max(l_a - TOP, 0.0) + max(-TOP - l_b, 0.0)
        s *= min(b, 1.0)
        near, large = abs(rise) < NEAR, min(l_a, l_b) > LARGE
        if large or max(l_a, l_b) < -LARGE:
            g = (0.5 if large else 1.0) * (-log1p_less(rise) if near else rise - ratio)
            s = rise
        if large:
            s = 0.5 * (rise * np.exp(-l_b) if near else np.exp(-l_a) - np.exp(-l_b))
        gap[i], slope[i], curvature[i] = g, s, c * a * a
    return gap, slope, curvature


@scalar
def _of_numbers(a: float, b: float, d: float) -> tuple[float, float, float]:
    gap = slope = curvature = 0.0
    for k in range(SHIFT):
        low, high = a + k, b + k
        u, share = -d / (high * (low + 1)), d / (low * high)
        if abs(u) < NEAR:
            small = log1p_less(u)
            gap += (high + 1) * small + d * share / (low + 1)
            slope += small + share / (low + 1)
        else:
            logarithm = np.log(low / (low + 1) * ((high + 1) / high))
            gap += (high + 1) * logarithm + d / low
            slope += logarithm + share
        curvature += 1 / (low * low * (low + 1))
    low, high = a + SHIFT, b + SHIFT
    least, most, s = min(low, high), max(low, high), d / low
    y, less = least / most, d / most
    gap += 0.5 * (-log1p_less(s) if abs(s) < NEAR else s - np.log(high / low))
    slope += 0.5 * (d / high) / low
    curvature += 0.5 / (low * low)
    power, of_low, p = 1 / least, 1 / low, 1
    for coefficient in STIRLING:
        rising, falling, plain = 0.0, 0.0, 0.0
        for i in range(p + 1):
            plain = 1 + y * plain
            rising = i + y * rising
            falling = p - i + y * falling if i < p else falling
        gap += coefficient * power * less * less * (rising / y if d > 0 else falling)
        slope += coefficient * p * power / least * less * plain
        curvature += coefficient * p * (p + 1) * of_low / (low * low)
        power, of_low, p = power / (least * least), of_low / (low * low), p + 2
    return gap, slope, curvature
