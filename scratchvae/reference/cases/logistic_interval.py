"""The op that gives the probability of an interval of the logistic law."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.reference.cases.case import Case, normal
from scratchvae.reference.cases.mathematics import mathematics, softplus
from scratchvae.reference.cases.part import Inputs, Part


def parts() -> list[Part]:
    """Return the op, of three numbers an entry, which need not agree; widths lie on both sides of log 2."""
    arrays = {
        "low": normal(3, 4, scale=2.0),
        "high": normal(3, 4, seed=1, scale=2.0),
        "log_width": normal(3, 4, seed=2),
    }
    case = Case("logistic_interval", ops.logistic_interval, arrays)
    return [
        Part(
            "logistic_interval",
            ops.logistic_interval,
            [case],
            oracle=_interval,
            tried=_tried(),
            torch=_torch_interval,
        )
    ]


def _interval(low: Array, high: Array, log_width: Array) -> Array:
    m = mathematics()
    return m.log(1 - m.exp(-m.exp(log_width))) - softplus(-high) - softplus(low)


def _tried() -> list[Inputs]:
    """Try widths from e⁻⁸⁰ to e⁷, on both sides of log 2, at points near, far and infinitely far."""
    widths = np.array([-80.0, -1.0, -0.37, -0.36, 1.0, 4.5])
    points, ends = np.array([-40.0, -3.0, -1e-5, 0.7, 2.0, 40.0]), np.array([-np.inf, np.inf])
    rows = {
        "each branch": ({"low": points, "high": points[::-1].copy(), "log_width": widths}, 120),
        "equal ends": ({"low": points, "high": points, "log_width": widths[::-1].copy()}, 120),
        "far out": ({"low": np.array([710.0]), "high": np.array([1e4]), "log_width": np.array([7.0])}, 700),
        "underflowing width": (
            {"low": np.array([0.3]), "high": np.array([0.3]), "log_width": np.array([-1e3])},
            1000,
        ),
        "tail": ({"low": ends[:1], "high": np.array([0.3]), "log_width": ends[1:]}, 60),
    }
    return [Inputs(kind, arrays, digits=digits) for kind, (arrays, digits) in rows.items()]


def _torch_interval(torch: Any, low: Any, high: Any, log_width: Any) -> Any:
    of_ends = torch.nn.functional.logsigmoid(high) + torch.nn.functional.logsigmoid(-low)
    return of_ends + torch.log1p(-torch.exp(-torch.exp(log_width)))
