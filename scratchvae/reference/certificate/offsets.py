"""What the certificate tries of all that normalizes: offsets common to the logits of all classes, and far components.

An offset changes neither a probability nor a gradient, and must not cost digits of them either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array
from scratchvae.distributions import categorical, mixture, multinomial
from scratchvae.reference.certificate.certify import Trial
from scratchvae.reference.certificate.oracles import DISTRIBUTIONS, categorical_log, log_sum_exp, mathematics

CLASSES = {
    "ordinary": np.array([[0.3, -1.2, 2.0], [1.0, 1.0, 1.0]]),
    "10⁴ and more": 1e4 + np.array([[0.0, 1.0, 2.0], [0.5, 0.25, -1.0]]),
    "−10⁴ and more": -1e4 + np.array([[0.0, 1.0, 2.0], [0.5, 0.25, -1.0]]),
    "10³⁰ each": np.full((2, 3), 1e30),
    "from −10⁴ to 10⁴": np.array([[-1e4, 1e4, 5.0], [1e4, 1e4, -1e4]]),
}
COUNTS = np.array([[0.0, 3, 1], [2, 2, 1]])
CANCEL = "gradients of several entries cancel"
NORMALIZING: dict[str, tuple[Callable[..., Any], Callable[[Array], Array], str]] = {
    "ops.log_softmax": (ops.log_softmax, categorical_log, CANCEL),
    "ops.log_sum_exp": (ops.log_sum_exp, lambda x: log_sum_exp(x, -1), ""),
    "ops.softmax": (ops.softmax, lambda x: mathematics().exp(categorical_log(x)), CANCEL),
}


def all_trials() -> list[Trial]:
    """The ops and the laws by logits, and mixtures whose components are narrow, wide or far from z."""
    return [trial for kind, logits in CLASSES.items() for trial in _of_classes(kind, logits)] + _mixtures()


def _of_classes(kind: str, logits: Array) -> list[Trial]:
    trials = [
        Trial(f"{name}: {kind}", op, oracle, {"x": logits}, floor=1.0 if why else 0.0, why=why, digits=120)
        for name, (op, oracle, why) in NORMALIZING.items()
    ]
    x = {"x": np.array([[0, 1], [2, 0]])}
    each = {"logits": np.stack([logits, logits[::-1]], axis=1)}
    return [
        *trials,
        _trial(
            f"categorical.log_prob: all classes, {kind}", categorical.log_prob, each, x, 1.0, "1 − p cancels where p is near 1"
        ),
        _trial(f"categorical.entropy: all classes, {kind}", categorical.entropy, each, {}, 1.0, "log p + H cancel"),
        _trial(
            f"multinomial.log_prob: all classes, {kind}", multinomial.log_prob, {"logits": logits}, {"x": COUNTS}, 5.0, CANCEL
        ),
    ]


def _mixtures() -> list[Trial]:
    rng = np.random.default_rng(0)
    z, means, ordinary = (rng.standard_normal((3, 2)) for _ in range(3))
    rows = {
        **{f"all weights, {kind}": (logits[0], z, ordinary) for kind, logits in CLASSES.items()},
        "far from all components": (ordinary[:, 0], z + 20, 0 * ordinary),
        "σ² from e⁻⁸⁰ to e⁸⁰": (ordinary[:, 0], z, np.array([[-80.0, -80], [80, 80], [-80, 80]])),
    }
    return [
        _trial(
            f"mixture.log_prob: {kind}",
            mixture.log_prob,
            {"z": z, "logits": logits, "means": means, "log_vars": log_vars},
            {},
            float(1 + np.abs(z).max()),
            "responsibilities and weights cancel",
        )
        for kind, (logits, z, log_vars) in rows.items()
    ]


def _trial(
    name: str, op: Callable[..., Any], arrays: dict[str, Array], constants: dict[str, Array], floor: float, why: str
) -> Trial:
    return Trial(name, op, DISTRIBUTIONS[name.partition(":")[0]], arrays, constants, floor=floor, why=why, digits=120)
