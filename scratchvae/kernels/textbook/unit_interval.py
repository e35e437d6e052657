"""Laws of entries in [0, 1]: log-densities and their slopes, entry by entry."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import digamma_excess, half_deviance, stirling_error
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES

TOP = 690.0  # e to ± this power is a float64 with all its digits
LEAST = 1e-300
FAR = 500.0  # from here on e to the power of a difference of two logarithms may overflow or underflow


def continuous_bernoulli(logits: Array, x: Array) -> tuple[Array, Array]:
    """η x − A(η) with A(η) = η/2 + log(sinh(η/2)/(η/2)), η = logits, and its slope x − A′(η).

    Up to |η| = log 2 they are η (x − ½) − Σ_k c_k η²ᵏ and (x − ½) − Σ_k 2k c_k η²ᵏ⁻¹. From there on, with the
    distance d of x from the end that η leads to, they are log |η| − |η| d − log(1 − e^(−|η|)) and
    ±(1/|η| − 1/(e^|η| − 1) − d). So no large number is subtracted from another, for any x.
    """
    away, middle = np.abs(logits), x - x.dtype.type(0.5)
    near = np.clip(logits, -LOG_2, LOG_2)
    squares, S, half_slope = near * near, np.zeros_like(near), np.zeros_like(near)
    for k in range(len(SERIES), 0, -1):
        S = squares * (SERIES[k - 1] + S)
        half_slope = k * SERIES[k - 1] + squares * half_slope
    far = np.maximum(away, LOG_2)
    e = np.exp(-far)
    end = np.where(logits > 0, 1 - x, x)
    from_end = (1 / far - e / (1 - e)) - end
    log_p = np.where(away < LOG_2, near * middle - S, (np.log(far) - np.log1p(-e)) - far * end)
    slope = np.where(away < LOG_2, middle - 2 * near * half_slope, np.where(logits > 0, from_end, -from_end))
    return log_p, slope


def beta(log_a: Array, log_b: Array, x: Array) -> tuple[Array, Array, Array]:
    """log p(x) of the beta law and its slopes by log a and log b, for 0 < x < 1, in float64, in either dtype.

        log p = ½ log(a b/(2π n)) + δ(n) − δ(a) − δ(b) − log x − log(1−x) − half the deviance,
        ρ = log(x/(1−x)) − log(a/b)
        ∂log p/∂log a = a (ψ(n) − ψ(a) − log(n/a) + log(xn/a))

    n is a + b, and δ is the error of Stirling's formula (Loader 2000). With t = x b − (1−x) a, which is 0
    where x is a/n, the ratios of both lines are e^ρ = 1 + t/(a (1−x)), xn/a = 1 + t/a and (1−x)n/b = 1 − t/b.

    An a or b beyond e^±690 enters by its logarithm alone. As a falls to 0, log p falls as log a, and the
    slope by log a is b/n. The deviance of a law with a or b above e⁶⁹⁰ is that of the law of the same mean
    whose larger number is e⁶⁹⁰, and in a slope e⁶⁹⁰ takes the place of a larger factor a: both are then about
    10²⁹⁹, where they are not 0.
    """
    l_a, l_b, t = (v.astype(np.float64) for v in (log_a, log_b, x))
    a, b, apart = np.exp(np.minimum(l_a, TOP)), np.exp(np.minimum(l_b, TOP)), l_b - l_a
    log_x, log_rest = np.log(t), np.log1p(-t)
    to_a, to_b = np.logaddexp(0, apart), np.logaddexp(0, -apart)  # log n/a and log n/b
    larger = np.maximum(l_a, l_b)
    more = larger - np.clip(larger, -TOP, TOP)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        held_a, held_b = np.exp(l_a - more), np.exp(l_b - more)
        off = t * held_b - (1 - t) * held_a
        rho = _log_of(off / (held_a * (1 - t)), log_x - log_rest + apart)
        far = np.maximum(np.abs(rho), np.abs(apart)) > FAR
        by_shares = -held_a * (to_a + log_x) - held_b * (to_b + log_rest)
        held = np.where(far, 1, held_a), np.where(far, 1, held_b)
        deviance = np.where(far, by_shares, half_deviance(np.where(far, 0, rho), *held))
        errors = _error(l_a + to_a, a + b) - _error(l_a, a) - _error(l_b, b)
        peak = 0.5 * (l_b - to_a - np.log(2 * np.pi)) + errors
        log_p = peak - log_x - log_rest - deviance
        dlog_a = _slope(a, b, l_b, to_a, to_b, off / held_a, log_x)
        dlog_b = _slope(b, a, l_a, to_b, to_a, -off / held_b, log_rest)
        return log_p.astype(log_a.dtype), dlog_a.astype(log_a.dtype), dlog_b.astype(log_a.dtype)


def _error(log_z: Array, z: Array) -> Array:
    """δ(z), of which −½ log(2πz) is left as z falls to 0."""
    return np.where(log_z < -TOP, -0.5 * (log_z + np.log(2 * np.pi)), stirling_error(np.maximum(z, LEAST)))


def _slope(
    a: Array, b: Array, log_b: Array, to_a: Array, to_b: Array, less_one: Array, log_x: Array
) -> Array:
    """∂log p/∂log a, whose `to_a` is log n/a, `to_b` is log n/b and `less_one` is xn/a − 1.

    For a < 1 it is b/n + a (ψ(n+1) − ψ(a+1) + log x), in which nothing grows as a falls to 0.
    """
    small = np.minimum(a, 1)
    rise = digamma_excess(b, small + 1) + np.log1p(b / (small + 1)) + np.maximum(log_b - TOP, 0)
    of_small = np.exp(-to_b) + small * (rise + log_x)
    large = np.maximum(a, 1)
    return np.where(a < 1, of_small, large * (digamma_excess(b, large) + _log_of(less_one, log_x + to_a)))


def _log_of(less_one: Array, otherwise: Array) -> Array:
    """log(1 + `less_one`) where 1 + `less_one` is between ½ and 2, and `otherwise` elsewhere.

    `otherwise` is the same number as a difference of logarithms.
    """
    near = np.abs(less_one) < 0.5
    return np.where(near, np.log1p(np.where(near, less_one, 0)), otherwise)
