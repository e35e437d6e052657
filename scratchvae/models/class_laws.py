"""The laws of each class, fitted in closed form: means and variances, or frequencies.

Each fit maximizes Σ_n w_n log p(x_n|z_n) + log prior(x_params) over the examples of a class, where the prior
is the smoothing.

Letters: N examples, D entries of an event, K classes. weights[k, n] is w_n where z_n = k, and 0 elsewhere.
n_k is the sum of weights[k, n] over n. The two laws of counts are McCallum & Nigam 1998, section 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from scratchvae import kernels, ops
from scratchvae.arrays import Array, Pullback
from scratchvae.likelihoods import Bernoulli, GaussianPerPixel, Likelihood, Multinomial


def gaussian_parameters(x: Array, weights: Array, smoothing: float) -> Array:
    """[mean | log σ²] of each class, σ² = Σ_n w_n (x_n − mean)² / n_k + smoothing.

    x (N, D), weights (K, N)  ->  (K, 2D).
    """
    share = weights / weights.sum(axis=1, keepdims=True)
    mean = share @ x
    variance = np.stack([row @ (x - centre) ** 2 for row, centre in zip(share, mean, strict=True)])
    for k, row in enumerate(weights):
        constant = x[row > 0].max(axis=0) == x[row > 0].min(axis=0)
        variance[k, constant] = 0  # exactly, without the rounding of the mean
    variance = variance + smoothing
    with np.errstate(divide="ignore"):
        return np.concatenate([mean, np.log(variance)], axis=1)


def bernoulli_parameters(x: Array, weights: Array, smoothing: float) -> Array:
    """The logit of p_kd = (Σ_n w_n x_nd + α) / (n_k + 2 α), where α is the smoothing.

    x (N, D), weights (K, N)  ->  (K, D).
    """
    with np.errstate(divide="ignore"):
        return np.log(weights @ x + smoothing) - np.log(weights @ (1 - x) + smoothing)


def multinomial_parameters(x: Array, weights: Array, smoothing: float) -> Array:
    """log p_kd with p_kd ∝ Σ_n w_n x_nd + α, where α is the smoothing.

    x (N, D), weights (K, N)  ->  (K, D), which is NaN where all counts of a class are 0.
    """
    counts = weights @ x + smoothing
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(counts) - np.log(counts.sum(axis=1, keepdims=True))


def gaussian_log_prior(x_params: Array, *, strength: Array, smoothing: float) -> tuple[Array, Pullback]:
    """−½ strength · smoothing · Σ_d 1/σ², the mean loss in log p(x|z) of so many examples through noise on x.

    `smoothing` is the variance of the noise, and `strength` (K,) is n_k. x_params (K, 2D) holds [mean | log
    σ²]  ->  (K,).
    """
    (mean, log_var), split_pullback = ops.split(x_params, sizes=(x_params.shape[1] // 2,) * 2)
    each = 0.5 * smoothing * strength[:, None] * np.exp(-log_var)

    def pullback(dlog_prior: Array) -> Array:
        dlog_var = dlog_prior[:, None] * each  # dlog_var = dlog_prior ½ strength smoothing / σ²
        return split_pullback(np.zeros_like(mean), dlog_var)

    return -each.sum(axis=1), pullback


def beta_log_prior(x_params: Array, *, strength: Array, smoothing: float) -> tuple[Array, Pullback]:
    """α Σ_d (log p_d + log(1 − p_d)) with p = σ(l): log Beta(p; α + 1, α + 1) but for a constant.

    α is the smoothing, and x_params (K, D) holds l  ->  (K,). `strength`, the weight of each class, changes
    nothing.
    """
    log_prior = -smoothing * (kernels.softplus(x_params) + kernels.softplus(-x_params)).sum(axis=1)

    def pullback(dlog_prior: Array) -> Array:
        slope = smoothing * (1 - 2 * kernels.sigmoid(x_params))
        return dlog_prior[:, None] * slope  # dl = dlog_prior α ((1 − σ(l)) − σ(l))

    return log_prior, pullback


def dirichlet_log_prior(x_params: Array, *, strength: Array, smoothing: float) -> tuple[Array, Pullback]:
    """α Σ_d log p_d with p = softmax(l): log Dirichlet(p; α + 1, …, α + 1) but for a constant.

    α is the smoothing, and x_params (K, D) holds l  ->  (K,). `strength`, the weight of each class, changes
    nothing.
    """
    log_p, log_p_pullback = ops.log_softmax(x_params, axis=1)

    def pullback(dlog_prior: Array) -> Array:
        return log_p_pullback(np.repeat(smoothing * dlog_prior[:, None], x_params.shape[1], axis=1))
        # dl = dlog_prior α (1 − D softmax(l))

    return smoothing * log_p.sum(axis=1), pullback


def largest_variance(x: Array, weights: Array) -> float:
    """The largest variance of an entry of x over all examples, of any class.     x (N, D), weights (N,)."""
    return float(np.exp(gaussian_parameters(x, weights[None], 0.0)[0, x.shape[1] :].max()))


@dataclass(frozen=True)
class Family:
    """The functions by which one kind of likelihood is fitted in closed form."""

    smoothing: float  # scikit-learn's default
    unit: Callable[[Array, Array], float]  # the unit of smoothing, for x and weights
    parameters: Callable[[Array, Array, float], Array]  # the maximum in closed form
    log_prior: Callable[..., tuple[Array, Pullback]]  # the term by which smoothing changes that maximum


FAMILIES: Mapping[type[Likelihood], Family] = {
    GaussianPerPixel: Family(1e-9, largest_variance, gaussian_parameters, gaussian_log_prior),
    Bernoulli: Family(1.0, lambda x, weights: 1.0, bernoulli_parameters, beta_log_prior),
    Multinomial: Family(1.0, lambda x, weights: 1.0, multinomial_parameters, dirichlet_log_prior),
}
