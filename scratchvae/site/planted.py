"""Every mistake of the catalogue is one wrong line of a small step, whose arrays `diagnose` is given.

A step is a few lines of NumPy under their names, and a plant replaces one of them: what the page shows is
what is run. The gradients of a step come from complex steps, ∂f/∂a = Im f(a + ih)/h with h = 1e-30 (Squire &
Trapp 1998), and are exact to rounding. What a framework detaches is the real part here, which no complex step
moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference import Report, diagnose

B, D, Z, K = 8, 7, 3, 4
TINY = 1e-30


def _maximum(a: Array, floor: float) -> Array:
    return np.where(np.real(a) > floor, a, floor)


def _largest(a: Array) -> Array:
    return a * (np.real(a) == np.real(a).max(axis=1, keepdims=True))


def _log_sum_exp(a: Array, axis: int = 1) -> Array:
    top = np.real(a).max(axis=axis, keepdims=True)
    return top.squeeze(axis) + np.log(np.exp(a - top).sum(axis=axis))


def _absolute(a: Array) -> Array:
    return a * np.sign(np.real(a))


NAMES: dict[str, Any] = {
    "np": np, "B": B, "D": D, "Z": Z, "K": K, "beta": 4.0, "free_bits": 0.5, "variance": 0.3,
    "detach": np.real, "absolute": _absolute, "maximum": _maximum, "largest": _largest,
    "log_sum_exp": _log_sum_exp,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "redrawn": np.random.default_rng(1).normal(size=(B, Z)),
    "share": lambda w: np.exp(w - _log_sum_exp(w)[:, None]),
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """Lines that make inputs, lines that follow from them, what `diagnose` is given, and which gradients.

    `gives` has quantities of `diagnose` by name, each with the expression that it is. `by` has arrays by
    which the number `of` is differentiated, each with the name that its gradient has.
    """

    inputs: Mapping[str, str]
    lines: Mapping[str, str]
    gives: Mapping[str, str]
    of: str
    by: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def report(
        self, changed: Mapping[str, str], settings: Mapping[str, Any], *, gradients: bool = True
    ) -> Report:
        """Return what `diagnose` says of the step with these lines changed."""
        rng = np.random.default_rng(0)
        held: dict[str, Any] = {}
        for name, line in self.inputs.items():
            held[name] = _value(changed.get(name, line), held | {"rng": rng})
        found = self._run(held, changed)
        given = {name: np.real(_value(expression, found)) for name, expression in self.gives.items()}
        if gradients:
            for name, called in self.by.items():
                given[called] = self._gradient(held, changed, name)
        return diagnose(given, **(dict(self.settings) | dict(settings)))

    def _run(
        self, held: Mapping[str, Any], changed: Mapping[str, str], moved: tuple[str, Array] | None = None
    ) -> dict[str, Any]:
        found = (
            dict(held)
            if moved is None or moved[0] not in held
            else {**held, moved[0]: held[moved[0]] + moved[1]}
        )
        for name, line in self.lines.items():
            found[name] = _value(changed.get(name, line), found)
            if moved is not None and moved[0] == name:
                found[name] = found[name] + moved[1]
        return found

    def _gradient(self, held: Mapping[str, Any], changed: Mapping[str, str], name: str) -> Array:
        shape = np.shape(self._run(held, changed)[name])
        slopes = np.empty(shape)
        for index in np.ndindex(*shape):
            nudge = np.zeros(shape, complex)
            nudge[index] = TINY * 1j
            slopes[index] = np.imag(_value(self.of, self._run(held, changed, (name, nudge)))) / TINY
        return slopes


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<plant>", "eval")


def _value(expression: str, names: Mapping[str, Any]) -> Any:
    return eval(_compiled(expression), NAMES | dict(names))  # the lines are the site's own


KL = "0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)"
STEP = Step(
    inputs={
        "x": "(rng.random((B, D)) < 0.4) * 1.0",
        "mean": "0.7 * rng.normal(size=(B, Z))",
        "log_var": "0.7 * rng.normal(size=(B, Z))",
        "noise": "rng.normal(size=(B, Z))",
        "W": "rng.normal(size=(Z, D))",
    },
    lines={
        "z": "mean + np.exp(log_var / 2) * noise",
        "logits": "z @ W",
        "R": "np.log(1 + np.exp(logits)) - x * logits",
        "kl": KL,
        "loss": "(R.sum() + kl.sum()) / B",
    },
    gives={
        "x": "x", "noise": "noise", "mean": "mean", "log_var": "log_var", "z": "z", "logits": "logits",
        "reconstruction": "R.sum(axis=1)", "kl": "kl.sum(axis=1)", "loss": "loss",
    },
    of="loss",
    by={"mean": "d_mean", "log_var": "d_log_var", "z": "d_z", "logits": "d_logits"},
)  # fmt: skip
GAUSSIAN = Step(
    inputs={**STEP.inputs, "x": "rng.normal(size=(B, D))"},
    lines={
        "z": STEP.lines["z"],
        "x_mean": "z @ W",
        "R": "0.5 * (x - x_mean)**2 / variance + 0.5 * np.log(2 * np.pi * variance)",
        "kl": KL,
        "loss": STEP.lines["loss"],
    },
    gives={**{name: of for name, of in STEP.gives.items() if name != "logits"}, "x_mean": "x_mean"},
    of="loss",
    by={"mean": "d_mean", "log_var": "d_log_var", "z": "d_z", "x_mean": "d_x_mean"},
    settings={"likelihood": "gaussian", "variance": 0.3},
)
OWN_SIGMA = Step(
    inputs={
        "x": "rng.normal(size=(B, D))",
        "x_mean": "rng.normal(size=(B, D))",
        "x_log_var": "rng.uniform(0.3, 1.5, (B, D))",
    },
    lines={
        "R": "0.5 * (x - x_mean)**2 / np.exp(x_log_var) + 0.5 * x_log_var + 0.5 * np.log(2 * np.pi)",
        "loss": "R.sum() / B",
    },
    gives={"x": "x", "x_mean": "x_mean", "x_log_var": "x_log_var", "reconstruction": "R.sum(axis=1)"},
    of="loss",
    by={"x_mean": "d_x_mean", "x_log_var": "d_x_log_var"},
    settings={"likelihood": "gaussian"},
)
MASKED = Step(
    inputs={
        "x": STEP.inputs["x"],
        "mask": "(rng.random((B, D)) < 0.7) * 1.0",
        "logits": "rng.normal(size=(B, D))",
    },
    lines={"R": "(np.log(1 + np.exp(logits)) - x * logits) * mask", "loss": "R.sum() / B"},
    gives={"x": "x", "mask": "mask", "logits": "logits", "reconstruction": "R.sum(axis=1)"},
    of="loss",
    by={},
)
DRAWS = Step(
    inputs={
        "x": STEP.inputs["x"],
        "noise": "rng.normal(size=(B, K, Z))",
        "mean": "rng.normal(size=(B, 1, Z))",
        "log_var": "rng.uniform(0.3, 1.5, (B, 1, Z))",
        "W": "rng.normal(size=(Z, D))",
    },
    lines={
        "std": "np.exp(log_var / 2)",
        "z": "mean + std * noise",
        "logits": "z @ W",
        "log_px": "(x[:, None] * logits - np.log(1 + np.exp(logits))).sum(axis=2)",
        "log_pz": "(-0.5 * z**2 - 0.5 * np.log(2 * np.pi)).sum(axis=2)",
        "log_q": "(-0.5 * ((z - mean) / std)**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(axis=2)",
        "log_w": "log_px + log_pz - log_q",
        "bound": "log_sum_exp(log_w) - np.log(K)",
        "loss": "-bound.sum() / bound.size",
    },
    gives={
        "x": "x", "noise": "noise", "mean": "mean[:, 0]", "log_var": "log_var[:, 0]", "z": "z",
        "logits": "logits",
        "log_px": "log_px", "log_pz": "log_pz", "log_q": "log_q", "log_w": "log_w", "loss": "loss",
    },
    of="loss",
    by={"log_w": "d_log_w"},
)  # fmt: skip


@dataclass(frozen=True)
class Plant:
    """One mistake: the step, the line that is wrong, what stands there, and what should stand there.

    The last is given only where it is not the step's own line.
    """

    name: str
    step: Step
    line: str
    wrong: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    right: str = ""
    others: Mapping[str, str] = field(default_factory=dict)  # other lines that are changed, and are right
    gradients: bool = True

    @property
    def should_be(self) -> str:
        """The right line."""
        return self.right or {**self.step.inputs, **self.step.lines}[self.line]

    def report(self) -> Report:
        """Return what `diagnose` says."""
        return self.step.report(
            {**self.others, self.line: self.wrong}, self.settings, gradients=self.gradients
        )
