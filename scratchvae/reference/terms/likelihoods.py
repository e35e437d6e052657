"""The continuous Bernoulli law and the discretized logistic one, and what public code leaves out of them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.distributions import continuous_bernoulli, discretized_logistic
from scratchvae.reference.terms.term import Arrays, Fault, Results, Setting, Slopes, Term, softplus


def right_continuous(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """log p(x) by `distributions.continuous_bernoulli`."""
    value, pullback = continuous_bernoulli.log_prob(arrays["logits"], x=arrays["x"])
    return {"value": value}, lambda dvalue: {"logits": pullback(dvalue)}


def right_discretized(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """log P(x) by `distributions.discretized_logistic`."""
    x = arrays["x"].astype(np.int64)
    if (x != arrays["x"]).any():
        last = settings["levels"] - 1
        raise InputError(
            f"diagnose_term: x should hold levels, whole numbers from 0 to {last}, found fractions"
        )
    value, pullback = discretized_logistic.log_prob(
        arrays["mean"], arrays["log_scale"], x=x, levels=settings["levels"]
    )
    return {"value": value}, lambda dvalue: dict(zip(("mean", "log_scale"), pullback(dvalue), strict=True))


def _log_normalizer(eta: Array) -> Array:
    """log C = log(η / 2 tanh(η/2)), C = 2 artanh(1 − 2λ)/(1 − 2λ), which is 2 at η = 0."""
    small = np.abs(eta.real) < 1e-4
    kept = np.where(small, 1.0, eta)
    found: Array = np.where(small, np.log(2) + eta**2 / 12, np.log(kept / np.tanh(kept / 2)))
    return found


def _bernoulli(normalizer: Any) -> Any:
    """Σ_d (x η − log(1 + e^η)), plus what `normalizer` makes of the logits."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        eta = arrays["logits"]
        return {"value": (arrays["x"] * eta - softplus(eta)).sum(axis=1) + normalizer(eta)}

    return results


def _interval(below: float, above: float, ends: bool) -> Any:
    """Σ_d log(σ((x + above − m)/s) − σ((x − below − m)/s)), with the tails at both ends where `ends`."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        x, mean, rate = arrays["x"], arrays["mean"], np.exp(-arrays["log_scale"])
        low, high = (x - below - mean) * rate, (x + above - mean) * rate
        # log(σ(a) − σ(b)) = −softplus(−a) − softplus(b) + log(1 − e^(b − a))
        inside = -softplus(-high) - softplus(low) + np.log(-np.expm1(low - high))
        if ends:
            inside = np.where(x == 0, -softplus(-high), inside)
            inside = np.where(x == settings["levels"] - 1, -softplus(low), inside)
        return {"value": inside.sum(axis=1)}

    return results


def _density(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    u = (arrays["x"] - arrays["mean"]) * np.exp(-arrays["log_scale"])
    return {"value": (-softplus(u) - softplus(-u) - arrays["log_scale"]).sum(axis=1)}


CONTINUOUS_BERNOULLI = Term(
    says="Σ_d (x η − A(η)), A(η) = log((e^η − 1)/η), for x in [0, 1]",
    source="Loaiza-Ganem & Cunningham 2019, section 3",
    takes={"logits": "B D", "x": "B D"},
    gives={"value": "B"},
    right=right_continuous,
    constants=("x",),
    faults=(
        Fault(
            "normalizer_missing",
            _bernoulli(lambda eta: 0.0),
            "this is a Bernoulli's log-probability, which is no density on [0, 1]: add the logarithm of the "
            "normalizer C(λ) of each entry",
        ),
        Fault(
            "normalizer_sign",
            _bernoulli(lambda eta: -_log_normalizer(eta).sum(axis=1)),
            "log C(λ) is subtracted: add it to log p(x)",
        ),
        Fault(
            "normalizer_averaged_over_entries",
            _bernoulli(lambda eta: _log_normalizer(eta).mean(axis=1)),
            "log C(λ) is averaged over entries, beside terms that are summed: sum it",
        ),
        Fault(
            "normalizer_constant",
            _bernoulli(lambda eta: eta.shape[1] * np.log(2.0)),
            "log C(λ) is log 2 for each entry, which holds at λ = ½ only: let it depend on λ",
        ),
    ),
)
DISCRETIZED_LOGISTIC = Term(
    says="Σ_d log(σ((x + ½ − m)/s) − σ((x − ½ − m)/s)), with the tails at the first and the last level",
    source="Salimans et al. 2017, section 2.1",
    takes={"mean": "B D", "log_scale": "B D", "x": "B D"},
    gives={"value": "B"},
    right=right_discretized,
    settings={"levels": Setting(256, partial(require_count, low=2))},
    constants=("x",),
    faults=(
        Fault(
            "edge_mass_lost",
            _interval(0.5, 0.5, False),
            "the first and the last level lack their tails, and the probabilities sum to less than 1: let "
            "the "
            "first interval begin at −∞ and the last one end at ∞",
        ),
        Fault(
            "interval_twice_as_wide",
            _interval(1.0, 1.0, True),
            "the interval is from x − 1 to x + 1: its half width is half a level",
        ),
        Fault(
            "interval_beside_the_level",
            _interval(0.0, 1.0, True),
            "the interval begins at x: it should be from x − ½ to x + ½",
        ),
        Fault(
            "density_for_probability",
            _density,
            "this is the logistic density at x: take the difference of the distribution function at x ± ½",
        ),
    ),
)
