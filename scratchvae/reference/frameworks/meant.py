"""What the loss of a step that was watched was meant to be, as far as its own numbers say: the settings of diagnose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node, heirs, lineage
from scratchvae.reference.frameworks.proportions import CLOSE, fitted, is_tidy, near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.terms import scaled


class Meant:
    """Weights of the parts of one loss, and which of them its author chose."""

    def __init__(
        self, arrays: dict[str, Array], roles: Roles, loss: Node, B: int, given: Mapping[str, Any], weighted: Sequence[str] = ()
    ) -> None:
        self.arrays, self.roles, self.loss, self.B, self.given = arrays, roles, loss, B, given
        self.weighted = weighted  # of the parts, those that come with their weight, as the reconstruction does
        self.notes: list[str] = []

    def settings(self, likelihood: str, a: float | None) -> list[dict[str, Any]]:
        """What may have been meant: reduction, beta, a Gaussian's variance and constants."""
        arrays, given, notes = self.arrays, self.given, self.notes
        b = self._weight_of_kl()
        each = 1.0 / self.B
        rows: list[dict[str, Any]] = []
        constants = [True, False] if likelihood != "bernoulli" else [True]
        base: dict[str, Any] = {"likelihood": likelihood}
        variance = 1.0
        if likelihood == "gaussian" and a is not None and "variance" not in given:
            variance = self._variance(a, each)
            a *= variance
        elif likelihood == "laplace" and a is not None and "variance" not in given:
            variance = 2 * self._width(a, each) ** 2
            a *= np.sqrt(variance / 2)
        if likelihood == "laplace":
            notes.append(f"the absolute error is weighed as that of a Laplace of variance {variance:.6g}: taken so")
        elif variance == 0.5:
            notes.append(
                "the squared error has no factor ½: taken as a Gaussian of σ² = ½; if σ² = 1 was meant, the KL weighs half"
            )
        elif variance != 1:
            notes.append(f"the squared error is weighed as that of a Gaussian of σ² = {variance:.6g}: taken so")
        common = self._common_factor(a, b, each)
        if common is not None and "reduction" not in given:
            for name in ("loss", "reconstruction", *self.weighted, *(n for n in arrays if n.startswith("d_") and n != "d_log_w")):
                if name in arrays:
                    arrays[name] = arrays[name] / np.asarray(common / each, arrays[name].dtype)
            notes.append(f"the whole loss is the mean over the batch × {common / each:.6g}: taken without that factor")
            a, b = (None if w is None else w * each / common for w in (a, b))
        reduction = given.get("reduction") or ("sum" if a is not None and abs(abs(a) - 1) < abs(abs(a) - each) else "mean")
        beta = given.get("beta") or self._beta(a, b)
        for c in constants:
            rows.append({**base, "variance": variance, "reduction": reduction, "beta": beta or 1.0, "constants": c})
        if beta is None:
            for number in self._numbers("kl"):
                rows.append({**rows[0], "beta": number, "constants": constants[-1]})
        if a is None and "reduction" not in given:
            rows += [{**row, "reduction": "sum"} for row in rows[:2]]
        known = {"free_bits": self._free_bits()} if "free_bits" not in given else {}
        settings = [{**row, **known, **given} for row in rows]
        if beta is not None and beta != 1 and "beta" not in given:
            notes.append(f"the KL weighs {beta:.6g}, by a number in the step: taken as beta")
        return settings

    def _weight_of_kl(self) -> float | None:
        """What the loss weighs a closed-form KL by: (d_mean − d_z) / mean."""
        arrays = self.arrays
        if "d_mean" not in arrays or self.roles.log_w is not None:
            return None
        own = arrays["d_mean"] - (arrays["d_z"].reshape(arrays["d_mean"].shape) if "d_z" in arrays else 0.0)
        scale = np.abs(arrays["d_mean"]).max()
        return fitted(own, arrays["mean"], within=max(CLOSE * float(np.abs(own).max()), 1e-5 * float(scale)))

    def _variance(self, a: float, each: float) -> float:
        """σ² of a Gaussian whose squared error the loss weighs by a: 1, ½ without a factor, or 1/a by a number in the step."""
        for c in (1.0, each):
            for v in (1.0, 0.5):
                if near(a, c / v):
                    return v
        for number in self._numbers("reconstruction"):
            for c in (1.0, each):
                for v in (number, number**2, 1 / number, 0.5 / number, 1 / number**2):
                    if v > 0 and near(a, c / v):
                        return float(v)
        return 1.0

    def _width(self, a: float, each: float) -> float:
        """b of a Laplace whose absolute error the loss weighs by a: 1, or 1/a by a number in the step."""
        for number in self._numbers("reconstruction"):
            for c in (1.0, each):
                for b in (number, 1 / number):
                    if not near(a, c) and near(a, c / b):
                        return float(b)
        return 1.0

    def _common_factor(self, a: float | None, b: float | None, each: float) -> float | None:
        """What both parts are weighed by, where that is neither 1 nor 1/B."""
        if a is None or b is None or not near(a, b) or a <= 0 or near(a, 1.0) or near(a, each):
            return None
        return a

    def _beta(self, a: float | None, b: float | None) -> float | None:
        """The KL's weight beside the reconstruction's, where it is 1 or the step's own numbers give it; 1 where it is not known
        to be meant; None where nothing is known of it."""
        if a is None or b is None:
            return None
        ratio = b / a
        if near(ratio, 1.0):
            return 1.0
        D = self.arrays["x"][0].size
        for number in self._numbers("kl"):
            for c in (number, 1 / number):
                if c > 0 and any(near(ratio, c * f) for f in (1.0, D, self.B, D * self.B)):
                    return float(ratio)
        return 1.0

    def _is_size(self, number: float) -> bool:
        """Whether the number counts examples, entries or latents."""
        arrays = self.arrays
        D, Z = arrays["x"][0].size, arrays["mean"][0].size
        sizes = {self.B, D, Z, self.B * D, self.B * Z, D * Z, self.B * D * Z}
        return any(near(abs(number), s) or near(abs(number), 1 / s) for s in sizes if s > 1)

    def _numbers(self, role: str) -> list[float]:
        """The numbers that a part of the loss is multiplied by on purpose, but for 1: such as count entries are none."""
        found: list[float] = []
        inside = {n for n in (self.roles.mean, self.roles.held, self.roles.z, self.roles.std, self.roles.output) if n}
        used = lineage([self.loss])
        for term in [t for t in self.roles.terms if t.role == role]:
            for node in lineage([term.node], inside) | (heirs(term.node, used) & used):
                if node.op in {"mul", "div"} and len(node.operands) == 2 and (one := scaled(node)) is not None:
                    counted = node.op == "div" and any(isinstance(operand, int) for operand in node.operands)
                    if not self._is_size(one[1]) or (is_tidy(one[1]) and not counted):
                        found.append(abs(one[1]))
        return [n for n in dict.fromkeys(found) if n > 0 and not near(n, 1.0) and np.isfinite(n)]

    def _free_bits(self) -> float:
        """The number below which the KL of a latent is held, where there is one."""
        used = lineage([self.loss])
        terms = [t for t in self.roles.terms if t.role == "kl"]
        for term in terms:
            for node in lineage([term.node], {n for n in (self.roles.mean, self.roles.held) if n}) & used:
                if node.op in {"clamp", "amax", "maximum"} and len(node.numbers) == 1 and node.numbers[0] > 0:
                    return float(node.numbers[0])
        return 0.0
