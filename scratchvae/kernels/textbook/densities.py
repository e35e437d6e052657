"""Log-densities for which one pass computes the logarithm and the sum over the event, with their gradients.

The log-densities are (B,) in nats.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.pointwise import sigmoid

LOG_2PI = float(np.log(2 * np.pi))


def bernoulli_log_prob(logits: Array, x: Array, draws: int) -> Array:
    """Σ_d (x l − softplus(l)).     x (B, D), logits (B · draws, D)  ->  (B · draws,).

    It is computed as (x − [l > 0]) l − log(1 + e^−|l|), so that x l and max(l, 0) need not cancel. The draws
    for one x are neighbouring rows.
    """
    x = np.repeat(x, draws, axis=0)
    return ((x - (logits > 0)) * logits - np.log1p(np.exp(-np.abs(logits)))).sum(axis=1)


def bernoulli_log_prob_backward(dlog_px: Array, logits: Array, x: Array, draws: int) -> Array:
    """dlogits = dlog_px (x − σ(l)), (B · draws, D).

    It is computed as x σ(−l) − (1 − x) σ(l), which keeps the digits where σ(l) is near x = 1.
    """
    x = np.repeat(x, draws, axis=0)
    return dlog_px[:, None] * (x * sigmoid(-logits) - (1 - x) * sigmoid(logits))


def standard_gaussian_log_prob(x: Array) -> Array:
    """x (B, D) -> −½ Σ_d (log 2π + x²)   (B,); its gradient is −x."""
    return -0.5 * (x.dtype.type(LOG_2PI) + x * x).sum(axis=1)


def gaussian_log_prob(x: Array, mean: Array, log_var: Array, counted: Array) -> Array:
    """x, mean, log_var (B, D) -> −½ (n log 2π + Σ_d (log σ² + u²))   (B,) with u = (x − mean) / σ.

    `counted` (B,) is n, the number of entries of a row that count. An entry that does not count has x = mean
    = log σ² = 0, and so it adds exactly 0.
    """
    u, _ = _standardized(x, mean, log_var)
    with np.errstate(over="ignore"):
        return -0.5 * (x.dtype.type(LOG_2PI) * counted.astype(x.dtype) + (log_var + u * u).sum(axis=1))


def gaussian_log_prob_backward(dlog_px: Array, x: Array, mean: Array, log_var: Array) -> tuple[Array, Array]:
    """dmean = dlog_px u/σ,  dlog_var = dlog_px ½ (u² − 1)     both (B, D);  dx = −dmean.

    They are 0 where dlog_px is 0, even where u is infinite.
    """
    u, precision = _standardized(x, mean, log_var)
    d = dlog_px[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        dmean, dlog_var = d * (u * precision), d * (0.5 * (u * u - 1))
    return np.where(d == 0, d, dmean), np.where(d == 0, d, dlog_var)


def gaussian_kl_to_standard(mean: Array, log_var: Array) -> tuple[Array, Array]:
    """½ (mean² + (σ² − 1) − log σ²), the KL of each entry to N(0, 1), and σ² − 1, exact near σ = 1 too."""
    with np.errstate(over="ignore"):
        excess = np.expm1(log_var)
        return 0.5 * (mean * mean + (excess - log_var)), excess


def _standardized(x: Array, mean: Array, log_var: Array) -> tuple[Array, Array]:
    """u = (x − mean) / σ and 1/σ = exp(−log_var/2), clipped to finite numbers, so that 0 · (1/σ) is 0."""
    with np.errstate(over="ignore"):
        precision = np.minimum(np.exp(-0.5 * log_var), np.finfo(log_var.dtype).max)
        return (x - mean) * precision, precision
