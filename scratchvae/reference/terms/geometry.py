"""A planar step's corrected vector, and the slope of a von Mises-Fisher law's mean, with their faults."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.distributions import von_mises_fisher
from scratchvae.flows import planar
from scratchvae.reference.terms.term import Arrays, Fault, Results, Setting, Slopes, Term, softplus

NODES = 400  # of the quadrature over w = cos θ
FAR = 40.0  # tanh(40) is 1


def right_planar(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """û, which is what a planar step adds to 0 where the tanh is 1."""
    w, u = arrays["w"], arrays["u"]
    (u_hat, _), _ = planar.forward(np.zeros_like(w), w, u, np.full((len(w), 1), FAR, w.dtype))
    return {"u_hat": u_hat}, lambda dvalue: {}


def _corrected(power: float, along: str) -> Any:
    """û = u + (m(s) − s) a/|a|^power with s = wᵀu, m(s) = log(1 + eˢ) − 1, and a = w or u."""

    def results(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
        w, u = arrays["w"], arrays["u"]
        s, a = (w * u).sum(axis=1), arrays[along]
        norm = (a * a).sum(axis=1) ** (power / 2)
        return {"u_hat": u + ((softplus(-s) - 1) / norm)[:, None] * a}

    return results


def right_cosine(arrays: Arrays, settings: Mapping[str, Any]) -> tuple[Results, Slopes]:
    """A(κ) = E[μᵀx], by `von_mises_fisher.expectation`."""
    kappa, dim = arrays["kappa"], settings["dim"]
    if not (kappa > 0).all():
        raise InputError(f"diagnose_term: kappa should be positive, found {kappa.min():.4g}")
    mean = np.zeros((len(kappa), dim), kappa.dtype)
    mean[:, 0] = 1
    expected, pullback = von_mises_fisher.expectation(mean, np.log(kappa))

    def slopes(dvalue: Array) -> dict[str, Array]:
        _, dlog_kappa = pullback(dvalue[:, None] * mean)
        return {"kappa": dlog_kappa / kappa}

    return {"value": expected[:, 0]}, slopes


def _without_correction(arrays: Arrays, settings: Mapping[str, Any]) -> Results:
    """The mean slope of w = (1 − (1 + b)ε)/(1 − (1 − b)ε) by κ at accepted ε, without the law's own change.

    The law of w = cos θ has the density e^(κw) (1 − w²)^((D − 3)/2), whose integrals are by Gauss and
    Legendre over θ. b is (√(4κ² + (D − 1)²) − 2κ)/(D − 1). Davidson et al. 2018, appendix D.
    """
    kappa, m = np.atleast_1d(arrays["kappa"].real)[:, None], settings["dim"] - 1
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    theta = (nodes + 1) * np.pi / 2
    w = np.cos(theta)
    mass = weights * np.exp(kappa * (w - 1)) * np.sin(theta) ** (m - 1)
    mass = mass / mass.sum(axis=1, keepdims=True)
    root = np.sqrt(4 * kappa**2 + m**2)
    b, db = (root - 2 * kappa) / m, (4 * kappa / root - 2) / m
    epsilon = (1 - w) / (1 + b - (1 - b) * w)
    slope = -2 * epsilon * (1 - epsilon) / (1 - (1 - b) * epsilon) ** 2 * db
    # the slope of each example's own value
    return {"value": (mass * w).sum(axis=1), "d_kappa": (mass * slope).sum(axis=1)}


PLANAR_STEP = Term(
    says="û = u + (log(1 + e^(wᵀu)) − 1 − wᵀu) w/|w|², for which wᵀû ≥ −1",
    source="Rezende & Mohamed 2015, appendix A.1",
    takes={"w": "B Z", "u": "B Z"},
    gives={"u_hat": "B Z"},
    right=right_planar,
    constants=("w", "u"),
    faults=(
        Fault(
            "planar_divided_by_norm",
            _corrected(1, "w"),
            "the correction along w is divided by |w|: divide it by |w|²",
        ),
        Fault(
            "planar_not_divided",
            _corrected(0, "w"),
            "the correction along w is not divided by |w|²: divide it",
        ),
        Fault(
            "planar_constraint_missing",
            lambda arrays, settings: {"u_hat": arrays["u"]},
            "u is used as it is, and the step has no inverse where wᵀu < −1: correct it",
        ),
        Fault(
            "planar_corrected_along_u",
            _corrected(2, "u"),
            "the correction is along u: add it along w, divided by |w|²",
        ),
    ),
)
EXPECTED_COSINE = Term(
    says="A(κ) = E[μᵀx], whose slope is 1 − A² − (D − 1) A/κ",
    source="Davidson et al. 2018, appendices A and D",
    takes={"kappa": "B"},
    gives={"value": "B"},
    right=right_cosine,
    settings={"dim": Setting(3, partial(require_count, low=2))},
    faults=(
        Fault(
            "rejection_correction_missing",
            _without_correction,
            "the slope lacks the correction for the rejected draws, whose number depends on κ: add E[w ∂log "
            "p/∂κ] of the accepted law, or draw by the inverse distribution function",
        ),
    ),
)
