"""Divergences between gamma laws, between Dirichlet laws, and between beta laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import beta, dirichlet, gamma
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.inputs import B, D
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.part import Inputs, Part, part_of

SHAPES = {"shape": normal(B, D, seed=1), "other": normal(B, D, seed=2)}
RATES = {"rate": normal(B, D, seed=3), "other": normal(B, D, seed=4)}
GAMMA = {
    "log_shape": SHAPES["shape"],
    "log_rate": RATES["rate"],
    "other_log_shape": SHAPES["other"],
    "other_log_rate": RATES["other"],
}
BETA = {
    "log_a": SHAPES["shape"],
    "log_b": RATES["rate"],
    "other_log_a": SHAPES["other"],
    "other_log_b": RATES["other"],
}


def parts() -> list[Part]:
    """Return the three divergences."""
    return [
        part_of(gamma.kl, GAMMA, oracle=_gamma, tried=_tried_gamma(), torch=_torch_gamma),
        part_of(
            dirichlet.kl,
            {"log_alpha": SHAPES["shape"], "other_log_alpha": SHAPES["other"]},
            oracle=_dirichlet,
            tried=_tried_dirichlet(),
            torch=lambda torch, log_alpha, other: torch.distributions.kl_divergence(
                torch.distributions.Dirichlet(log_alpha.exp()), torch.distributions.Dirichlet(other.exp())
            ),
        ),
        part_of(
            beta.kl,
            BETA,
            oracle=_beta,
            tried=[
                Inputs("ordinary", BETA, floor=1.0, why="gradients of two shapes cancel"),
                Inputs(
                    "shapes from 10⁻⁸ to 10⁸",
                    dict(
                        zip(
                            BETA,
                            np.log([[[1e-8, 1e8]], [[3.0, 2e8]], [[2e-8, 1.5e8]], [[0.5, 3e8]]]),
                            strict=True,
                        )
                    ),
                    floor=1.0,
                    why="slopes of 10⁸ and more cancel",
                    digits=120,
                ),
            ],
            torch=lambda torch, a, b, c, d: torch.distributions.kl_divergence(
                torch.distributions.Beta(a.exp(), b.exp()), torch.distributions.Beta(c.exp(), d.exp())
            ).sum(1),
        ),
    ]


def _tried_gamma() -> list[Inputs]:
    """Try shapes from 10⁻⁸ to 10⁸, beside laws that are far away, near, and nearly the same.

    An event is one entry.
    """
    found = [Inputs("ordinary", GAMMA, floor=1.0, why="slopes of several parts cancel")]
    shape = np.log([1e-8, 1e-3, 0.7, 9.0, 1e3, 1e8])[:, None]
    for kind, moved in {
        "near": 1e-6,
        "half as large": -np.log(2),
        "ten times": np.log(10),
        "10⁻⁵ of it": np.log(1e-5),
    }.items():
        law = {"log_shape": shape, "log_rate": 0.3 + 0 * shape, "other_log_shape": shape + moved}
        same_mean = {**law, "other_log_rate": 0.3 + 0.9 * moved + 0 * shape}
        found.append(Inputs(kind, same_mean, digits=120))
    return found


def _tried_dirichlet() -> list[Inputs]:
    """Try α and β with sums from 10⁻⁸ to 10⁹, some of them in proportion.

    The first terms cancel where they are in proportion.
    """
    of = {
        "ordinary": (SHAPES["shape"], SHAPES["other"], 1.0),
        "tiny": (np.log([[1e-8, 3e-8, 2e-8]]), np.log([[2e-8, 5e-8, 1e-8]]), 0.0),
        "large": (np.log([[1e8, 3e8, 2e8]]), np.log([[1.1e8, 2.9e8, 2e8]]), 1e7),
        "large, in proportion": (np.log([[1e8, 3e8, 2e8]]), np.log([[1e8, 3e8, 2e8]]) + 0.7, 0.0),
        "mixed": (np.log([[1e-8, 1.0, 1e8]]), np.log([[1e-6, 10.0, 2e8]]), 1e8),
    }
    why = "slopes of 10⁷ and more cancel"
    return [
        Inputs(
            kind, {"log_alpha": a, "other_log_alpha": b}, floor=floor, why=why if floor else "", digits=120
        )
        for kind, (a, b, floor) in of.items()
    ]


def _digamma(x: Array) -> Array:
    import mpmath

    return np.asarray(np.frompyfunc(mpmath.digamma, 1, 1)(x), object)


def _gamma(log_shape: Array, log_rate: Array, other_log_shape: Array, other_log_rate: Array) -> Array:
    m = mathematics()
    a, b, c, d = (m.exp(v) for v in (log_shape, log_rate, other_log_shape, other_log_rate))
    kl = (
        (a - c) * _digamma(a)
        - m.loggamma(a)
        + m.loggamma(c)
        + c * (log_rate - other_log_rate)
        + a * (d - b) / b
    )
    return kl.sum(axis=1)


def _dirichlet(log_alpha: Array, other_log_alpha: Array) -> Array:
    m = mathematics()
    a, b = m.exp(log_alpha), m.exp(other_log_alpha)
    constant = (
        m.loggamma(a.sum(axis=1)) - m.loggamma(b.sum(axis=1)) - (m.loggamma(a) - m.loggamma(b)).sum(axis=1)
    )
    return constant + ((a - b) * (_digamma(a) - _digamma(a.sum(axis=1))[:, None])).sum(axis=1)


def _beta(log_a: Array, log_b: Array, other_log_a: Array, other_log_b: Array) -> Array:
    entries = range(log_a.shape[1])
    pairs = [
        (np.stack([log_a[:, d], log_b[:, d]], 1), np.stack([other_log_a[:, d], other_log_b[:, d]], 1))
        for d in entries
    ]
    found: Array = np.sum([_dirichlet(*pair) for pair in pairs], axis=0)
    return found


def _torch_gamma(torch: Any, *logarithms: Any) -> Any:
    shape, rate, other_shape, other_rate = (v.exp() for v in logarithms)
    law = torch.distributions.Gamma
    return torch.distributions.kl_divergence(law(shape, rate), law(other_shape, other_rate)).sum(1)
