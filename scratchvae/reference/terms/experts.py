"""A product of Gaussian experts, some of them missing, and means weighed by something else."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian_product
from scratchvae.reference.terms.term import Arrays, Fault, Results, Slopes, Term


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """N(0, I) times each present expert, one after the other, by `gaussian_product.product`."""
    means, log_vars = arrays["means"], arrays["log_vars"]
    mean, log_var = np.zeros_like(means[0]), np.zeros_like(means[0])
    for its_mean, its_log_var, here in zip(means, log_vars, _present(arrays), strict=True):
        (both_mean, both_log_var), _ = gaussian_product.product(mean, log_var, its_mean, its_log_var)
        mean, log_var = np.where(here, both_mean, mean), np.where(here, both_log_var, log_var)
    return {"mean": mean, "log_var": log_var}, lambda dvalue: {}


def _present(arrays: Arrays) -> Array:
    """1 for each expert (M, B, 1) that is there for an example, 0 for each that is missing."""
    present = arrays.get("present")
    return np.ones((*arrays["means"].shape[:2], 1)) if present is None else (present != 0)[:, :, None]


def _product(arrays: Arrays, of_prior: float, of_missing: float) -> Results:
    here = _present(arrays)
    precisions = np.where(here, np.exp(-arrays["log_vars"]), of_missing)
    total = of_prior + precisions.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (np.where(here, arrays["means"], 0) * precisions).sum(axis=0) / total
        return {"mean": mean, "log_var": -np.log(total)}


def _missing_counted(arrays: Arrays, settings: Mapping[str, Any]) -> Results | None:
    return None if _present(arrays).all() else _product(arrays, 1.0, 1.0)


def _weighed_by_variances(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    found, here = _product(arrays, 1.0, 0.0), _present(arrays)
    variances = np.where(here, np.exp(arrays["log_vars"]), 0)
    return found | {
        "mean": (np.where(here, arrays["means"], 0) * variances).sum(axis=0) / (1 + variances.sum(axis=0))
    }


def _averaged(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    here = _present(arrays)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, variance = (
            np.where(here, numbers, 0).sum(axis=0) / here.sum(axis=0)
            for numbers in (arrays["means"], np.exp(arrays["log_vars"]))
        )
        return {"mean": mean, "log_var": np.log(variance)}


def _deviations(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    return _product(dict(arrays) | {"log_vars": arrays["log_vars"] / 2}, 1.0, 0.0)


PRODUCT_OF_EXPERTS = Term(
    says="N(0, I) times the product of the experts that are there: 1/s² = 1 + Σ_m 1/σ_m², "
    "mean = s² Σ_m μ_m/σ_m²; a missing expert has the precision 0",
    source="Wu & Goodman 2018, section 2.2",
    takes={"means": "M B Z", "log_vars": "M B Z", "present": "M B"},
    gives={"mean": "B Z", "log_var": "B Z"},
    right=right,
    optional=("present",),
    constants=("means", "log_vars", "present"),
    faults=(
        Fault(
            "missing_expert_counts_as_standard_normal",
            _missing_counted,
            "a missing expert counts as N(0, I), with the precision 1: give it the precision 0",
        ),
        Fault(
            "prior_expert_left_out",
            lambda arrays, settings: _product(arrays, 0.0, 0.0),
            "the prior is no factor of the product: add its precision, 1",
        ),
        Fault(
            "means_weighed_by_variances",
            _weighed_by_variances,
            "the means are weighed by their variances: weigh them by their precisions, 1/σ²",
        ),
        Fault(
            "experts_averaged",
            _averaged,
            "means and variances are averaged: add up precisions, and weigh the means by them",
        ),
        Fault(
            "precisions_are_inverse_deviations",
            _deviations,
            "the precisions are 1/σ: they should be 1/σ², exp(−log σ²)",
        ),
    ),
)
