"""The total correlation of a batch by weighted or stratified shares, and shares in the wrong places."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from scratchvae.arrays import Array, require_choice, require_count
from scratchvae.objectives import TotalCorrelation
from scratchvae.objectives.total_correlation import aggregate_log_prob
from scratchvae.reference.terms.term import Arrays, Fault, Results, Setting, Slopes, Term, log_sum_exp


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """log q(z) − Σ_j log q(z_j) by `aggregate_log_prob`, with the shares of `TotalCorrelation`."""
    z, mean, log_var = arrays["z"], arrays["mean"], arrays["log_var"]
    penalty = TotalCorrelation(1.0, settings["examples"], settings["estimator"])
    shares = penalty.shares(len(z)).astype(z.dtype)
    (joint, by_latent), pullback = aggregate_log_prob(z, mean, log_var, shares=shares)

    def slopes(dvalue: Array) -> dict[str, Array]:
        found = pullback(dvalue, np.broadcast_to(-dvalue[:, None], by_latent.shape))
        return dict(zip(("z", "mean", "log_var"), found, strict=True))

    return _results(joint, by_latent), slopes


def _results(joint: Array, by_latent: Array) -> Results:
    product = by_latent.sum(axis=1)
    return {"log_qz": joint, "log_qz_product": product, "value": joint - product}


def _aggregated(arrays: Arrays, shares: Array, axis: int = 1) -> Results:
    """The results for shares s (B, B) of q(z|x_m) at z_b; `axis` is what is summed over, 1 for m."""
    z, mean, log_var = arrays["z"], arrays["mean"], arrays["log_var"]
    log_q = -0.5 * ((z[:, None] - mean) ** 2 * np.exp(-log_var) + log_var + np.log(2 * np.pi))
    log_s = np.log(shares)
    return _results(
        log_sum_exp(log_q.sum(axis=2) + log_s, axis), log_sum_exp(log_q + log_s[:, :, None], axis)
    )


def _in_a_column(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    """1/N for the first example of the batch at every z, and the other special share for the second."""
    B, N = len(arrays["z"]), settings["examples"] or len(arrays["z"])
    if settings["estimator"] == "weighted" or N <= B or B < 2:
        return None
    shares = np.full((B, B), 1 / (B - 1))
    shares[:, 0], shares[:, 1] = 1 / N, (N - B + 1) / (N * (B - 1))
    return _aggregated(arrays, shares)


def _uniform(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    B = len(arrays["z"])
    stratified = settings["estimator"] == "stratified" and (settings["examples"] or B) > B
    return _aggregated(arrays, np.full((B, B), 1 / B)) if stratified else None


def _over_all(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    B = len(arrays["z"])
    N = settings["examples"] or B
    return None if N == 1 else _aggregated(arrays, np.full((B, B), 1 / (N * B)))


def _over_draws(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    B, penalty = (
        len(arrays["z"]),
        TotalCorrelation(1.0, settings["examples"], settings["estimator"]),
    )
    return _aggregated(arrays, penalty.shares(B), axis=0)


def _not_shared(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    B = len(arrays["z"])
    return _aggregated(arrays, np.ones((B, B)))


TOTAL_CORRELATION = Term(
    says="log q(z) − Σ_j log q(z_j) with q(z) ≈ Σ_m s_bm q(z|x_m), s_bb = 1/N, the next (N − B + 1)/(N(B − "
    "1)), "
    "others 1/(B − 1) (stratified), or all 1/B (weighted)",
    source="Chen et al. 2018, appendix C",
    takes={"z": "B Z", "mean": "B Z", "log_var": "B Z"},
    gives={"log_qz": "B", "log_qz_product": "B", "value": "B"},
    right=right,
    settings={
        "examples": Setting(None, require_count),
        "estimator": Setting("stratified", partial(require_choice, known=("stratified", "weighted"))),
    },
    faults=(
        Fault(
            "stratified_share_in_a_column",
            _in_a_column,
            "the shares 1/N and (N − B + 1)/(N(B − 1)) stand in two columns: put them on the diagonal and "
            "beside "
            "it, so that 1/N weighs the example that z was drawn from",
        ),
        Fault(
            "batch_in_place_of_the_data",
            _uniform,
            'every example has the share 1/B: that is the estimator "weighted"; give z\'s own example 1/N',
        ),
        Fault(
            "shares_sum_to_1_over_n",
            _over_all,
            "the shares are 1/(NB), as in the paper, and sum to 1/N: the term is (Z − 1) log N too large, "
            "and its "
            "gradients are those of shares 1/B",
        ),
        Fault(
            "shares_missing",
            _not_shared,
            "the densities of the batch are added up without shares: the term is (Z − 1) log B too small",
        ),
        Fault(
            "summed_over_draws",
            _over_draws,
            "the sum is over the draws z_b, where it should be over the examples m of q(z_b|x_m): sum over "
            "the "
            "other axis",
        ),
    ),
)
