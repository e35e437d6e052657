"""Compiled twins of `textbook/gamma_family.py`."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import pointwise
from scratchvae.kernels.compiled.gamma_ratios import log1p_less
from scratchvae.kernels.textbook.gamma_ratios import SHIFT, STIRLING


@pointwise
def log_gamma_gap(shape: Array, other: Array, rise: Array) -> tuple[Array, Array, Array]:
    gap, slope, curvature = np.empty_like(shape), np.empty_like(shape), np.empty_like(shape)
    for i in range(shape.size):
        a, b, d = np.float64(shape[i]), np.float64(other[i]), np.float64(rise[i])
        g = s = c = 0.0
        for k in range(SHIFT):
            low, high = a + k, b + k
            u, share = -d / (high * (low + 1)), d / (low * high)
            if abs(u) < 0.5:
                small = log1p_less(u)
                g += (high + 1) * small + d * share / (low + 1)
                s += small + share / (low + 1)
            else:
                logarithm = np.log(low / (low + 1) * ((high + 1) / high))
                g += (high + 1) * logarithm + d / low
                s += logarithm + share
            c += 1 / (low * low * (low + 1))
        low, high = a + SHIFT, b + SHIFT
        y, less = low / high, d / high
        g -= 0.5 * log1p_less(d / low)
        s += 0.5 * less / low
        c += 0.5 / (low * low)
        power, p = 1 / low, 1
        for coefficient in STIRLING:
            weighted, plain = 0.0, 0.0
            for l in range(p + 1):
                plain = 1 + y * plain
                weighted = l + y * weighted
            g += coefficient * power * less * less / y * weighted
            s += coefficient * p * power / low * less * plain
            c += coefficient * p * (p + 1) * power / (low * low)
            power, p = power / (low * low), p + 2
        gap[i], slope[i], curvature[i] = g, s, c
    return gap, slope, curvature
