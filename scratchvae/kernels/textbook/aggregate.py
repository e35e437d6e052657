"""The aggregate of M Gaussians at each draw, Σ_m s_rm N(z_r; mean_m, σ_m²), and that of each latent.

The sums over m are kept as largest + log total, from which gradients take weights that sum to 1.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.textbook.densities import LOG_2PI


def aggregate_sums(z: Array, mean: Array, log_var: Array, log_shares: Array) -> tuple[Array, Array]:
    """Sum the densities of M Gaussians at each draw, of each latent alone and of all together.

        log Σ_m s_rm N(z_rj; mean_mj, σ_mj²) = largest_rj + log total_rj
        log Σ_m s_rm Π_j N(z_rj; mean_mj, σ_mj²) = largest_rZ + log total_rZ

    z (R, Z), mean and log_var (M, Z), log_shares log s (R, M)  ->  largest and total, both (R, Z + 1).
    `largest` is the largest logarithm of the M terms of a sum, or 0 where that is not finite, and `total` is
    the sum of all terms / exp(largest).
    """
    log_terms, _, _ = _log_terms(z, mean, log_var, log_shares)
    largest = log_terms.max(axis=1, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, 0).astype(z.dtype, copy=False)
    with np.errstate(over="ignore"):
        return largest, np.exp(log_terms - largest[:, None]).sum(axis=1)


def aggregate_sums_backward(
    dlog_q: Array,
    z: Array,
    mean: Array,
    log_var: Array,
    log_shares: Array,
    largest: Array,
    total: Array,
) -> tuple[Array, Array, Array]:
    """Return (dz, dmean, dlog_var) for the gradient dlog_q (R, Z + 1) of log q = largest + log total.

    With the gradient d_rmj of log N(z_rj; mean_mj, σ_mj²), and u = (z_rj − mean_mj)/σ_mj, they are

        dmean_mj = Σ_r d u/σ
        dlog_var_mj = Σ_r d ½ (u² − 1)
        dz_rj = −Σ_m d u/σ

    A term that is 0 adds exactly 0, even where u is infinite.
    """
    log_terms, u, precision = _log_terms(z, mean, log_var, log_shares)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.divide(dlog_q, total, out=np.zeros_like(total), where=total != 0)
        dlog_terms = scale[:, None] * np.exp(log_terms - largest[:, None])  # dlog_q term / Σ_m terms
        # what comes from the density of the latent alone, plus what comes from that of all latents together
        d = dlog_terms[:, :, :-1] + dlog_terms[:, :, -1:]
        u = np.where(d == 0, d, u)
        moved = d * u
        dlog_var = 0.5 * (moved * u - d).sum(axis=0)
        moved *= precision
        return -moved.sum(axis=1), moved.sum(axis=0), dlog_var


def _log_terms(z: Array, mean: Array, log_var: Array, log_shares: Array) -> tuple[Array, Array, Array]:
    """The logarithms of all terms (R, M, Z + 1), u = (z − mean)/σ (R, M, Z) and 1/σ (M, Z)."""
    with np.errstate(over="ignore"):
        precision = np.minimum(np.exp(-0.5 * log_var), np.finfo(log_var.dtype).max)
        u = (z[:, None] - mean) * precision
        log_q = -0.5 * (u * u + (log_var + log_var.dtype.type(LOG_2PI)))
        together = log_q.sum(axis=2, keepdims=True)
        return np.concatenate([log_q, together], axis=2) + log_shares[:, :, None], u, precision
