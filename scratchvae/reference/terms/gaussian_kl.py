"""The KL of one diagonal Gaussian to another, as ladders and conditional priors have it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian
from scratchvae.reference.terms.term import Arrays, Fault, Results, Slopes, Term, detached

NAMES = ("mean", "log_var", "prior_mean", "prior_log_var")


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """The KL by `distributions.gaussian.kl`, with gradients to both laws."""
    value, pullback = gaussian.kl(*(arrays[name] for name in NAMES))
    return {"value": value}, lambda dvalue: dict(zip(NAMES, pullback(dvalue), strict=True))


def _kl(mean: Array, log_var: Array, prior_mean: Array, prior_log_var: Array) -> Results:
    ratio = log_var - prior_log_var
    apart = (mean - prior_mean) ** 2 * np.exp(-prior_log_var)
    return {"value": 0.5 * (np.exp(ratio) + apart - 1 - ratio).sum(axis=1)}


def _to_standard(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    nothing = 0 * arrays["prior_mean"]
    return _kl(arrays["mean"], arrays["log_var"], nothing, nothing)


def _reversed(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return _kl(*(arrays[name] for name in (*NAMES[2:], *NAMES[:2])))


def _prior_detached(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return _kl(*(arrays[name] for name in NAMES[:2]), *(detached(arrays[name]) for name in NAMES[2:]))


def _undivided(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    mean, log_var, prior_mean, prior_log_var = (arrays[name] for name in NAMES)
    ratio = log_var - prior_log_var
    return {"value": 0.5 * (np.exp(ratio) + (mean - prior_mean) ** 2 - 1 - ratio).sum(axis=1)}


def _by_deviation(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    mean, log_var, prior_mean, prior_log_var = (arrays[name] for name in NAMES)
    return _kl(mean, 2 * log_var, prior_mean, 2 * prior_log_var)


GAUSSIAN_KL = Term(
    says="½ Σ_j ((σ² + (μ − m)²)/τ² − 1 − log σ²/τ²), of N(μ, σ²) to the prior N(m, τ²)",
    source="Sønderby et al. 2016, equation 4; Sohn et al. 2015",
    takes=dict.fromkeys(NAMES, "B Z"),
    gives={"value": "B"},
    right=right,
    faults=(
        Fault(
            "kl_to_standard_normal",
            _to_standard,
            "the KL is to N(0, I): compare q with the prior of this layer, N(m, τ²)",
        ),
        Fault("gaussian_kl_reversed", _reversed, "this is KL(p ‖ q): exchange the laws"),
        Fault(
            "prior_detached",
            _prior_detached,
            "no gradient reaches the prior, which then never learns: do not detach it",
        ),
        Fault(
            "mean_difference_not_divided",
            _undivided,
            "(μ − m)² is not divided by the prior's variance τ²: divide it",
        ),
        Fault(
            "log_variances_read_as_log_deviations",
            _by_deviation,
            "log σ² and log τ² are taken for log σ and log τ: σ² is exp(log σ²)",
        ),
    ),
)
