"""Hold one step of somebody's VAE against the reference: which quantity departs first, and which mistake does exactly that."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError
from scratchvae.reference.diagnosis import divergence, importance, reconstruction, sampling, total
from scratchvae.reference.diagnosis.pieces import Mistake
from scratchvae.reference.diagnosis.predictions import ALSO_RIGHT, RIGHT, Pieces, Prediction, predict
from scratchvae.reference.diagnosis.quantities import ORDER, Given, read
from scratchvae.reference.diagnosis.report import Finding, Line, Report
from scratchvae.reference.diagnosis.suspicions import noise_is_another, noise_mistake, outside_support, plausibility

CATALOGUE: list[Mistake] = [
    *sampling.MISTAKES,
    *reconstruction.MISTAKES,
    *divergence.MISTAKES,
    *importance.MISTAKES,
    *total.MISTAKES,
]
ULPS = 64  # of the parts that are summed: what rounding in any order of summation stays below


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
        if not lines:
            raise InputError(
                "diagnose: there should be a quantity to check, such as z, kl, loss or d_mean; found only what they follow from"
            )
        finding = None if self.findings else plausibility(self.given)
        self.findings += [finding] if finding else []
        return Report(tuple(lines), tuple(self.findings), tuple(self.notes))

    def _line(self, quantity: str) -> Line:
        theirs = self.given.arrays[quantity]
        right = predict(quantity, self.given, RIGHT)
        reference = right[0].value if right else None
        verdict = self._verdict(quantity)
        return Line(quantity, verdict, theirs, reference)

    def _verdict(self, quantity: str) -> str:
        if not predict(quantity, self.given, RIGHT):
            return "not checked: what it follows from was not handed over"
        if self._fits(quantity, RIGHT):
            self.agreed.append(quantity)
            return "agrees"
        if self.pieces is not RIGHT and self._fits(quantity, self.pieces):
            return f"follows from {' or '.join(self.blamed)}" if self.blamed else "agrees"
        for piece, computes, what in ALSO_RIGHT:
            pieces = {**self.pieces, piece: computes}
            if self._fits(quantity, pieces):
                self.pieces = pieces
                self.notes.append(f"{quantity} is {what}")
                return "agrees"
        return self._departs(quantity)

    def _departs(self, quantity: str) -> str:
        fitting = [m for m in CATALOGUE if self._fits(quantity, {**self.pieces, m.piece: m.computes}) and self._bears_out(m)]
        fitting = self._most_telling(quantity, fitting)
        if not fitting and noise_is_another(quantity, self.given, self.pieces):
            cause = "noise_redrawn"
            self.findings.append(
                Finding(quantity, (cause,), "this was computed with other noise than z: draw once, use it in both")
            )
            return f"DEPARTS: {cause}"
        names = tuple(dict.fromkeys(m.name for m in fitting))
        if fitting:
            self.pieces = {**self.pieces, fitting[0].piece: fitting[0].computes}
            self.blamed = names
        fixes = "; or ".join(dict.fromkeys(m.fix for m in fitting)) + self._amount(fitting)
        self.findings.append(Finding(quantity, names, fixes if fitting else "the cause is unknown"))
        return f"DEPARTS: {' or '.join(names)}" if names else "DEPARTS, cause unknown"

    def _fits(self, quantity: str, pieces: Pieces) -> bool:
        theirs = self.given.arrays[quantity]
        return any(within_rounding(theirs, p, self.given.eps) for p in predict(quantity, self.given, pieces))

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
    """|theirs − prediction| ≤ 64 units of roundoff of the parts, entry by entry."""
    if theirs.shape != np.shape(prediction.value) or not np.isfinite(prediction.value).all():
        return False
    return bool((np.abs(theirs - prediction.value) <= ULPS * eps * prediction.size).all())
