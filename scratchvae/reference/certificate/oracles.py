"""The objectives and Bayes' rule in mpmath, written from the papers and not from this library's code."""

from __future__ import annotations

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases import bernoulli, gaussian
from scratchvae.reference.cases.mathematics import log_softmax, log_sum_exp, mathematics


def loss(
    q_params: Array,
    W: Array,
    x: Array,
    noise: Array,
    *,
    K: int = 1,
    kind: str = "elbo",
    beta: float = 1.0,
    **free: float,
) -> Array:
    """Compute the loss of a model with Bernoulli pixels.

    Its encoder gives q_params, and its decoder is logits = z W.
    """
    m = mathematics()
    B, Z = len(q_params), q_params.shape[1] // 2
    mean, log_var = (np.repeat(half, K, axis=0) for half in (q_params[:, :Z], q_params[:, Z:]))
    z = mean + m.exp(log_var / 2) * noise
    log_px = bernoulli.terms(z @ W, np.repeat(x, K, axis=0)).sum(axis=1)
    if kind == "elbo":
        kl = gaussian.kl(mean, log_var, 0 * mean, 0 * mean)
        if "free_bits" in free:
            penalty = np.maximum(kl.sum(axis=0) / B, m.mpf(free["free_bits"])).sum()
        elif "capacity" in free:
            penalty = abs(kl.sum(axis=1) - m.mpf(free["capacity"])).sum() / B
        else:
            penalty = kl.sum() / B
        return np.asarray(-log_px.sum() / B + beta * penalty)
    log_ratio = (gaussian.terms(z, mean, log_var) - gaussian.terms(z, 0 * z, 0 * z)).sum(axis=1)
    if kind == "sampled":
        return np.asarray((beta * log_ratio - log_px).sum() / (B * K))
    log_w = (log_px - log_ratio).reshape(B, K)
    return np.asarray(-(log_sum_exp(log_w, 1) - m.log(m.mpf(K))).sum() / B)


def class_posterior(log_prior: Array, *, mean: Array, log_var: Array, x: Array) -> Array:
    """Compute log p(z|x) (N, K) of classes z, where p(x|z) = N(mean_z, diag σ²_z).

    The arrays are log_prior (K,), mean and log_var (K, D), and x (N, D).
    """
    log_px = gaussian.terms(x[:, None], mean[None], log_var[None]).sum(axis=2)
    return log_softmax(log_px + log_prior)
