"""The von Mises-Fisher law in mpmath, from its definitions.

Normalizers are Bessel functions. The distribution functions of D = 3 and of D = 5 are elementary.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import von_mises_fisher
from scratchvae.reference.cases.mathematics import mathematics


def log_uniform(dim: int) -> Any:
    """Compute the logarithm of the uniform density on the sphere."""
    import mpmath

    half = mpmath.mpf(dim) / 2
    return mpmath.loggamma(half) - mpmath.log(2) - half * mpmath.log(mpmath.pi)


@cache
def _log_bessel_at(kappa: Any, order: Any, bits: int) -> Any:
    import mpmath

    return mpmath.log(mpmath.besseli(order, kappa))


def _log_bessel(kappa: Array, order: Any) -> Array:
    """Compute log I_ν(κ), each once: most entries of a gradient leave κ as it is."""
    import mpmath

    return np.asarray(np.frompyfunc(lambda k: _log_bessel_at(k, order, mpmath.mp.prec), 1, 1)(kappa), object)


def log_peak(log_concentration: Array, dim: int) -> Array:
    """log p(μ) = ν log κ − ½ D log 2π − log I_ν(κ) + κ."""
    m = mathematics()
    order, kappa = m.mpf(dim) / 2 - 1, m.exp(log_concentration)
    return (
        order * log_concentration
        - m.mpf(dim) / 2 * m.log(2 * m.mpf(m.pi))
        - _log_bessel(kappa, order)
        + kappa
    )


def log_prob(x: Array, mean: Array, log_concentration: Array) -> Array:
    """log p(μ) − ½ κ |x − μ|²."""
    return (
        log_peak(log_concentration, x.shape[1])
        - mathematics().exp(log_concentration) * ((x - mean) ** 2).sum(axis=1) / 2
    )


def cosine(log_concentration: Array, dim: int) -> Array:
    """A(κ) = I_{ν+1}(κ)/I_ν(κ)."""
    m = mathematics()
    kappa, half = m.exp(log_concentration), m.mpf(dim) / 2
    return m.exp(_log_bessel(kappa, half) - _log_bessel(kappa, half - 1))


def kl(log_concentration: Array, dim: int) -> Array:
    """log p(μ) − κ (1 − A) − log of the uniform density."""
    kappa = mathematics().exp(log_concentration)
    return log_peak(log_concentration, dim) - kappa * (1 - cosine(log_concentration, dim)) - log_uniform(dim)


def versine(log_concentration: Array, uniform: Array, dim: int) -> Array:
    """Compute the closed form of D = 3 or, at D = 5, the root of the elementary ∫ (1 − w²) e^(κw) dw."""
    import mpmath

    def at_three(log_kappa: Any, u: Any) -> Any:
        kappa = mpmath.exp(log_kappa)
        return -mpmath.log(1 + u * mpmath.expm1(-2 * kappa)) / kappa

    def at_five(log_kappa: Any, u: Any) -> Any:
        kappa = mpmath.exp(log_kappa)

        def below(w: Any) -> Any:
            return mpmath.exp(kappa * (w - 1)) * ((1 - w * w) / kappa + 2 * w / kappa**2 - 2 / kappa**3)

        whole = below(mpmath.mpf(1)) - below(mpmath.mpf(-1))
        at = von_mises_fisher.versine(np.array([float(log_kappa)]), uniform=np.array([float(u)]), dim=5)[0]
        w = 1 - mpmath.mpf(float(at[0]))  # this start has 13 digits or so
        for _ in range(6):  # each step of Newton's method doubles the digits
            w += (
                ((below(mpmath.mpf(1)) - below(w)) / whole - u)
                * whole
                / ((1 - w * w) * mpmath.exp(kappa * (w - 1)))
            )
        return 1 - w

    return np.asarray(
        np.frompyfunc(at_three if dim == 3 else at_five, 2, 1)(log_concentration, uniform), object
    )


def reparameterize(mean: Array, versine: Array, tangent: Array) -> Array:
    """(1 − v) μ + √(v (2 − v)) t, with t = [−s b | ξ − b μ_r/(1 + s μ₁)]."""
    m, v = mathematics(), versine[:, None]
    first, rest = mean[:, :1], mean[:, 1:]
    sign, b = np.where(first < 0, -1, 1), (tangent * rest).sum(axis=1, keepdims=True)
    t = np.concatenate([-sign * b, tangent - b * rest / (1 + sign * first)], axis=1)
    return (1 - v) * mean + m.sqrt(v * (2 - v)) * t
