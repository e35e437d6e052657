"""Compiled twins of `textbook/aggregate.py`: the innermost loops run over rows r, of which each has its sums.

No array (R, M, Z) is made. The backward pass computes the exponentials again.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import compiled, scalar, summing
from scratchvae.kernels.textbook.densities import LOG_2PI

ROWS = 256  # the rows that are computed together


@compiled
def aggregate_sums(z: Array, mean: Array, log_var: Array, log_shares: Array) -> tuple[Array, Array]:
    R, Z = z.shape
    M = mean.shape[0]
    if mean.shape != log_var.shape or mean.shape[1] != Z or log_shares.shape != (R, M):
        raise ValueError(
            "aggregate_sums: mean and log_var should have one shape, "
            "and log_shares an entry for each pair of rows"
        )
    precision, offset = _scales(log_var)
    largest, total = np.empty((Z + 1, R), z.dtype), np.empty((Z + 1, R), z.dtype)
    for start in range(0, R, ROWS):
        log_s = np.ascontiguousarray(log_shares[start : start + ROWS].T)
        rows = log_s.shape[1]
        together, alone = log_s.copy(), np.empty_like(log_s)
        zs = np.empty(rows, z.dtype)
        for j in range(Z):
            for r in range(rows):
                zs[r] = z[start + r, j]
            for m in range(M):
                for r in range(rows):
                    _, log_q = _log_prob(zs[r], mean[m, j], precision[m, j], offset[m, j])
                    together[m, r] += log_q
                    alone[m, r] = log_s[m, r] + log_q
            _sum(alone, largest[j, start : start + rows], total[j, start : start + rows])
        _sum(together, largest[Z, start : start + rows], total[Z, start : start + rows])
    return largest.T.copy(), total.T.copy()


@summing
def aggregate_sums_backward(
    dlog_q: Array,
    z: Array,
    mean: Array,
    log_var: Array,
    log_shares: Array,
    largest: Array,
    total: Array,
) -> tuple[Array, Array, Array]:
    R, Z = z.shape
    M = mean.shape[0]
    if mean.shape != log_var.shape or mean.shape[1] != Z or log_shares.shape != (R, M):
        raise ValueError(
            "aggregate_sums_backward: mean and log_var should have one shape, "
            "and log_shares an entry for each pair of rows"
        )
    if dlog_q.shape != (R, Z + 1) or largest.shape != (R, Z + 1) or total.shape != (R, Z + 1):
        raise ValueError(
            "aggregate_sums_backward: dlog_q, largest and total should have "
            "a column for each latent and one more"
        )
    precision, offset = _scales(log_var)
    dz, dmean, dlog_var = np.zeros_like(z), np.zeros_like(mean), np.zeros_like(log_var)
    zero, half = z.dtype.type(0), z.dtype.type(0.5)
    for start in range(0, R, ROWS):
        log_s = np.ascontiguousarray(log_shares[start : start + ROWS].T)
        rows = log_s.shape[1]
        # of each latent alone, and then of all together
        shift, scale = np.empty((Z + 1, rows), z.dtype), np.empty((Z + 1, rows), z.dtype)
        zs, dzs = np.empty((Z, rows), z.dtype), np.zeros((Z, rows), z.dtype)
        for r in range(rows):
            for j in range(Z + 1):
                of_all = total[start + r, j]
                shift[j, r] = largest[start + r, j]
                scale[j, r] = zero if of_all == zero else dlog_q[start + r, j] / of_all
            for j in range(Z):
                zs[j, r] = z[start + r, j]
        together = log_s.copy()
        for m in range(M):
            for j in range(Z):
                for r in range(rows):
                    together[m, r] += _log_prob(zs[j, r], mean[m, j], precision[m, j], offset[m, j])[1]
            for r in range(rows):
                together[m, r] = scale[Z, r] * exponential.exp(together[m, r] - shift[Z, r])
            for j in range(Z):
                dmean_mj, twice_dlog_var_mj = zero, zero
                for r in range(rows):
                    u, log_q = _log_prob(zs[j, r], mean[m, j], precision[m, j], offset[m, j])
                    d = together[m, r] + scale[j, r] * exponential.exp(
                        _above(log_s[m, r], log_q, shift[j, r])
                    )
                    u = zero if d == zero else u
                    twice_dlog_var_mj += d * u * u - d
                    moved = d * u * precision[m, j]
                    dmean_mj += moved
                    dzs[j, r] -= moved
                dmean[m, j] += dmean_mj
                dlog_var[m, j] += half * twice_dlog_var_mj
        for r in range(rows):
            for j in range(Z):
                dz[start + r, j] = dzs[j, r]
    return dz, dmean, dlog_var


@scalar
def _scales(log_var: Array) -> tuple[Array, Array]:
    """1/σ, clipped to finite numbers, and log 2πσ²."""
    precision, offset = np.empty_like(log_var), np.empty_like(log_var)
    largest = np.finfo(log_var.dtype).max
    for m in range(log_var.shape[0]):
        for j in range(log_var.shape[1]):
            p = exponential.exp(log_var.dtype.type(-0.5) * log_var[m, j])
            precision[m, j] = largest if p > largest else p
            offset[m, j] = log_var[m, j] + log_var.dtype.type(LOG_2PI)
    return precision, offset


@scalar
def _log_prob(z: float, mean: float, precision: float, offset: float) -> tuple[float, float]:
    """u = (z − mean)/σ and −½ (u² + log 2πσ²)."""
    u = (z - mean) * precision
    return u, type(z)(-0.5) * (u * u + offset)


@scalar
def _above(log_s: float, log_q: float, shift: float) -> float:
    """A term's logarithm less the largest one, in the order of `_sum`. A reordered sum would not keep it."""
    return (log_s + log_q) - shift


@scalar
def _sum(log_terms: Array, largest: Array, total: Array) -> None:
    """Write largest and total of the terms (M, R), each (R,)."""
    M, R = log_terms.shape
    infinite = type(largest[0])(np.inf)
    for r in range(R):
        largest[r] = -infinite
    for m in range(M):
        for r in range(R):
            largest[r] = log_terms[m, r] if log_terms[m, r] > largest[r] else largest[r]
    for r in range(R):
        largest[r] = largest[r] if abs(largest[r]) < infinite else 0
        total[r] = 0
    for m in range(M):
        for r in range(R):
            total[r] += exponential.exp(log_terms[m, r] - largest[r])
