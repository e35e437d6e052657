"""log 1/K Σ_k w_k with w_k = p(x|z_k) p(z_k) / q(z_k|x) (Burda, Grosse & Salakhutdinov 2016), and what is
written instead.
"""

from collections.abc import Callable

import numpy as np

from scratchvae.arrays import Array
from scratchvae.ops import log_sum_exp
from scratchvae.reference.diagnosis.pieces import Place, Reading, Terms
from scratchvae.reference.diagnosis.quantities import Given

Bound = tuple[Array, Array]  # (B,), and its gradient to log w (B, K)


def log_weights(given: Given, signs: tuple[int, int, int] = (1, 1, -1)) -> Terms | None:
    """log p(x|z) + log p(z) − log q(z|x)   (B, K)."""
    parts = [given.log_px, given.log_pz, given.log_q]
    if any(part is None for part in parts):
        return None
    signed = [sign * part for sign, part in zip(signs, parts, strict=True) if part is not None]
    return Terms(
        sum(signed[1:], signed[0]), {}, sum((np.abs(part) for part in signed[1:]), np.abs(signed[0]))
    )


def bound(log_w: Array) -> Bound:
    """log 1/K Σ_k w_k, with gradient w̃ = w / Σ_k w."""
    total, pullback = log_sum_exp(log_w, axis=1)
    return total - np.log(log_w.shape[1]), pullback(np.ones(len(log_w)))


def _sum(log_w: Array) -> Bound:
    value, share = bound(log_w)
    return value + np.log(log_w.shape[1]), share


def _less_inverse(log_w: Array) -> Bound:
    value, share = _sum(log_w)
    return value + 1 / log_w.shape[1], share


def _mean_of_logs(log_w: Array) -> Bound:
    return log_w.mean(axis=1), np.full_like(log_w, 1 / log_w.shape[1])


def _weighted(log_w: Array) -> Bound:
    """Σ_k w̃ log w, differentiated through w̃ too."""
    _, share = bound(log_w)
    value = (share * log_w).sum(axis=1)
    return value, share * (1 + log_w - value[:, None])


def surrogate(log_w: Array) -> Bound:
    """Σ_k w̃ log w with w̃ detached: not the bound, but with its gradient."""
    value, _ = _weighted(log_w)
    return value, bound(log_w)[1]


def _signs(*signs: int) -> Callable[[Given], Terms | None]:
    return lambda given: log_weights(given, signs)  # type: ignore[arg-type]


def _over_batch(log_w: Array) -> Bound:
    """The bound with the axes of examples and draws exchanged, as a mean over the draws, for each example the
    same.
    """
    value, share = bound(log_w.T)
    return np.full(len(log_w), value.mean()), share.T * len(log_w) / log_w.shape[1]


def _over_batch_by_draws(log_w: Array) -> Bound:
    """The same less log K, as if the sum were over draws."""
    value, share = _over_batch(log_w)
    return value + np.log(len(log_w) / log_w.shape[1]), share


OVER_BATCH = (
    "weights are added up over the batch: take the logarithm of the mean over the K draws of an example"
)
READINGS = [
    Reading(
        "log_weight_sign",
        Place.LOG_WEIGHTS,
        _signs(1, 1, 1),
        "log q is added to the log-weight: subtract it",
    ),
    Reading(
        "log_weight_sign",
        Place.LOG_WEIGHTS,
        _signs(1, -1, 1),
        "log p(z) − log q(z|x) has the wrong sign in the log-weight: write log p(x|z) + log p(z) − log "
        "q(z|x)",
    ),
    Reading(
        "log_weight_sign",
        Place.LOG_WEIGHTS,
        _signs(-1, 1, -1),
        "log p(x|z) has the wrong sign in the log-weight: write log p(x|z) + log p(z) − log q(z|x)",
    ),
    Reading(
        "log_weight_sign",
        Place.LOG_WEIGHTS,
        _signs(-1, -1, 1),
        "the log-weight has the wrong sign: write log p(x|z) + log p(z) − log q(z|x)",
    ),
    Reading(
        "log_q_missing",
        Place.LOG_WEIGHTS,
        _signs(1, 1, 0),
        "the log-weight lacks its −log q(z|x): write log p(x|z) + log p(z) − log q(z|x)",
    ),
    Reading(
        "log_pz_missing",
        Place.LOG_WEIGHTS,
        _signs(1, 0, -1),
        "the log-weight lacks its log p(z): write log p(x|z) + log p(z) − log q(z|x)",
    ),
    Reading("weights_summed_over_batch", Place.IMPORTANCE, lambda given: _over_batch, OVER_BATCH),
    Reading("weights_summed_over_batch", Place.IMPORTANCE, lambda given: _over_batch_by_draws, OVER_BATCH),
    Reading(
        "log_k_missing",
        Place.IMPORTANCE,
        lambda given: _sum,
        "the bound lacks its −log K: subtract log K from the logsumexp of the K log-weights, because the "
        "bound has their mean",
    ),
    Reading(
        "inverse_k_for_log_k",
        Place.IMPORTANCE,
        lambda given: _less_inverse,
        "the bound has −1/K in place of −log K: subtract log K, though its gradients are right",
    ),
    Reading(
        "averaged_inside_log",
        Place.IMPORTANCE,
        lambda given: _mean_of_logs,
        "the mean of the log-weights is taken, which is the plain bound: take the logarithm of the mean "
        "weight",
    ),
    Reading(
        "weights_not_detached",
        Place.IMPORTANCE,
        lambda given: _weighted if given.d_log_w is not None else None,
        "this is Σ_k w̃_k log w_k, and gradients flow through w̃_k too: detach w̃_k, or differentiate "
        "log Σ_k w_k",
    ),
]
