"""The product of Gaussian experts."""

from __future__ import annotations

from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian
from scratchvae.reference.cases.case import normal
from scratchvae.reference.cases.mathematics import mathematics
from scratchvae.reference.cases.part import Inputs, Part, part_of

EXPERTS = {"means": normal(3, 2, 4, seed=1), "log_vars": normal(3, 2, 4, seed=2)}
PRESENT = np.array([[1, 0], [1, 1], [0, 0]])


def parts() -> list[Part]:
    """Return the function with every expert, and with some missing."""
    wide = {"means": normal(3, 2, 4, seed=1), "log_vars": np.linspace(-80, 80, 24).reshape(3, 2, 4)}
    why = "means and log σ² of several experts cancel"
    return [
        part_of(
            gaussian.product_of_experts,
            EXPERTS,
            more={"some missing": (EXPERTS, {"present": PRESENT})},
            oracle=_product,
            tried=[
                Inputs("ordinary", EXPERTS, {"present": PRESENT}, floor=1.0, why=why),
                Inputs("σ² from e⁻⁸⁰ to e⁸⁰", wide, floor=1.0, why=why, digits=120),
            ],
            torch=_torch_product,
        )
    ]


def _product(means: Array, log_vars: Array, present: Array | None = None) -> tuple[Array, Array]:
    m = mathematics()
    counted = np.ones(means.shape[:2], int) if present is None else present
    precision = m.exp(-log_vars) * counted[:, :, None]
    total = 1 + precision.sum(axis=1)
    return (precision * means).sum(axis=1) / total, -m.log(total)


def _torch_product(torch: Any, means: Any, log_vars: Any, *, present: Any = None) -> Any:
    precision = torch.exp(-log_vars) * (1.0 if present is None else present[:, :, None])
    total = 1 + precision.sum(1)
    return (precision * means).sum(1) / total, -torch.log(total)
