"""Compiled twins of `textbook/densities.py`: one pass over each row.

Short sums are taken in the dtype of the arrays, and added up in float64.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled import exponential
from scratchvae.kernels.compiled.compiler import compiled, pointwise, scalar, summing
from scratchvae.kernels.textbook.densities import LOG_2PI

TERMS = 1024  # the terms of a short sum


@summing
def bernoulli_log_prob(logits: Array, x: Array, draws: int) -> Array:
    """x l − softplus(l) = (x − [l > 0]) l − log(1 + e) with e = e^−|l|; four (1 + e) share a logarithm."""
    B, D = logits.shape
    if x.shape[0] * draws != B or x.shape[1] != D:
        raise ValueError(
            "bernoulli_log_prob: logits should have `draws` rows for each row of x, and as many columns"
        )
    zero = logits.dtype.type(0)
    log_px = np.empty(B, logits.dtype)
    for b in range(B):
        total = 0.0
        for start in range(0, D, TERMS):
            ls, xs = logits[b, start : start + TERMS], x[b // draws, start : start + TERMS]
            quarter = ls.size // 4
            ls_by_four, xs_by_four = (
                ls[: 4 * quarter].reshape(4, quarter),
                xs[: 4 * quarter].reshape(4, quarter),
            )
            part = zero
            for d in range(quarter):
                # Π (1 + e) − 1, which keeps the digits of small e: (1 + P)(1 + e) − 1 = P + e + P e
                product = zero
                for k in range(4):
                    l = ls_by_four[k, d]
                    e = exponential.exp_to_one(-abs(l))
                    product += e + product * e
                    part += _kink(l, xs_by_four[k, d])
                part -= exponential.log1p(product)
            for d in range(4 * quarter, ls.size):
                part += _kink(ls[d], xs[d]) - exponential.log1p(exponential.exp_to_one(-abs(ls[d])))
            total += part
        log_px[b] = total
    return log_px


@compiled
def bernoulli_log_prob_backward(dlog_px: Array, logits: Array, x: Array, draws: int) -> Array:
    B, D = logits.shape
    if x.shape[0] * draws != B or x.shape[1] != D or dlog_px.shape != (B,):
        raise ValueError(
            "bernoulli_log_prob_backward: logits should have `draws` rows for each of x, dlog_px as many entries"
        )
    dlogits = np.empty_like(logits)
    zero, one = logits.dtype.type(0), logits.dtype.type(1)
    for b in range(B):
        seen = x[b // draws]
        for d in range(D):
            l = logits[b, d]
            e = exponential.exp_to_one(-abs(l))  # σ(|l|) = 1 / (1 + e), σ(−|l|) = e / (1 + e)
            on, off = (e if l > zero else one), (one if l > zero else e)
            dlogits[b, d] = dlog_px[b] * ((seen[d] * on - (one - seen[d]) * off) / (one + e))
    return dlogits


@summing
def standard_gaussian_log_prob(x: Array) -> Array:
    B, D = x.shape
    log_px = np.empty(B, x.dtype)
    for b in range(B):
        total = D * LOG_2PI
        for start in range(0, D, TERMS):
            xs, part = x[b, start : start + TERMS], x.dtype.type(0)
            for d in range(xs.size):
                part += xs[d] * xs[d]
            total += part
        log_px[b] = -0.5 * total
    return log_px


@summing
def gaussian_log_prob(x: Array, mean: Array, log_var: Array, counted: Array) -> Array:
    if mean.shape != x.shape or log_var.shape != x.shape or counted.shape != x.shape[:1]:
        raise ValueError(
            "gaussian_log_prob: x, mean and log_var should have one shape, counted one entry per row"
        )
    B, D = x.shape
    log_px = np.empty(B, x.dtype)
    for b in range(B):
        total = counted[b] * LOG_2PI
        for start in range(0, D, TERMS):
            xs, means, log_vars = (
                x[b, start : start + TERMS],
                mean[b, start : start + TERMS],
                log_var[b, start : start + TERMS],
            )
            part = x.dtype.type(0)
            for d in range(xs.size):
                u = (xs[d] - means[d]) * _precision(log_vars[d])
                part += log_vars[d] + u * u
            total += part
        log_px[b] = -0.5 * total
    return log_px


@compiled
def gaussian_log_prob_backward(dlog_px: Array, x: Array, mean: Array, log_var: Array) -> tuple[Array, Array]:
    if mean.shape != x.shape or log_var.shape != x.shape or dlog_px.shape != x.shape[:1]:
        raise ValueError(
            "gaussian_log_prob_backward: x, mean and log_var should have one shape, dlog_px one entry per row"
        )
    B, D = x.shape
    dmean, dlog_var = np.empty_like(x), np.empty_like(x)
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    for b in range(B):
        if dlog_px[b] == 0:  # 0 · ∞ is 0 here, where a square has overflowed
            dmean[b], dlog_var[b] = dlog_px[b], dlog_px[b]
            continue
        for d in range(D):
            precision = _precision(log_var[b, d])
            u = (x[b, d] - mean[b, d]) * precision
            dmean[b, d] = dlog_px[b] * (u * precision)
            dlog_var[b, d] = dlog_px[b] * (half * (u * u - one))
    return dmean, dlog_var


@pointwise
def gaussian_kl_to_standard(mean: Array, log_var: Array) -> tuple[Array, Array]:
    kl, excess = np.empty_like(mean), np.empty_like(mean)
    half = mean.dtype.type(0.5)
    for i in range(mean.size):
        excess[i] = exponential.expm1(log_var[i])
        kl[i] = half * (mean[i] * mean[i] + (excess[i] - log_var[i]))
    return kl, excess


@scalar
def _kink(l: float, x: float) -> float:
    """x l − max(l, 0) = (x − [l > 0]) l, in which nothing cancels."""
    return (x - (type(l)(1) if l > type(l)(0) else type(l)(0))) * l


@scalar
def _precision(log_var: float) -> float:
    """1/σ, clipped to finite numbers."""
    precision, largest = exponential.exp(type(log_var)(-0.5) * log_var), np.finfo(type(log_var)).max
    return largest if precision > largest else precision
