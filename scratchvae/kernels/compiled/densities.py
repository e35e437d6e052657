"""Compiled twins of `textbook/densities.py`: one pass over each row, the sum kept in float64."""

import math

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels.compiled.compiler import compiled, inlined
from scratchvae.kernels.compiled.pointwise import log_one_plus_exp, logistic
from scratchvae.kernels.textbook.densities import LOG_2PI


@compiled
def bernoulli_log_prob(logits: Array, x: Array) -> Array:
    B, D = logits.shape
    log_px = np.empty(B, logits.dtype)
    for b in range(B):
        total = 0.0
        for d in range(D):
            total += x[b, d] * logits[b, d] - log_one_plus_exp(logits[b, d])
        log_px[b] = total
    return log_px


@compiled
def bernoulli_log_prob_backward(dlog_px: Array, logits: Array, x: Array) -> Array:
    B, D = logits.shape
    dlogits = np.empty_like(logits)
    for b in range(B):
        for d in range(D):
            dlogits[b, d] = dlog_px[b] * (x[b, d] - logistic(logits[b, d]))
    return dlogits


@compiled
def gaussian_log_prob(x: Array, mean: Array, log_var: Array) -> Array:
    B, D = x.shape
    log_px = np.empty(B, x.dtype)
    for b in range(B):
        total = 0.0
        for d in range(D):
            u = (x[b, d] - mean[b, d]) * _precision(log_var[b, d])
            total += log_var[b, d] + u * u
        log_px[b] = -0.5 * (total + D * LOG_2PI)
    return log_px


@compiled
def gaussian_log_prob_backward(dlog_px: Array, x: Array, mean: Array, log_var: Array) -> tuple[Array, Array]:
    B, D = x.shape
    dmean, dlog_var = np.empty_like(x), np.empty_like(x)
    half = x.dtype.type(0.5)
    for b in range(B):
        for d in range(D):
            precision = _precision(log_var[b, d])
            u = (x[b, d] - mean[b, d]) * precision
            dmean[b, d] = dlog_px[b] * (u * precision)
            dlog_var[b, d] = dlog_px[b] * (half * (u * u - 1))
    return dmean, dlog_var


@inlined
def _precision(log_var: float) -> float:
    """1/σ, held at the largest finite number."""
    return min(math.exp(type(log_var)(-0.5) * log_var), np.finfo(type(log_var)).max)
