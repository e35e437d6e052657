"""A KL or a reconstruction of the user's own, as the loss takes it: with beta in it, as a mean or a sum."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from scratchvae.reference.diagnosis.pieces import Pieces
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.right import RIGHT
from scratchvae.reference.diagnosis.search import Found, Search

PARTS = ("reconstruction", "log_px", "kl")
HOLDS_BETA = "kl holds its weight beta already, as it enters the loss"


def kl_holds_beta(given: Given) -> Given | None:
    """The step with the KL divided by beta, if kl is beta · KL and nothing in the step contradicts that."""
    plain = _by_beta(given)
    return plain if plain is not None and _fits("kl", plain) and all(_losses(plain)) else None


def explained_by_beta(given: Given, pieces: Pieces, agreed: list[str]) -> tuple[Given, Found] | None:
    """The step with the KL divided by beta, if kl is beta times a wrong KL, and what explains that one.

    The loss shows that kl holds beta already: it adds kl as it is.
    """
    plain = _by_beta(given)
    seen = [] if plain is None else list(_losses(plain))
    found = Search(plain, pieces, agreed).explain("kl") if plain is not None and seen and all(seen) else None
    return None if plain is None or found is None or not found.proven else (plain, found)


def right_by_own_parts(quantity: str, given: Given, explained: Collection[str]) -> bool:
    """Whether the loss follows from the parts that nothing explains, where one is a single number.

    A number may be a mean over the batch or a sum, and is taken for what is nearer to the right one. Where it
    is neither, only the loss tells.
    """
    single = [n for n in PARTS if n in given.arrays and n not in explained and given.arrays[n].ndim == 0]
    B = given.B or 1
    for divisors in product((1, B), repeat=len(single)) if single else ():
        parts = {n: np.full(B, given.arrays[n] / by) for n, by in zip(single, divisors, strict=True)}
        if _fits(quantity, replace(given, arrays={**given.arrays, **parts})):
            return True
    return False


def _by_beta(given: Given) -> Given | None:
    if given.kl is None or given.beta in (0, 1) or given.penalized:
        return None
    return replace(given, arrays={**given.arrays, "kl": given.kl / given.beta})


def _losses(given: Given) -> Iterator[bool]:
    """Of loss and bound, where they can be computed, whether they are right by this KL."""
    for quantity in ("loss", "bound"):
        if quantity in given.arrays and predict(quantity, given, RIGHT):
            yield _fits(quantity, given) or right_by_own_parts(quantity, given, ("reconstruction", "log_px"))


def _fits(quantity: str, given: Given) -> bool:
    return any(p.fits(given.arrays[quantity], given.eps) for p in predict(quantity, given, RIGHT))
