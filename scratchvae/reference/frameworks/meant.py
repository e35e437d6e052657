"""What the loss of a watched step was meant to be, as far as its numbers say: the settings of diagnose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.frameworks.flow import Node, heirs, lineage
from scratchvae.reference.frameworks.kl_floor import floor_of
from scratchvae.reference.frameworks.kl_over_batch import is_summed, said_of_sum
from scratchvae.reference.frameworks.plain_kl import around_formula
from scratchvae.reference.frameworks.proportions import CLOSE, fitted, is_tidy, near
from scratchvae.reference.frameworks.roles import Roles
from scratchvae.reference.frameworks.terms import scaled

WEIGHED = {
    "gaussian": "the weight of the squared error is that of a Gaussian likelihood of",
    "laplace": "the weight of the absolute error is that of a Laplace likelihood of",
}

LAWS = {"gaussian": " of a Gaussian of variance {:.6g}", "laplace": " of a Laplace of variance {:.6g}"}
HALVES = (0.5, 2.0)  # numbers of the formulas themselves, which weigh nothing


class Meant:
    """Weights of the parts of one loss, and which of them its author chose."""

    def __init__(
        self,
        arrays: dict[str, Array],
        roles: Roles,
        loss: Node,
        B: int,
        D: int,
        given: Mapping[str, Any],
        plain_kl: Node | None,
        b: float | None = None,
        doubts: list[str] | None = None,
    ) -> None:
        self.arrays, self.roles, self.loss, self.B, self.D, self.given = arrays, roles, loss, B, D, given
        self.plain_kl = plain_kl  # the node of the closed-form KL without a weight, where there is one
        self.b = b  # the KL's weight in the loss, where it is known
        self.capacity = capacity_of(roles)
        self.notes: list[str] = []
        # where what would be a mistake is entered, if a number holds no 1/B
        self.doubts = [] if doubts is None else doubts

    def settings(self, likelihood: str, a: float | None) -> list[dict[str, Any]]:
        """What may have been meant, the plainest first; `a` is the weight of −log p(x|z), if known."""
        given, b, each = self.given, self._weight_of_kl(), 1.0 / self.B
        variance = 1.0
        if a is not None and "d_log_w" in self.arrays:  # each draw's gradient is times its weight
            a *= each / float(np.abs(self.arrays["d_log_w"]).mean())
        if a is not None and "variance" not in given:
            variance = self._variance(likelihood, a, each)
            a *= {"gaussian": variance, "laplace": np.sqrt(variance / 2)}.get(likelihood, 1.0)
        if "d_log_w" in self.arrays:  # whose sum over draws is what the loss weighs an example's bound by
            a = float(np.abs(self.arrays["d_log_w"].sum(axis=1)).mean())
        beta, chosen = (given["beta"], True) if "beta" in given else self._beta(a, b)
        free = (chosen or b is None) and "reduction" not in given and self.roles.log_w is None
        if free and a is not None and a > 0 and not near(a, 1.0) and not near(a, each):
            self._unscale(a / each)
            a = each
        reduction = "sum" if a is not None and abs(abs(a) - 1) < abs(abs(a) - each) else "mean"
        row = {
            "likelihood": likelihood,
            "variance": variance,
            "reduction": reduction,
            "beta": 1.0 if beta is None else beta,
        }
        row |= {"constants": True}
        rows = [row] if likelihood == "bernoulli" else [row, {**row, "constants": False}]
        if beta is None:
            rows += [{**rows[-1], "beta": number} for number in self._numbers("kl")]
        if a is None and b is not None and near(abs(b), each / self.D):
            rows += [{**r, "beta": 1 / self.D} for r in rows[:2]]  # both parts are of one entry
        if a is None:
            rows += [{**r, "reduction": "sum"} for r in rows[:2]]
        floor, capacity = floor_of(self.roles, self.B), self.capacity
        if floor is not None:
            rows = [{**r, "free_bits": floor.bits} for r in rows] + rows
            self.notes += [] if "free_bits" in given else [floor.said]
        if capacity is not None and "capacity" not in given:
            rows = [{**r, "capacity": capacity} for r in rows if not r.get("free_bits")] + rows
            self.notes.append(
                f"the step holds the KL at {capacity:.6g} by |KL − {capacity:.6g}|, "
                "which is taken as the capacity that you meant"
            )
        if beta is not None and beta != 1 and "beta" not in given:
            of = LAWS.get(likelihood, "").format(variance)
            self.notes.append(
                f"beside −log p(x|z){of}, summed over the entries of an example, the step multiplies the KL "
                f"by {beta:.6g}, which is taken as the beta that you meant"
            )
        return [{**r, **given} for r in rows]

    def _unscale(self, factor: float) -> None:
        """Take the loss without a factor that the whole of it has."""
        weighted = ("loss", "reconstruction", *(() if self.plain_kl is not None else ("kl",)))
        for name in (*weighted, *(n for n in self.arrays if n.startswith("d_"))):
            if name in self.arrays:
                self.arrays[name] = self.arrays[name] / np.asarray(factor, self.arrays[name].dtype)
        self.notes.append(
            f"the loss is {factor:.6g} times one whose reconstruction is a mean over the batch: the report "
            "leaves that factor out"
        )

    def _weight_of_kl(self) -> float | None:
        """What the loss weighs a closed-form KL by: (d_mean − d_z) / mean."""
        arrays = self.arrays
        if self.b is not None:
            return self.b
        if "d_mean" not in arrays or self.roles.log_w is not None:
            return None
        own = arrays["d_mean"] - (arrays["d_z"].reshape(arrays["d_mean"].shape) if "d_z" in arrays else 0.0)
        scale = np.abs(arrays["d_mean"]).max()
        held = self.capacity is not None  # below C the weight is negative, of each example or of all
        within = max(CLOSE * float(np.abs(own).max()), 1e-5 * float(scale))
        found = fitted(own, arrays["mean"], rows=held, within=within)
        return abs(found) if held and found is not None else found

    def _variance(self, likelihood: str, a: float, each: float) -> float:
        """Of the Gaussian or Laplace law that the loss weighs by a, by the step's own numbers; else 1.

        A squared error without its factor ½ is that of a Gaussian of σ² = ½, an absolute error that of a
        Laplace of b = 1.
        """
        if likelihood not in WEIGHED or any(
            name.startswith("x_") and name != "x_mean" for name in self.arrays
        ):
            return 1.0
        gaussian = likelihood == "gaussian"
        plain = [1.0, 0.5] if gaussian else [2.0]
        numbers = self._numbers("reconstruction")
        chosen = [w for n in numbers for w in (n, n**2, 1 / n, 0.5 / n, n / 2, 1 / n**2)]
        # a mean over entries, weighed
        chosen += [w * self.D for n in numbers if n not in HALVES for w in (1 / n, 0.5 / n)]
        for v in [*plain, *(chosen if gaussian else [2 * w**2 for w in chosen])]:
            if any(near(a, c / (v if gaussian else np.sqrt(v / 2))) for c in (1.0, each)):
                self.notes += (
                    [f"{WEIGHED[likelihood]} variance {v:.6g}, which is taken as what you meant"]
                    if v != 1
                    else []
                )
                return float(v)
        return 1.0 if gaussian else 2.0

    def _beta(self, a: float | None, b: float | None) -> tuple[float | None, bool]:
        """The KL's weight beside the reconstruction's, and whether it is 1 or was chosen by a number.

        It is None where it is not known, and 1 where a weight was not chosen.
        """
        if a is None or b is None:
            return None, False
        ratio = b / a
        if near(ratio, 1.0):
            return 1.0, True
        by_size = [*self._sizes(), *(f * self.B for f in self._sizes())]
        own = dict.fromkeys(self._numbers("kl"), by_size)
        # a count of entries that a mean over them is multiplied by weighs nothing
        of_other = [n for n in self._numbers("reconstruction") if n not in HALVES]
        numbers = {n: (1.0, 0.5) if self._is_size(n) else by_size for n in of_other} | own
        quotients = [n / m for n in self._numbers("kl") for m in of_other]
        # where its sign is wrong, its size is what was chosen
        found = [
            (n, f)
            for n, factors in {**dict.fromkeys(quotients, (1.0,)), **numbers}.items()
            for f in factors
            if near(abs(ratio), n * f) or near(abs(ratio), f / n)
        ]
        chosen = bool(found)
        if chosen and all(is_tidy(n) and not any(near(f, s) for s in self._sizes()) for n, f in found):
            doubt = said_of_sum(found[0][0], self.B)
            known = doubt in self.doubts or not is_summed(self.roles, self.loss, self.B)
            self.doubts += [] if known else [doubt]
        return (float(abs(ratio)), True) if chosen else (1.0, False)

    def _sizes(self) -> list[float]:
        """What a weight of the KL is times, where a part is a mean over the entries or latents that it is of.

        The KL of maps and sequences may be a mean over positions alone. ½ is of a squared error without it.
        """
        shape, D = self.arrays["mean"].shape[1:], float(self.D)
        ends = (shape[1:], shape[:-1]) if len(shape) > 1 else ()
        positions = sorted({float(np.prod(part)) for part in ends})
        sizes = [1.0, D, D / np.prod(shape), *(d / p for p in positions for d in (1.0, D))]
        return [size * c for size in sizes for c in (1.0, 0.5)]

    def _is_size(self, number: float) -> bool:
        """Whether the number counts examples, entries or latents."""
        arrays = self.arrays
        D, Z = self.D, arrays["mean"][0].size
        sizes = {self.B, self.B**2, D, Z, self.B * D, self.B * Z, D * Z, self.B * D * Z}
        return any(near(abs(number), s) or near(abs(number), 1 / s) for s in sizes if s > 1)

    def _numbers(self, role: str) -> list[float]:
        """The numbers but 1 that a part of the loss is multiplied by on purpose, which count no entries.

        Those of the KL's own formula, a half of it among them, are left out.
        """
        found: list[float] = []
        used = lineage([self.loss])
        inside = {
            n
            for n in (self.roles.mean, self.roles.held, self.roles.z, self.roles.std, self.roles.output)
            if n
        }
        for term in [t for t in self.roles.terms if t.role == role]:
            plain = self.plain_kl if role == "kl" else None
            formula = None if plain or role != "kl" else around_formula(term.node, self.arrays, self.B)
            start, own_half = formula or (plain, None)
            nodes = (
                lineage([term.node], inside) | heirs(term.node, used)
                if start is None
                else heirs(start, used) - {start, own_half}
            )
            for node in nodes & used:
                if node.op in {"mul", "div"} and (one := scaled(node)) is not None:
                    counted = node.op == "div" and any(isinstance(operand, int) for operand in node.operands)
                    half = (
                        role == "kl" and start is None and (near(abs(one[1]), 0.5) or near(abs(one[1]), 2.0))
                    )
                    if not half and (not self._is_size(one[1]) or (is_tidy(one[1]) and not counted)):
                        found.append(abs(one[1]))
        found = [n for n in dict.fromkeys(found) if n > 0 and not near(n, 1.0) and np.isfinite(n)]
        if role == "kl" and len(found) > 1:
            found.append(float(np.prod(found)))  # beta times what anneals it
        return found


def capacity_of(roles: Roles) -> float | None:
    """The number C of |KL − C|, where the loss holds the KL at one (Burgess et al. 2018)."""
    heads = {n for n in (roles.mean, roles.held) if n}
    for term in [t for t in roles.terms if t.role == "kl"]:
        for node in lineage([term.node], heads):
            inner = node.parents[0] if node.op == "abs" else None
            if inner is None or inner.op != "sub" or len(inner.operands) != 2 or not heads & lineage([inner]):
                continue
            number = inner.operands[1]
            if isinstance(number, Node):
                number = None if number.learned or not number.is_number else number.value().flat[0]
            if number is not None and number > 0:
                return float(number)
    return None
