"""The distributions and objectives again in mpmath, written from the papers and not from this library's code.

Arrays are NumPy's, of mpmath numbers. `mpmath` is imported where it is asked for: `pip install mpmath`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError


@cache
def mathematics() -> SimpleNamespace:
    """exp, log and so on of arrays of mpmath numbers; InputError without mpmath."""
    try:
        import mpmath
    except ImportError:
        raise InputError("--certify compares with mpmath, which is not installed: pip install mpmath") from None
    names = ("erfc", "exp", "log", "log1p", "loggamma", "sqrt", "tanh")
    functions: dict[str, Any] = {name: np.frompyfunc(getattr(mpmath, name), 1, 1) for name in names}
    return SimpleNamespace(
        digits=mpmath.workdps, mpf=np.frompyfunc(mpmath.mpf, 1, 1), pi=mpmath.pi, diff=mpmath.diff, **functions
    )


def exact(array: Array) -> Array:
    """The same numbers as mpmath's."""
    return np.asarray(mathematics().mpf(np.asarray(array, np.float64)), object)


def log_sum_exp(a: Array, axis: int) -> Array:
    """log Σ exp a."""
    m = mathematics()
    top = a.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + m.log(m.exp(a - top).sum(axis=axis))


def softplus(a: Array) -> Array:
    """log (1 + eᵃ)."""
    m = mathematics()
    return m.log(1 + m.exp(a))


def gaussian_terms(x: Array, mean: Array, log_var: Array) -> Array:
    """log N(x; mean, σ²) by entry."""
    m = mathematics()
    return -(m.log(2 * m.pi) + log_var + (x - mean) ** 2 / m.exp(log_var)) / 2


def gaussian_kl(mean: Array, log_var: Array, other_mean: Array, other_log_var: Array) -> Array:
    """KL(N(mean, σ²) ‖ N(other_mean, τ²)) by entry."""
    m = mathematics()
    ratio = m.exp(log_var - other_log_var)
    return (ratio + (mean - other_mean) ** 2 / m.exp(other_log_var) - 1 - log_var + other_log_var) / 2


def bernoulli_terms(logits: Array, x: Array) -> Array:
    """x log σ(l) + (1 − x) log σ(−l) by entry."""
    return -x * softplus(-logits) - (1 - x) * softplus(logits)


def categorical_log(logits: Array) -> Array:
    """log softmax over the last axis."""
    return logits - np.expand_dims(log_sum_exp(logits, -1), -1)


def _bernoulli_entropy(logits: Array) -> Array:
    p = 1 / (1 + mathematics().exp(-logits))
    return (p * softplus(-logits) + (1 - p) * softplus(logits)).sum(axis=1)


def _categorical_entropy(logits: Array) -> Array:
    log_p = categorical_log(logits)
    return -(mathematics().exp(log_p) * log_p).sum(axis=(1, 2))


def _categorical(logits: Array, x: Array) -> Array:
    return np.take_along_axis(categorical_log(logits), x[:, :, None], axis=2).sum(axis=(1, 2))


def _laplace(x: Array, mean: Array, log_scale: Array) -> Array:
    m = mathematics()
    return -(m.log(m.mpf(2)) + log_scale + abs(x - mean) / m.exp(log_scale)).sum(axis=1)


def _multinomial(logits: Array, x: Array) -> Array:
    m = mathematics()
    return m.loggamma(x.sum(axis=1) + 1) - m.loggamma(x + 1).sum(axis=1) + (x * categorical_log(logits)).sum(axis=1)


def _poisson(log_rate: Array, x: Array) -> Array:
    m = mathematics()
    return (x * log_rate - m.exp(log_rate) - m.loggamma(x + 1)).sum(axis=1)


def _mixture(z: Array, logits: Array, means: Array, log_vars: Array) -> Array:
    pairs = gaussian_terms(z[:, None], means[None], log_vars[None]).sum(axis=2)
    return log_sum_exp(categorical_log(logits) + pairs, 1)


def covariance(L: Array) -> Array:
    """T Tᵀ of the lower triangle T of each L (B, D, D)."""
    T = np.tril(L)
    return np.stack([t @ t.T for t in T])


def inverse_and_log_det(S: Array) -> tuple[Array, Array]:
    """S⁻¹ (B, D, D) and log |S| (B,), by mpmath's matrices."""
    import mpmath

    matrices = [mpmath.matrix(one.tolist()) for one in S]
    inverses = np.array([np.array((one**-1).tolist(), object) for one in matrices], object)
    return inverses, np.array([mpmath.log(mpmath.det(one)) for one in matrices], object)


def quadratic(d: Array, A: Array) -> Array:
    """dᵀ A d.     d (B, D), A (B, D, D)  ->  (B,)."""
    return (d[:, :, None] * A * d[:, None, :]).sum(axis=(1, 2))


def gaussian_full(x: Array, mean: Array, L: Array) -> Array:
    """log N(x; mean, S), from S⁻¹ and |S|."""
    m = mathematics()
    precision, log_det = inverse_and_log_det(covariance(L))
    return -(x.shape[1] * m.log(2 * m.pi) + log_det + quadratic(x - mean, precision)) / 2


def gaussian_full_entropy(L: Array) -> Array:
    """½ log |2πe S|."""
    m = mathematics()
    _, log_det = inverse_and_log_det(covariance(L))
    return (L.shape[1] * (m.log(2 * m.pi) + 1) + log_det) / 2


def gaussian_full_expected(mean: Array, L: Array, other_mean: Array, other_L: Array) -> Array:
    """E log N(x; other_mean, S') = log N(mean; other_mean, S') − ½ tr(S'⁻¹ S)."""
    precision, _ = inverse_and_log_det(covariance(other_L))
    return gaussian_full(mean, other_mean, other_L) - (precision * covariance(L)).sum(axis=(1, 2)) / 2


def gaussian_full_kl(mean: Array, L: Array, other_mean: Array, other_L: Array) -> Array:
    """−H − E log N(x; other_mean, S')."""
    return -gaussian_full_entropy(L) - gaussian_full_expected(mean, L, other_mean, other_L)


def _to_standard(mean: Array, L: Array) -> Array:
    return gaussian_full_kl(mean, L, 0 * mean, np.stack([exact(np.eye(mean.shape[1]))] * len(mean)))


def _to_standard_by_dimension(mean: Array, L: Array) -> Array:
    """KL of the first i latents' law less that of the first i − 1: the chain rule."""
    upto = [_to_standard(mean[:, :i], L[:, :i, :i]) for i in range(1, mean.shape[1] + 1)]
    return np.stack([now - before for now, before in zip(upto, [0 * upto[0], *upto[:-1]], strict=True)], axis=1)


def _full_draw(mean: Array, L: Array, noise: Array) -> Array:
    return mean + (np.tril(L) * noise[:, None, :]).sum(axis=2)


DISTRIBUTIONS: dict[str, Callable[..., Array]] = {
    "gaussian.log_prob": lambda x, mean, log_var: gaussian_terms(x, mean, log_var).sum(axis=1),
    "gaussian.standard_log_prob": lambda x: gaussian_terms(x, 0 * x, 0 * x).sum(axis=1),
    "gaussian.reparameterize": lambda mean, log_var, noise: mean + mathematics().exp(log_var / 2) * noise,
    "gaussian.log_prob_of_draw": lambda log_var, noise: gaussian_terms(
        mathematics().exp(log_var / 2) * noise, 0 * log_var, log_var
    ).sum(axis=1),
    "gaussian.kl_to_standard": lambda mean, log_var: gaussian_kl(mean, log_var, 0 * mean, 0 * mean).sum(axis=1),
    "gaussian.kl_to_standard_by_dimension": lambda mean, log_var: gaussian_kl(mean, log_var, 0 * mean, 0 * mean),
    "gaussian.kl": lambda mean, log_var, other_mean, other_log_var: gaussian_kl(mean, log_var, other_mean, other_log_var).sum(
        axis=1
    ),
    "gaussian.expected_log_prob": lambda mean, log_var, other_mean, other_log_var: (
        gaussian_terms(mean, other_mean, other_log_var) - mathematics().exp(log_var - other_log_var) / 2
    ).sum(axis=1),
    "gaussian_full.log_prob": gaussian_full,
    "gaussian_full.reparameterize": _full_draw,
    "gaussian_full.log_prob_of_draw": lambda L, noise: gaussian_full(_full_draw(0 * noise, L, noise), 0 * noise, L),
    "gaussian_full.entropy": gaussian_full_entropy,
    "gaussian_full.kl": gaussian_full_kl,
    "gaussian_full.kl_to_standard": _to_standard,
    "gaussian_full.kl_to_standard_by_dimension": _to_standard_by_dimension,
    "gaussian_full.expected_log_prob": gaussian_full_expected,
    "gaussian_full.expected_quadratic_form": lambda mean, S, A: (A * S.transpose(0, 2, 1)).sum(axis=(1, 2))
    + quadratic(mean, np.broadcast_to(A, S.shape)),
    "gaussian.entropy": lambda log_var: ((mathematics().log(2 * mathematics().pi) + 1 + log_var) / 2).sum(axis=1),
    "bernoulli.log_prob": lambda logits, x: bernoulli_terms(logits, x).sum(axis=1),
    "bernoulli.entropy": _bernoulli_entropy,
    "categorical.log_prob": _categorical,
    "categorical.entropy": _categorical_entropy,
    "laplace.log_prob": _laplace,
    "laplace.entropy": lambda log_scale: (1 + mathematics().log(mathematics().mpf(2)) + log_scale).sum(axis=1),
    "laplace.reparameterize": lambda mean, log_scale, noise: mean + mathematics().exp(log_scale) * noise,
    "mixture.log_prob": _mixture,
    "multinomial.log_prob": _multinomial,
    "poisson.log_prob": _poisson,
}


def loss(
    q_params: Array, W: Array, x: Array, noise: Array, *, K: int = 1, kind: str = "elbo", beta: float = 1.0, **free: float
) -> Array:
    """The loss of a model whose encoder gives q_params and whose decoder is logits = z W, with Bernoulli pixels."""
    m = mathematics()
    B, Z = len(q_params), q_params.shape[1] // 2
    mean, log_var = (np.repeat(half, K, axis=0) for half in (q_params[:, :Z], q_params[:, Z:]))
    z = mean + m.exp(log_var / 2) * noise
    log_px = bernoulli_terms(z @ W, np.repeat(x, K, axis=0)).sum(axis=1)
    if kind == "elbo":
        kl = gaussian_kl(mean, log_var, 0 * mean, 0 * mean)
        if "free_bits" in free:
            penalty = np.maximum(kl.sum(axis=0) / B, m.mpf(free["free_bits"])).sum()
        elif "capacity" in free:
            penalty = abs(kl.sum(axis=1) - m.mpf(free["capacity"])).sum() / B
        else:
            penalty = kl.sum() / B
        return np.asarray(-log_px.sum() / B + beta * penalty)
    log_ratio = (gaussian_terms(z, mean, log_var) - gaussian_terms(z, 0 * z, 0 * z)).sum(axis=1)
    if kind == "sampled":
        return np.asarray((beta * log_ratio - log_px).sum() / (B * K))
    log_w = (log_px - log_ratio).reshape(B, K)
    return np.asarray(-(log_sum_exp(log_w, 1) - m.log(m.mpf(K))).sum() / B)
