"""How a reconstruction is read: which −log p(x|z), of which target, times what."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.diagnosis import cross_entropy, decoder_variance
from scratchvae.reference.diagnosis.entries import constant, log_sigma, of_each_entry, squares, without
from scratchvae.reference.diagnosis.factors import MINUS, ONE, PER_ENTRY, Factor
from scratchvae.reference.diagnosis.pieces import Piece, Place, Reading, Terms, masked
from scratchvae.reference.diagnosis.quantities import Given

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


def described(name: str, fix: str, solved: int = 0, **changed: Any) -> Reading:
    """A reading without an identifier."""
    return replace(_row(name, fix, **changed), named=False, solved=solved)


def _form(name: str, form: Piece, fix: str) -> Reading:
    return _row(name, fix, form=form)


DETACHED = _row(
    "reconstruction_detached",
    "the decoder's output is detached in the reconstruction: use it without detach() or no_grad()",
    detached=True,
)
ANY = ("bernoulli", "gaussian", "laplace")
SHIFTED = "each output is compared with the x of the neighbouring example: compare output i with x i"
READINGS = [
    _row(
        "reconstruction_sign",
        "the reconstruction has the wrong sign: negate it, because the loss has −log p(x|z)",
        factor=MINUS,
    ),
    *(_form(row.name, row.computes, row.fix) for row in (*cross_entropy.FORMS, *decoder_variance.FORMS)),
    _form(
        "squared_error_unscaled",
        squares(lambda given: np.nan if given.variance == 0.5 else 1.0, lambda given: 0.0, *ANY),
        "the squared error lacks its factor 1/(2σ²), which amounts to a Gaussian with σ² = ½: write ½ (x "
        "− x_mean)²/σ² + ½ log σ², or declare variance=0.5 and constants=False",
    ),
    _form(
        "squared_error_half",
        squares(lambda given: np.nan if given.variance == 1 else 0.5, lambda given: 0.0, *ANY),
        "half the squared error is that of a Gaussian with σ² = 1, without its constant: divide it by "
        "σ², or declare variance=1 and constants=False",
    ),
    _form(
        "gaussian_half_missing",
        squares(
            lambda given: 1 / given.variance,
            lambda given: 0.5 * float(np.log(2 * np.pi * given.variance)),
            "gaussian",
        ),
        "the squared error over σ² lacks its factor ½: write ½ (x − x_mean)²/σ²",
    ),
    _form(
        "constant_dropped",
        without(lambda given: constant(given) if given.constants else np.nan, of_sigma=False),
        "the constant ½ log 2π of each entry is left out: add it where values of log p(x) are reported, "
        "though training does not need it",
    ),
    _form(
        "constant_without_log",
        without(lambda given: constant(given) - np.pi if given.constants else np.nan, of_sigma=False),
        "½ · 2π is added for each entry in place of ½ log 2π: write ½ log(2π), though training does not "
        "need it",
    ),
    _form(
        "log_sigma_missing",
        without(log_sigma, of_sigma=True),
        "log σ is missing: add ½ log σ² for each entry, because a learned σ would otherwise grow without "
        "limit",
    ),
    _form(
        "constant_and_log_sigma_missing",
        without(
            lambda given: constant(given) + log_sigma(given) if given.constants else np.nan, of_sigma=True
        ),
        "log σ and the constant are missing: add ½ log σ² + ½ log 2π for each entry, because a learned σ "
        "would otherwise grow without limit",
    ),
    _form(
        "squared_error_mean_over_pixels",
        squares(lambda given: 1.0 / (given.D or 1), lambda given: 0.0, *ANY),
        "the squared error is a mean over the entries of an example, without 1/(2σ²), which amounts to "
        "σ² = D/2: sum ½ (x − x_mean)²/σ² over them",
    ),
    _row(
        "reconstruction_mean_over_pixels",
        "the reconstruction is a mean over the entries of an example: sum over them, and take the mean "
        "over the examples only",
        factor=PER_ENTRY,
    ),
    described(
        "x and the output exchanged",
        "x and the output are exchanged in the cross-entropy: the output comes first, and x is the target",
        form=cross_entropy.exchanged,
    ),
    _row("padding_counted", "masked entries are counted: multiply by the mask before the sum", masked=False),
    DETACHED,
    *(
        described(
            f"{target} for x",
            SHIFTED if "example" in target else f"the target is {target}, not the x that was given: {help}",
            target=target,
        )
        for target, help in {
            "the x of the example before": "",
            "the x of the example after": "",
            "x in reversed order": "compare each output with its own x",
            "1 − x": "compare the output with x itself",
            "x > ½": "compare the output with x itself, or pass the binarized x",
            "2 x − 1": "compare the output with x itself, or pass the scaled x",
            "x / 255": "compare the output with x itself, or pass the scaled x",
            "255 x": "compare the output with x itself, or pass the scaled x",
            "nothing": "compare the output with x",
        }.items()
    ),
]
