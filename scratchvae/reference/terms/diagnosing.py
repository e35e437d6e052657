"""`diagnose_term`: a term beside the reference, and which fault of public code gives its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_choice, require_shapes
from scratchvae.reference.diagnosis.reading import as_float64
from scratchvae.reference.terms.choices import CATEGORICAL_KL
from scratchvae.reference.terms.experts import PRODUCT_OF_EXPERTS
from scratchvae.reference.terms.gaussian_kl import GAUSSIAN_KL
from scratchvae.reference.terms.geometry import EXPECTED_COSINE, PLANAR_STEP
from scratchvae.reference.terms.grouped_bound import GROUPED_BOUND
from scratchvae.reference.terms.likelihoods import CONTINUOUS_BERNOULLI, DISCRETIZED_LOGISTIC
from scratchvae.reference.terms.mmd import MMD
from scratchvae.reference.terms.networks import CRITIC, DECODER_GRADIENT
from scratchvae.reference.terms.quantization import QUANTIZATION
from scratchvae.reference.terms.step import Step, close
from scratchvae.reference.terms.term import Arrays, Results, Term
from scratchvae.reference.terms.total_correlation import TOTAL_CORRELATION

TERMS: dict[str, Term] = {
    "categorical_kl": CATEGORICAL_KL,
    "continuous_bernoulli": CONTINUOUS_BERNOULLI,
    "critic": CRITIC,
    "decoder_gradient": DECODER_GRADIENT,
    "discretized_logistic": DISCRETIZED_LOGISTIC,
    "expected_cosine": EXPECTED_COSINE,
    "gaussian_kl": GAUSSIAN_KL,
    "grouped_bound": GROUPED_BOUND,
    "mmd": MMD,
    "planar_step": PLANAR_STEP,
    "product_of_experts": PRODUCT_OF_EXPERTS,
    "quantization": QUANTIZATION,
    "total_correlation": TOTAL_CORRELATION,
}
CERTAIN = 1e-8  # one number that agrees so well with a fault is no coincidence
DOUBLE = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class TermReport:
    """What `diagnose_term` found: `matches`, the fault's name in `mistake`, and the sentences to print."""

    term: str
    matches: bool
    mistake: str | None
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def diagnose_term(
    term: str, arrays: Mapping[str, Any], *, reduction: str = "mean", **settings: Any
) -> TermReport:
    """Compare one term of a loss with the reference, and name the fault of public code that it has.

    `term` is a name of `TERMS`. `arrays` holds what the term is computed from, and your results: "value",
    other results that the term gives, and gradients of the value as "d_z" and so on. A value may be one
    number where the term has one for each example: it is then their mean, or their sum with reduction="sum",
    and gradients are those of that number. `settings` are the term's own, such as kernel="gaussian" of "mmd".

    A fault is named if it gives all your results to the precision of their dtype, and if one of them has at
    least two entries or two of them depart. InputError says which array is missing, unknown, or of another
    shape.

    >>> import numpy as np
    >>> log_w = np.random.default_rng(0).normal(size=(4, 2, 3))
    >>> swapped = np.log(np.exp(log_w).mean(axis=1)).mean(axis=1)
    >>> print(diagnose_term("grouped_bound", {"log_w": log_w, "value": swapped}).mistake)
    axes_of_draws_exchanged
    """
    require_choice("diagnose_term", "term", term, TERMS)
    require_choice("diagnose_term", "reduction", reduction, ("mean", "sum"))
    row = TERMS[term]
    chosen = _settings(term, row, settings)
    given, eps = _read(term, row, arrays)
    step = Step(row, given, chosen, reduction, eps)
    right = step.right(np.float64)
    tolerances = step.tolerances()
    apart = [name for name in step.results if not close(given[name], right[name], tolerances[name])]
    told = f"{term}: {row.says} ({row.source})"
    fits = [fault for fault in row.faults if step.fits(fault, tolerances, apart)]
    if not apart:
        also = ", ".join(fault.name for fault in fits)
        blind = [
            f"these arrays would be the same with {also}; other sizes or numbers tell them apart"
        ] * bool(fits)
        return TermReport(term, True, None, (f"{term} agrees: {', '.join(step.results)}", *blind, told))
    names = {fault.name for fault in fits}
    sharp = all(tolerances[name] <= CERTAIN * np.abs(given[name]).max() for name in apart)
    proven = sharp or len(apart) > 1 or given[apart[0]].size > 1
    head = f"{term} departs: {', '.join(apart)}"
    if len(names) == 1 and proven:
        return TermReport(term, False, fits[0].name, (head, f"{fits[0].name}: {fits[0].fix}", told))
    if fits:
        could = tuple(f"this could be {fault.name}: {fault.fix}" for fault in fits)
        return TermReport(term, False, None, (head, *could, f"pass {_more(row, given)} to settle it", told))
    return TermReport(term, False, None, (head, *_how(apart, given, right), told))


def _settings(term: str, row: Term, settings: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in settings.items():
        if name not in row.settings:
            has = ", ".join(row.settings) or "none"
            raise InputError(f"diagnose_term: {term} has no setting {name!r}; it has {has}")
        row.settings[name].check(f"diagnose_term: {term}", name, value)
    return {name: settings.get(name, setting.default) for name, setting in row.settings.items()}


def _read(term: str, row: Term, arrays: Mapping[str, Any]) -> tuple[dict[str, Array], float]:
    """The arrays in float64, and the coarsest precision; InputError where names or shapes do not fit."""
    slopes = {f"d_{name}": row.takes[name] for name in row.takes if name not in row.constants}
    known = {**slopes, **row.takes, **row.gives}
    given, coarsest = {}, DOUBLE
    for name, value in arrays.items():
        if name not in known:
            raise InputError(
                f"diagnose_term: {term} knows no array {name!r}; it is computed from {', '.join(row.takes)}, "
                f"and gives {', '.join([*row.gives, *slopes])}"
            )
        given[name], roundoff = as_float64("diagnose_term", name, value)
        coarsest = max(coarsest, 2 * roundoff if roundoff else 0.0)
        if not np.isfinite(given[name]).all():
            raise InputError(f"diagnose_term: {name} should be finite, found NaN or an infinity in it")
    missing = [name for name in row.takes if name not in given and name not in row.optional]
    if missing:
        raise InputError(
            f"diagnose_term: {term} is computed from {', '.join(row.takes)}; {missing[0]} is missing"
        )
    results = [name for name in given if name not in row.takes]
    if not results:
        raise InputError(
            f"diagnose_term: a result of yours should be given, one of {', '.join([*row.gives, *slopes])}"
        )
    one = {name for name in results if name in row.gives and not given[name].ndim}
    require_shapes(
        f"diagnose_term: {term}",
        **{name: (array, known[name]) for name, array in given.items() if name not in one},
    )
    return given, coarsest


def _more(row: Term, given: Arrays) -> str:
    """What is not given yet and would tell more."""
    names = [*(f"d_{name}" for name in row.takes if name not in row.constants), *row.gives]
    missing = [name for name in names if name not in given]
    return " or ".join(missing[:2]) or "arrays of other sizes"


def _how(apart: list[str], given: Arrays, right: Results) -> tuple[str, ...]:
    """A sentence for each result that departs: by one factor, or by how much and where."""
    said = []
    for name in apart:
        mine, other = given[name], right[name]
        with np.errstate(all="ignore"):
            ratio = mine / other
        if mine.size > 1 and np.isfinite(ratio).all() and np.ptp(ratio) <= 1e-5 * abs(ratio.flat[0]):
            said.append(f"{name} is {ratio.flat[0]:.6g} times the reference at every entry")
        else:
            off = np.abs(mine - other)
            place = ", ".join(str(k) for k in np.unravel_index(off.argmax(), off.shape))
            where = f" at [{place}]" if place else ""
            said.append(f"{name} departs by up to {off.max():.4g}{where}, for no reason that is known here")
    return tuple(said)
