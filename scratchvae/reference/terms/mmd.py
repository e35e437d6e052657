"""The MMD of codes from draws of the prior: its two estimators, and wrong denominators."""

from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, require_choice, require_positive
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION
from scratchvae.objectives import Mmd, Pass
from scratchvae.objectives.discrepancy import KERNELS
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.terms.term import Arrays, Fault, Results, Setting, Slopes, Term


def right(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """The value of `Mmd` for the codes and the draws that are given."""
    z, prior = arrays["z"], arrays["prior"]
    n, Z = z.shape
    model = SimpleNamespace(posterior=DiagonalGaussian(Z), prior=StandardGaussian(Z))
    penalty = Mmd(1.0, settings["kernel"], settings["estimator"], settings["width"] / Z)
    one = Pass(np.zeros((n, 1), z.dtype), np.zeros((n, 2 * Z), z.dtype), z)
    value, pullback = penalty(model, Batch(z), one, prior, mode=EVALUATION)
    return {"value": value}, lambda dvalue: {"z": pullback(dvalue)["dz"]}


def _sums(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Array, Array, Array, int, int]:
    """Σ k(z_i, z_j) and Σ k(p_i, p_j) over i ≠ j, Σ k(z_i, p_j), and the numbers n of z and m of p."""
    z, p = arrays["z"], arrays["prior"]

    def kernel(a: Array, b: Array) -> Array:
        squares = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        if settings["kernel"] == "gaussian":
            return np.exp(-squares / (2 * settings["width"]))
        return 2 * settings["width"] / (2 * settings["width"] + squares)

    n, m = len(z), len(p)
    return kernel(z, z).sum() - n, kernel(p, p).sum() - m, kernel(z, p).sum(), n, m


def _unbiased(arrays: Arrays, settings: Mapping[str, Any], cross: float) -> Results:
    within, of_prior, between, n, m = _sums(arrays, settings)
    return {"value": within / (n * (n - 1)) + of_prior / (m * (m - 1)) + cross * between / (n * m)}


def _one_less(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    within, of_prior, between, n, m = _sums(arrays, settings)
    return {"value": within / (n - 1) + of_prior / (m - 1) - 2 * between / (n * m)}


def _with_diagonal(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    within, of_prior, between, n, m = _sums(arrays, settings)
    return {"value": (within + n) / (n * (n - 1)) + (of_prior + m) / (m * (m - 1)) - 2 * between / (n * m)}


def _all_pairs(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    within, of_prior, between, n, m = _sums(arrays, settings)
    return {"value": (within + n) / n**2 + (of_prior + m) / m**2 - 2 * between / (n * m)}


def _without_diagonal_over_all(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    within, of_prior, between, n, m = _sums(arrays, settings)
    return {"value": within / n**2 + of_prior / m**2 - 2 * between / (n * m)}


MMD = Term(
    says="E[k(z, z′)] + E[k(p, p′)] − 2 E[k(z, p)], with means over pairs of different codes (estimator u) "
    "or "
    "over all pairs (v)",
    source="Gretton et al. 2012, section 2",
    takes={"z": "N Z", "prior": "M Z"},
    gives={"value": ""},
    right=right,
    settings={
        "kernel": Setting("gaussian", partial(require_choice, known=KERNELS)),
        "estimator": Setting("u", partial(require_choice, known=("u", "v"))),
        "width": Setting(1.0, require_positive),  # γ²
    },
    constants=("prior",),
    faults=(
        Fault(
            "mmd_divided_by_n_minus_1",
            _one_less,
            "the sums over pairs are divided by n − 1: there are n(n − 1) pairs of different codes",
        ),
        Fault(
            "mmd_cross_sign",
            lambda arrays, settings: _unbiased(arrays, settings, 2.0),
            "the mean of k(z, p) is added: subtract it twice",
        ),
        Fault(
            "mmd_cross_not_doubled",
            lambda arrays, settings: _unbiased(arrays, settings, -1.0),
            "the mean of k(z, p) is subtracted once: subtract it twice",
        ),
        Fault(
            "mmd_diagonal_kept",
            _with_diagonal,
            "each point's kernel with itself is in a sum that is divided by n(n − 1): leave the diagonal out",
        ),
        Fault(
            "mmd_diagonal_lost",
            _without_diagonal_over_all,
            "sums over pairs of different codes are divided by n²: divide them by n(n − 1)",
        ),
        Fault(
            "mmd_over_all_pairs",
            lambda arrays, settings: None if settings["estimator"] == "v" else _all_pairs(arrays, settings),
            'the means are over all pairs, which is the estimator "v": say estimator="v", or leave the '
            "diagonals out",
        ),
        Fault(
            "mmd_over_different_pairs",
            lambda arrays, settings: (
                None if settings["estimator"] == "u" else _unbiased(arrays, settings, -2.0)
            ),
            'the means are over pairs of different codes, which is the estimator "u": say estimator="u", or '
            "keep the diagonals and divide by n²",
        ),
    ),
)
