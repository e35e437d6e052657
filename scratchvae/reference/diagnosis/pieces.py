"""A step of a VAE in pieces, each of which can be replaced by another.

A mistake is a piece that somebody wrote instead of the right one. Whatever a piece computes comes with its
gradients, so that one row of the catalogue is recognized in values and in gradients alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from scratchvae.arrays import Array
from scratchvae.ops import softplus
from scratchvae.reference.diagnosis.quantities import SCALES, Given

ULPS = 32  # of the parts that are summed: what rounding in any order of summation stays below
HALF_ULPS = 4  # in half precision, where frameworks add up in float32


@dataclass(frozen=True)
class Terms:
    """What a piece computes by entry, its gradients by quantity, and the size of each entry's parts."""

    value: Array
    gradients: dict[str, Array]
    size: Array  # rounding errs by a few units of this, not of the value, where parts cancel
    unsure: Array | float = 0.0  # beyond rounding: what the digits that were handed over leave open
    # by the gradients, where a quantity was had from one with few digits: in roundoffs
    digits_lost: Array | float = 0.0

    def times(self, factor: float) -> Terms:
        """All of it multiplied by a number."""
        gradients = {name: factor * gradient for name, gradient in self.gradients.items()}
        return Terms(
            factor * self.value,
            gradients,
            abs(factor) * self.size,
            abs(factor) * self.unsure,
            abs(factor) * self.digits_lost,
        )


@dataclass(frozen=True)
class Prediction:
    """A value a quantity may have, and how large the parts of each entry are."""

    value: Array
    size: Array
    unsure: Array | float = 0.0  # what the digits that were handed over leave open, beyond rounding

    def fits(self, theirs: Array, eps: float) -> bool:
        """|theirs − value| ≤ 32 units of roundoff of the parts, and what they leave open, entry by entry."""
        if theirs.shape != np.shape(self.value) or not np.isfinite(self.value).all():
            return False
        return bool((np.abs(theirs - self.value) <= self.allowed(eps)).all())

    def allowed(self, eps: float) -> Array:
        """How far an entry may be from the value: 32 roundoffs of its parts, and what they leave open."""
        return rounding(eps) * self.size + self.unsure


def rounding(eps: float) -> float:
    """What the order of a summation may change, as a share of the parts: 32 roundoffs."""
    return (ULPS if eps < 1e-4 else HALF_ULPS) * eps


class Weights(NamedTuple):
    """What the loss multiplies reconstruction and KL by, beside the declared reduction, and what it adds.

    Its gradients are those of this loss times `of_gradients`.
    """

    reconstruction: float
    kl: float
    added: float = 0.0
    of_gradients: float = 1.0


Piece = Callable[[Given], Terms | None]  # None where what it needs was not handed over
# KL (B, Z) -> its term of the loss, and the gradient times B
Penalty = Callable[[Given, Array], tuple[float, Array]]
Bounding = Callable[[Array], tuple[Array, Array]]  # log w (B, K) -> the bound (B,), and its gradient (B, K)


class Place(StrEnum):
    """Which piece of a step: the fields of Pieces by name."""

    SAMPLING = "sampling"
    RECONSTRUCTION = "reconstruction"
    DIVERGENCE = "divergence"
    TOTAL = "total"
    PENALTY = "penalty"
    LOG_PZ = "log_pz"
    LOG_Q = "log_q"
    CONSTANTS = "constants"
    LOG_WEIGHTS = "log_weights"
    IMPORTANCE = "importance"


@dataclass(frozen=True)
class Pieces:
    """A whole step: what computes each of its pieces from the arrays that were given."""

    sampling: Piece  # z
    reconstruction: Piece  # −log p(x|z) by entry
    divergence: Piece  # the KL by latent
    total: Callable[[Given], Weights | None]  # how the loss weighs both
    penalty: Callable[[Given], Penalty | None]  # what free bits make of the KL
    log_pz: Piece  # log p(z) by latent, without its constant
    log_q: Piece  # log q(z|x) by latent, without its constant
    constants: Callable[[Given], bool]  # whether log p(z) and log q(z|x) agree on their constants
    log_weights: Piece  # log w (B, K)
    importance: Callable[[Given], Bounding | None]  # how log-weights make a bound

    def having(self, place: Place, computes: Callable[[Given], Any]) -> Pieces:
        """The same step with another piece in that place."""
        return replace(self, **{place.value: computes})

    def under(self, reading: Reading) -> Pieces:
        """The same step read so."""
        return self.having(reading.place, reading.computes)


@dataclass(frozen=True)
class Suspicion:
    """What is named without a piece that computes it: a stable name, and one sentence with the fix."""

    name: str
    fix: str


@dataclass(frozen=True)
class Reading:
    """What somebody may have written instead of a piece: another computation for one place of a step.

    `name` is the identifier of a mistake of the catalogue; of a reading without one it is a few words, and
    `named` is False. `fix` says in a sentence what is wrong and what helps. `solved` counts the numbers in it
    that were solved for.
    """

    name: str
    place: Place
    computes: Callable[[Given], Any]
    fix: str
    named: bool = True
    solved: int = 0


def masked(given: Given, terms: Terms | None) -> Terms | None:
    """Entries that the mask leaves out count as 0."""
    if terms is None or given.mask is None:
        return terms
    mask = given.mask
    gradients = {name: gradient * mask for name, gradient in terms.gradients.items()}
    return Terms(
        terms.value * mask, gradients, terms.size * mask, terms.unsure * mask, terms.digits_lost * mask
    )


def std_read_as(kind: str, held: Array) -> Array:
    """σ if `held` is taken for the quantity `kind` of SCALES; NaN where it can't be one."""
    with np.errstate(all="ignore"):
        if kind == "log_var":
            return np.exp(0.5 * held)
        if kind == "log_std":
            return np.exp(held)
        if kind == "std":
            return held
        if kind == "var":
            return np.sqrt(held)
        return softplus(held)[0]


def d_std_read_as(kind: str, held: Array) -> Array:
    """dσ / d(held)."""
    with np.errstate(all="ignore"):
        if kind == "log_var":
            return 0.5 * np.exp(0.5 * held)
        if kind == "log_std":
            return np.exp(held)
        if kind == "std":
            return np.ones_like(held)
        if kind == "var":
            return 0.5 / np.sqrt(held)
        return softplus(held)[1](np.ones_like(held))


def others(kind: str) -> tuple[str, ...]:
    """The readings of σ that are not `kind`."""
    return tuple(other for other in SCALES if other != kind)
