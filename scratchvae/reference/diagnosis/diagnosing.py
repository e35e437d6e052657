"""Hold one step of somebody's VAE against the reference: which quantity departs first, and which mistake does exactly that."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import divergence, importance, reconstruction, sampling, total
from scratchvae.reference.diagnosis.cross_entropy import through_probabilities
from scratchvae.reference.diagnosis.pieces import Mistake
from scratchvae.reference.diagnosis.predictions import ALSO_RIGHT, RIGHT, Pieces, Prediction, predict
from scratchvae.reference.diagnosis.quantities import ORDER, Given
from scratchvae.reference.diagnosis.reading import read
from scratchvae.reference.diagnosis.report import Finding, Line, Report
from scratchvae.reference.diagnosis.suspicions import noise_is_another, noise_mistake, outside_support, plausibility

CATALOGUE: list[Mistake] = [
    *sampling.MISTAKES,
    *reconstruction.MISTAKES,
    *divergence.MISTAKES,
    *importance.MISTAKES,
    *total.MISTAKES,
]
ULPS = 32  # of the parts that are summed: what rounding in any order of summation stays below
HALF_ULPS = 4  # in half precision, where frameworks add up in float32


def diagnose(
    theirs: Mapping[str, Any],
    *,
    likelihood: str = "bernoulli",
    variance: float = 1.0,
    beta: float = 1.0,
    reduction: str = "mean",
    free_bits: float = 0.0,
    constants: bool = True,
    evaluation: bool = False,
    names: Mapping[str, str] | None = None,
) -> Report:
    """Compare one step's arrays, any subset, with what they should be, each computed from those of `theirs` before it.

    `theirs`: x, noise, mean, one of log_var, log_std, std, var, raw_std (σ = softplus), z, logits or x_mean (and x_log_var),
    log_px or reconstruction (−log p(x|z)), kl, loss or bound, and gradients of the loss d_mean, d_log_var, d_z, d_logits, …, in
    any spelling of ALIASES or by `names` (yours: ours); for an importance-weighted bound log_px, log_pz, log_q, log_w (B, K) and
    d_log_w. Examples come first; what comes after is flattened. Arrays of torch and jax will do.

    What was meant: `likelihood` "bernoulli", "gaussian" or "laplace" (of that `variance`), the KL's weight `beta`, `reduction`
    over the batch ("mean" or "sum"), `free_bits` a latent, constants=False for a Gaussian without ½ log 2π, evaluation=True for
    z = mean.

    A quantity departs where it differs by more than rounding in its dtype. Mistakes are recognized by recomputing it under each
    row of CATALOGUE: those that fit to the same precision are named, and nothing is guessed.     InputError for unusable input.
    """
    given = read(
        theirs,
        names=names or {},
        likelihood=likelihood,
        variance=variance,
        beta=beta,
        reduction=reduction,
        free_bits=free_bits,
        constants=constants,
        evaluation=evaluation,
    )
    return _Diagnosis(given).report()


def assert_matches(theirs: Mapping[str, Any], **settings: Any) -> None:
    """AssertionError, with the table of `diagnose`, where something departs."""
    report = diagnose(theirs, **settings)
    assert report.ok, f"\n{report}"


class _Diagnosis:
    """The pieces of the step as far as they are known, while its quantities are gone through in order."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.pieces: Pieces = RIGHT
        self.blamed: tuple[str, ...] = ()
        self.agreed: list[str] = []
        self.findings: list[Finding] = []
        self.notes: list[str] = []

    def report(self) -> Report:
        lines = []
        for quantity in (q for q in ORDER if q in self.given.arrays):
            if quantity in {"x", "noise"}:
                found = outside_support(self.given) if quantity == "x" else noise_mistake(self.given)
                if found:
                    self.findings.append(found)
                    lines.append(Line(quantity, f"DEPARTS: {found.causes[0]}", self.given.arrays[quantity]))
                continue
            lines.append(self._line(quantity))
        if not any(line.verdict.startswith(("agrees", "DEPARTS", "follows")) for line in lines) and lines:
            self.notes.append(
                "nothing could be checked: hand over what these follow from too (x, logits, mean, log_var, noise, z)"
            )
        if not lines:
            raise InputError(
                "diagnose: there should be a quantity to check, such as z, kl, loss or d_mean; found only what they follow from"
            )
        self.notes += plausibility(self.given, [line.quantity for line in lines if line.verdict == "agrees"])
        return Report(tuple(lines), tuple(self.findings), tuple(self.notes))

    def _line(self, quantity: str) -> Line:
        theirs = self.given.arrays[quantity]
        right = predict(quantity, self.given, RIGHT)
        reference = right[0].value if right else None
        verdict = self._verdict(quantity)
        return Line(quantity, verdict, theirs, reference)

    def _verdict(self, quantity: str) -> str:
        if not predict(quantity, self.given, RIGHT):
            return "not checked: what it follows from was not handed over, or in another shape"
        if self._fits(quantity, RIGHT):
            self.agreed.append(quantity)
            return "agrees"
        if self.pieces is not RIGHT and self._fits(quantity, self.pieces):
            return f"follows from {' or '.join(self.blamed)}" if self.blamed else "agrees"
        for piece, computes, what in ALSO_RIGHT:
            pieces = {**self.pieces, piece: computes}
            if self._fits(quantity, pieces) and self._may_be(piece, pieces, quantity):
                self.pieces = pieces
                self.agreed.append(quantity)
                self.notes.append(f"{quantity} is {what}")
                return "agrees"
        return self._departs(quantity)

    def _may_be(self, piece: str, pieces: Pieces, quantity: str) -> bool:
        """Whether another form of a piece explains what was found before; its gradient alone is no reason to believe in it."""
        if piece == "importance":
            return "d_log_w" in self.given.arrays and self._fits("d_log_w", pieces)
        if piece == "divergence" and quantity.startswith("d_"):
            return self.pieces["divergence"] is not RIGHT["divergence"] and self._still(pieces)
        return self._still(pieces)

    def _still(self, pieces: Pieces) -> bool:
        return all(self._fits(quantity, pieces) or self._fits(quantity, RIGHT) for quantity in self.agreed)

    def _departs(self, quantity: str) -> str:
        fitting = [m for m in CATALOGUE if self._explains(m, quantity) and self._bears_out(m)]
        fitting = self._most_telling(quantity, fitting)
        if not fitting and noise_is_another(quantity, self.given, self.pieces):
            cause = "noise_redrawn"
            self.findings.append(
                Finding(quantity, (cause,), "this was computed with other noise than z: draw once, use it in both")
            )
            return f"DEPARTS: {cause}"
        if not fitting and self._open(quantity):
            return self._open(quantity)
        if any(m.name == "kl_missing" for m in fitting):
            fitting = [m for m in fitting if m.name == "kl_missing"]  # smaller weights than rounding tells are none
        names = tuple(dict.fromkeys(m.name for m in fitting))
        if fitting:
            self.pieces = {**self.pieces, fitting[0].piece: fitting[0].computes}
            self.blamed = names
        fixes = "; or ".join(dict.fromkeys(m.fix for m in fitting)) + self._amount(fitting)
        self.findings.append(Finding(quantity, names, fixes if fitting else "the cause is unknown"))
        return f"DEPARTS: {' or '.join(names)}" if names else "DEPARTS, cause unknown"

    def _open(self, quantity: str) -> str:
        """Why a departure proves nothing, if it doesn't."""
        given = self.given
        predictions = predict(quantity, given, {**self.pieces, "reconstruction": through_probabilities})
        if any(within_rounding(given.arrays[quantity], p, given.eps) for p in predictions):
            return "not checked: probabilities are too near 0 or 1; hand over logits"
        if not all(np.isfinite(p.value).all() for p in predict(quantity, given, self.pieces)):
            return "not checked: a probability is 0 or 1 where the data are not; hand over logits"
        of_kl = quantity in {"kl", "loss", "bound", "d_mean"} or quantity.removeprefix("d_") == given.scale
        if of_kl and given.z is None and given.noise is None and given.mean is not None and not given.evaluation:
            self.notes.append(
                f"{quantity} departs from the closed form; whether it is an estimate from one draw, z or noise would tell"
            )
            return "not checked: not the closed form; hand over z or noise"
        return ""

    def _fits(self, quantity: str, pieces: Pieces) -> bool:
        theirs = self.given.arrays[quantity]
        return any(within_rounding(theirs, p, self.given.eps) for p in predict(quantity, self.given, pieces))

    def _explains(self, mistake: Mistake, quantity: str) -> bool:
        """Whether the mistake gives what was found, and what is right does not to the same precision."""
        given, theirs = self.given, self.given.arrays[quantity]
        right = [p for pieces in (RIGHT, self.pieces) for p in predict(quantity, given, pieces)]
        known = all(np.isfinite(p.value).all() for p in right)  # else a vague fit would name whatever is finite
        for p in predict(quantity, given, {**self.pieces, mistake.piece: mistake.computes}):
            p = p if known else replace(p, unsure=0.0)
            if within_rounding(theirs, p, given.eps):
                return not any(within_rounding(theirs, replace(q, size=p.size, unsure=p.unsure), given.eps) for q in right)
        return False

    def _bears_out(self, mistake: Mistake) -> bool:
        """Whether the quantities that agreed would still do so under the mistake."""
        pieces = {**self.pieces, mistake.piece: mistake.computes}
        return all(self._fits(quantity, pieces) for quantity in self.agreed)

    def _most_telling(self, quantity: str, fitting: list[Mistake]) -> list[Mistake]:
        """Of several mistakes that fit, those under which most of what comes later follows."""
        later = [q for q in ORDER[ORDER.index(quantity) + 1 :] if q in self.given.arrays and predict(q, self.given, RIGHT)]
        follows = [sum(self._fits(q, {**self.pieces, m.piece: m.computes}) for q in later) for m in fitting]
        return [m for m, count in zip(fitting, follows, strict=True) if count == max(follows)]

    def _amount(self, fitting: list[Mistake]) -> str:
        """What a wrong reduction amounts to."""
        if len({m.name for m in fitting}) != 1 or fitting[0].piece != "total":
            return ""
        a, b = fitting[0].computes(self.given)
        return f" (as it stands, it amounts to beta = {b / a:.6g})" if a > 0 and b > 0 and b / a != self.given.beta else ""


def within_rounding(theirs: Array, prediction: Prediction, eps: float) -> bool:
    """|theirs − prediction| ≤ 32 units of roundoff of the parts, and what they leave open, entry by entry."""
    if theirs.shape != np.shape(prediction.value) or not np.isfinite(prediction.value).all():
        return False
    allowed = (ULPS if eps < 1e-4 else HALF_ULPS) * eps * prediction.size + prediction.unsure
    return bool((np.abs(theirs - prediction.value) <= allowed).all())
