"""How a reconstruction is read: which −log p(x|z), of which target, times what; and the numbers that may be
solved for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.kernels import sigmoid
from scratchvae.reference.diagnosis import cross_entropy, decoder_variance
from scratchvae.reference.diagnosis.entries import constant, log_sigma, of_each_entry, squares, without
from scratchvae.reference.diagnosis.factors import MINUS, ONE, PER_ENTRY, Factor, number, spelled
from scratchvae.reference.diagnosis.least_squares import least_squares
from scratchvae.reference.diagnosis.pieces import Piece, Place, Reading, Terms, masked
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.sampling import tidied

TARGETS: dict[str, Callable[[Array], Array]] = {  # what x is compared as
    "x": lambda x: x,
    "the x of the example before": lambda x: np.roll(x, 1, axis=0),
    "the x of the example after": lambda x: np.roll(x, -1, axis=0),
    "x in reversed order": lambda x: x[::-1],
    "1 − x": lambda x: 1 - x,
    "x > ½": lambda x: (x > 0.5).astype(float),
    "2 x − 1": lambda x: 2 * x - 1,
    "x / 255": lambda x: x / 255,
    "255 x": lambda x: 255 * x,
    "nothing": np.zeros_like,
}


@dataclass(frozen=True)
class Reconstruction:
    """factor · form(x, output) by entry: what is computed, of which target."""

    form: Piece
    target: str = "x"
    factor: Factor = ONE
    masked: bool = True
    detached: bool = False

    def __call__(self, given: Given) -> Terms | None:
        """(B, D), masked entries 0, with gradients to the decoder's output."""
        factor = self.factor.of(given)
        if given.x is None or not np.isfinite(factor) or not (self.masked or given.mask is not None):
            return None
        left = {name: array for name, array in given.arrays.items() if self.masked or name != "mask"}
        terms = self.form(replace(given, arrays={**left, "x": TARGETS[self.target](given.x)}))
        if terms is None:
            return None
        terms = terms.times(factor)
        return (
            replace(terms, gradients={n: 0 * d for n, d in terms.gradients.items()})
            if self.detached
            else terms
        )


negative_log_likelihood = Reconstruction(lambda given: masked(given, of_each_entry(given)))


def _row(name: str, fix: str, **changed: Any) -> Reading:
    return Reading(name, Place.RECONSTRUCTION, replace(negative_log_likelihood, **changed), fix)


def _words(name: str, fix: str, solved: int = 0, **changed: Any) -> Reading:
    return replace(_row(name, fix, **changed), named=False, solved=solved)


def _form(name: str, form: Piece, fix: str) -> Reading:
    return _row(name, fix, form=form)


DETACHED = _row(
    "reconstruction_detached",
    "the decoder's output is detached in the reconstruction: let its gradient reach the decoder",
    detached=True,
)
ANY = ("bernoulli", "gaussian", "laplace")
SHIFTED = "the target is x shifted by one example: compare each output with its own x"
READINGS = [
    _row(
        "reconstruction_sign",
        "the reconstruction has the wrong sign: add −log p(x|z) to the loss",
        factor=MINUS,
    ),
    *(_form(row.name, row.computes, row.fix) for row in (*cross_entropy.FORMS, *decoder_variance.FORMS)),
    _form(
        "squared_error_unscaled",
        squares(lambda given: np.nan if given.variance == 0.5 else 1.0, lambda given: 0.0, *ANY),
        "the squared error lacks its factor 1/(2σ²) (and log σ): it amounts to a Gaussian with σ² = ½",
    ),
    _form(
        "squared_error_half",
        squares(lambda given: np.nan if given.variance == 1 else 0.5, lambda given: 0.0, *ANY),
        "half the squared error amounts to a Gaussian with σ² = 1 without its constant",
    ),
    _form(
        "gaussian_half_missing",
        squares(
            lambda given: 1 / given.variance,
            lambda given: 0.5 * float(np.log(2 * np.pi * given.variance)),
            "gaussian",
        ),
        "the squared error over σ² lacks its factor ½",
    ),
    _form(
        "constant_dropped",
        without(lambda given: constant(given) if given.constants else np.nan, of_sigma=False),
        "the constant (½ log 2π an entry) is dropped: gradients are right, log p(x) is not",
    ),
    _form(
        "constant_without_log",
        without(lambda given: constant(given) - np.pi if given.constants else np.nan, of_sigma=False),
        "the constant is ½ · 2π an entry where ½ log 2π belongs: gradients are right, log p(x) is not",
    ),
    _form(
        "log_sigma_missing",
        without(log_sigma, of_sigma=True),
        "log σ is missing: values can't be compared across σ, and a learned σ would grow without limit",
    ),
    _form(
        "constant_and_log_sigma_missing",
        without(
            lambda given: constant(given) + log_sigma(given) if given.constants else np.nan, of_sigma=True
        ),
        "log σ and the constant are missing: values can't be compared across σ, and a learned σ would grow without limit",
    ),
    _form(
        "squared_error_mean_over_pixels",
        squares(lambda given: 1.0 / (given.D or 1), lambda given: 0.0, *ANY),
        "the squared error is averaged over an event's entries, without 1/(2σ²): sum over them (it amounts to σ² = D/2)",
    ),
    _row(
        "reconstruction_mean_over_pixels",
        "the reconstruction is averaged over an event's entries: sum over them, average over examples only",
        factor=PER_ENTRY,
    ),
    _row("padding_counted", "masked entries are counted: multiply by the mask before the sum", masked=False),
    DETACHED,
    *(
        _words(
            f"{target} for x",
            SHIFTED
            if "example" in target
            else f"the target is {target}, not the x that was handed over: {help}",
            target=target,
        )
        for target, help in {
            "the x of the example before": "",
            "the x of the example after": "",
            "x in reversed order": "compare each output with its own x",
            "1 − x": "mind which of the two classes is 1",
            "x > ½": "hand over the binarized x",
            "2 x − 1": "hand over the scaled x",
            "x / 255": "hand over the scaled x",
            "255 x": "hand over the scaled x",
            "nothing": "the output is compared with 0",
        }.items()
    ),
]


def solve(given: Given) -> Iterator[Reading]:
    """Readings with numbers in them: a factor, weights of lit and unlit entries, a Gaussian's variance."""
    # of several draws no entry has one reconstruction
    right = None if given.K else negative_log_likelihood(given)
    if right is None or given.x is None:
        return
    R = given.reconstruction if given.log_px is None else -given.log_px
    by_example = right.value.sum(axis=1)
    known = R is not None and R.shape == by_example.shape
    slope = _slope(given, right)
    if known and R is not None and (by_example != 0).all():
        yield from _scaled(float(np.median(R / by_example)))
    elif slope is not None:
        yield from _scaled(slope)
    if given.likelihood == "bernoulli" and given.logits is not None:
        yield from _weighed(given, R if known else None)
    if given.likelihood == "gaussian" and given.x_scale is None and given.x_mean is not None:
        square = ((given.x - given.x_mean) ** 2).sum(axis=1)
        enough = known and len(square) > 2
        weights = None if R is None or not enough else least_squares([square, np.ones_like(square)], R)
        found = None if weights is None else weights[0]
        found = slope / (2 * given.variance) if found is None and slope is not None else found
        if found is not None and found > 0:
            yield from _other_variance(float(0.5 / found))


def _slope(given: Given, right: Terms) -> float | None:
    """How much steeper the loss is in the decoder's output than it should be."""
    for name, gradient in right.gradients.items():
        theirs, each = (
            given.arrays.get(f"d_{name}"),
            1.0 if given.reduction == "sum" else 1.0 / (given.B or 1),
        )
        if theirs is not None and theirs.shape == gradient.shape and (theirs * gradient).any():
            return float((theirs * gradient).sum() / (gradient**2).sum() / each)
    return None


def _scaled(ratio: float) -> Iterator[Reading]:
    for c in tidied(ratio):
        said = f"the reconstruction × {spelled(c)}"
        yield _words(said, f"this is {said}: it should be −log p(x|z), in nats", 1, factor=number(c))


def _weighed(given: Given, R: Array | None) -> Iterator[Reading]:
    """Lit entries that weigh a, and unlit ones that weigh b."""
    lit, unlit = (_two_weights(*pair)(given) for pair in ((1.0, 0.0), (0.0, 1.0)))
    theirs = given.d_logits if R is None else R
    if lit is None or unlit is None or theirs is None:
        return
    each = 1.0 if given.reduction == "sum" else 1.0 / (given.B or 1)
    columns = [
        (each * t.gradients["logits"]).ravel() if R is None else t.value.sum(axis=1) for t in (lit, unlit)
    ]
    if len(columns[0]) < 3:
        return
    found = least_squares(columns, theirs)
    for a, b in zip(*map(tidied, found or ()), strict=True):
        said = f"lit entries weigh {spelled(a)}, unlit ones {spelled(b)}"
        fix = f"{said} (as with pos_weight): then it is not −log p(x|z) of a Bernoulli, and the loss no bound"
        yield _words(said, fix, 2, form=_two_weights(a, b))


def _two_weights(lit: float, unlit: float) -> Piece:
    def piece(given: Given) -> Terms | None:
        if given.logits is None or given.x is None:
            return None
        x, on = given.x, sigmoid(given.logits)
        value = lit * x * np.logaddexp(0, -given.logits) + unlit * (1 - x) * np.logaddexp(0, given.logits)
        slope = unlit * (1 - x) * on - lit * x * (1 - on)
        return masked(
            given, Terms(value, {"logits": slope}, (abs(lit) + abs(unlit)) * (1 + np.abs(given.logits)))
        )

    return piece


def _other_variance(variance: float) -> Iterator[Reading]:
    for v in tidied(variance):
        half = float(0.5 / v)
        for known, left_out in ((0.5 * float(np.log(2 * np.pi * v)), ""), (0.0, ", without its constants")):
            said = f"a Gaussian of σ² = {spelled(v)}{left_out}"
            form = squares(_constantly(half), _constantly(known), "gaussian")
            yield _words(
                said,
                f"the reconstruction is that of {said}: declare that variance, or use the one declared",
                1,
                form=form,
            )


def _constantly(value: float) -> Callable[[Given], float]:
    return lambda given: value
