"""Laws of entries in [0, 1]: log-densities and their slopes, entry by entry."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.logistic import LOG_2, SERIES


def continuous_bernoulli(logits: Array, x: Array) -> tuple[Array, Array]:
    """η x − A(η) with A(η) = η/2 + log(sinh(η/2)/(η/2)), η = logits, and its slope x − A′(η).

    Up to |η| = log 2 they are η (x − ½) − Σ_k c_k η²ᵏ and (x − ½) − Σ_k 2k c_k η²ᵏ⁻¹. From there on, with the distance d of x
    from the end that η leads to, they are log |η| − |η| d − log(1 − e^(−|η|)) and ±(1/|η| − 1/(e^|η| − 1) − d): no large number
    is subtracted from another, wherever x is.
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
