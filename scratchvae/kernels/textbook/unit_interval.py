"""Laws of entries in [0, 1]: log-densities and their slopes, entry by entry."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.gamma_ratios import digamma_excess, half_deviance, stirling_error
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES


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
    """
    a, b, t = (
        v.astype(np.float64) for v in (np.exp(log_a.astype(np.float64)), np.exp(log_b.astype(np.float64)), x)
    )
    log_x, log_rest, n = np.log(t), np.log1p(-t), a + b
    off = t * b - (1 - t) * a
    rho = _log_of(off / (a * (1 - t)), log_x - log_rest - log_a + log_b)
    peak = (
        0.5 * (np.log(a / n) + np.log(b / (2 * np.pi)))
        + stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
    )
    log_p = peak - log_x - log_rest - half_deviance(rho, a, b)
    dlog_a = a * (digamma_excess(b, a) + _log_of(off / a, log_x + np.log(n) - log_a))
    dlog_b = b * (digamma_excess(a, b) + _log_of(-off / b, log_rest + np.log(n) - log_b))
    with np.errstate(over="ignore"):
        return log_p.astype(log_a.dtype), dlog_a.astype(log_a.dtype), dlog_b.astype(log_a.dtype)


def _log_of(less_one: Array, otherwise: Array) -> Array:
    """log(1 + `less_one`) where 1 + `less_one` is between ½ and 2, and `otherwise` elsewhere.

    `otherwise` is the same number as a difference of logarithms.
    """
    near = np.abs(less_one) < 0.5
    return np.where(near, np.log1p(np.where(near, less_one, 0)), otherwise)
