"""The mean of M importance-weighted bounds of K draws each, and its two axes exchanged."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.objectives.many_draws import log_mean_exp
from scratchvae.reference.terms.term import Arrays, Fault, Results, Slopes, Term, log_sum_exp


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """1/M Σ_m log 1/K Σ_k w_mk by `log_mean_exp`."""
    log_w = arrays["log_w"]
    B, M, K = log_w.shape
    bounds, weights = log_mean_exp(log_w.reshape(B * M, K))

    def slopes(dvalue: Array) -> dict[str, Array]:
        return {"log_w": weights.reshape(B, M, K) * dvalue[:, None, None] / M}

    return {"value": bounds.reshape(B, M).mean(axis=1)}, slopes


def _exchanged(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    log_w = arrays["log_w"]
    return {"value": log_sum_exp(log_w, 1).mean(axis=1) - np.log(log_w.shape[1])}


def _of_all(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    log_w = arrays["log_w"].reshape(len(arrays["log_w"]), -1)
    return {"value": log_sum_exp(log_w, 1) - np.log(log_w.shape[1])}


def _plain(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return {"value": arrays["log_w"].mean(axis=(1, 2))}


def _without_k(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return {"value": log_sum_exp(arrays["log_w"], 2).mean(axis=1)}


def _without_m(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    log_w = arrays["log_w"]
    return {"value": (log_sum_exp(log_w, 2) - np.log(log_w.shape[2])).sum(axis=1)}


GROUPED_BOUND = Term(
    says="1/M Σ_m log 1/K Σ_k w_mk: M = 1 is IWAE, and K = 1 is the mean ELBO",
    source="Rainforth et al. 2018, section 4",
    takes={"log_w": "B M K"},
    gives={"value": "B"},
    right=right,
    faults=(
        Fault(
            "axes_of_draws_exchanged",
            _exchanged,
            "the logarithm is of means over the M groups: average the K weights of a group inside the "
            "logarithm, "
            "and the M logarithms outside",
        ),
        Fault(
            "one_bound_of_all_draws",
            _of_all,
            "all M·K weights are in one mean, which is IWAE's bound: take a bound for each group, and the "
            "mean of "
            "the bounds",
        ),
        Fault(
            "mean_of_log_weights",
            _plain,
            "this is the plain ELBO: average the K weights before the logarithm",
        ),
        Fault(
            "group_log_k_missing", _without_k, "subtract log K, since the bound has the mean of the K weights"
        ),
        Fault("groups_added_up", _without_m, "the M bounds are added up: take their mean"),
    ),
)
