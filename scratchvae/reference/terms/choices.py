"""The KL of a choice among K to the uniform prior, and the same taken at a relaxed draw."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.objectives import closed_form_kl
from scratchvae.posteriors import GumbelSoftmax
from scratchvae.priors import OneHot
from scratchvae.reference.terms.term import Arrays, Fault, Results, Slopes, Term, log_sum_exp


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """Σ_k π_k log π_k + log K, by the closed form of the objectives."""
    logits = arrays["logits"]
    K = logits.shape[1]
    kl, pullback = closed_form_kl(GumbelSoftmax(1, K), OneHot(1, K), logits)
    return {"value": kl[:, 0]}, lambda dvalue: {"logits": pullback(dvalue[:, None])}


def _log_pi(arrays: Arrays) -> Array:
    logits = arrays["logits"]
    return logits - log_sum_exp(logits, 1)[:, None]


def _with(constant: Any) -> Any:
    """Σ_k π_k log π_k + constant(K)."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        log_pi = _log_pi(arrays)
        return {"value": (np.exp(log_pi) * log_pi).sum(axis=1) + constant(log_pi.shape[1])}

    return results


def _relaxed(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    """Σ_k y_k log y_k + log K at a relaxed draw y."""
    if "draw" not in arrays:
        return None
    y = arrays["draw"]
    terms = np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0)
    return {"value": terms.sum(axis=1) + np.log(y.shape[1])}


def _weighed_by_draw(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    """Σ_k y_k (log π_k + log K) at a relaxed draw y."""
    if "draw" not in arrays:
        return None
    log_pi = _log_pi(arrays)
    return {"value": (arrays["draw"] * (log_pi + np.log(log_pi.shape[1]))).sum(axis=1)}


CATEGORICAL_KL = Term(
    says="Σ_k π_k log π_k + log K, π = softmax(logits)",
    source="Maddison et al. 2017, appendix C",
    takes={"logits": "B K", "draw": "B K"},
    gives={"value": "B"},
    right=right,
    optional=("draw",),
    constants=("draw",),
    faults=(
        Fault(
            "categorical_inverse_k_for_log_k",
            _with(lambda K: -1 / K),
            "1/K is subtracted in place of log 1/K: subtract the prior's logarithm, log(1/K) = −log K",
        ),
        Fault(
            "categorical_log_k_missing",
            _with(lambda K: 0.0),
            "this is the negative entropy: add log K, which is −log of the uniform prior",
        ),
        Fault(
            "categorical_kl_at_a_relaxed_draw",
            _relaxed,
            "the KL of discrete laws is taken at a relaxed draw y, of which it is no bound: take it at π = "
            "softmax(logits)",
            silent_on=("d_logits",),
        ),
        Fault(
            "categorical_kl_weighed_by_a_draw",
            _weighed_by_draw,
            "log π is weighed by a relaxed draw y, of which no bound follows: weigh it by π = "
            "softmax(logits)",
            silent_on=("d_logits",),
        ),
    ),
)
