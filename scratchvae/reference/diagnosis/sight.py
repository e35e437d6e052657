"""What the arrays of a step could not show:

parts of the loss below its rounding, mistakes that would agree, what is missing.
"""

from collections.abc import Iterator

import numpy as np

from scratchvae.reference.diagnosis.catalogue import CATALOGUE
from scratchvae.reference.diagnosis.factors import ONE, Factor, number
from scratchvae.reference.diagnosis.pieces import Pieces, Place
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.search import Search, bearing
from scratchvae.reference.diagnosis.total import Weighing

HALF = number(0.5)
# mis-scaled
PARTS: dict[str, tuple[Factor, Factor]] = {"the KL": (ONE, HALF), "the reconstruction": (HALF, ONE)}
MOST_NAMES = 6


def blind(search: Search) -> Iterator[str]:
    """Sentences on the parts of the loss that could be missing or half as large while everything agrees."""
    given = search.given
    if given.weighted:
        return
    for part, (a, b) in PARTS.items():
        own = ("d_mean", f"d_{given.scale}") if part == "the KL" else ("d_logits", "d_x_mean")
        agreed = [q for q in search.agreed if q in ("loss", "bound", *own)]
        if not agreed or (part == "the KL" and given.beta == 0):
            continue
        pieces = search.pieces.having(Place.TOTAL, Weighing(a, b))
        if all(search.fits(q, pieces) for q in agreed):
            where = " and ".join(agreed[:3])
            size = _size(search, part, "loss" if "loss" in agreed else agreed[0])
            yield (
                f"{where} would agree without {part} too: {size}; "
                "pass d_mean and d_z of weights that are not fresh from initialization, or perturb "
                "the weights"
            )


def _size(search: Search, part: str, quantity: str) -> str:
    """How small the part is beside what rounding leaves open."""
    a, b = (number(0.0), ONE) if part == "the KL" else (ONE, number(0.0))
    own = predict(quantity, search.given, search.pieces.having(Place.TOTAL, Weighing(a, b)))
    whole = predict(quantity, search.given, search.pieces)
    if not own or not whole:
        return f"{part} is too small to be seen"
    largest, open_ = np.abs(own[0].value).max(), np.min(whole[0].allowed(search.given.eps))
    return f"{part} is {largest:.2g} there, and rounding leaves ±{open_:.2g} open"


def unseen(search: Search) -> Iterator[str]:
    """What else these arrays do not tell: mistakes under which all would agree, and missing arrays."""
    given, names = search.given, []
    for reading in CATALOGUE:
        bears = [q for q in search.agreed if reading.place in bearing(q, given)]
        pieces = search.pieces.under(reading)
        if (
            bears
            and reading.name not in names
            and all(search.fits(q, pieces) for q in bears)
            and _differs(search, bears, pieces)
        ):
            names.append(reading.name)
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        said = "mistakes that would change these numbers by no more than rounding does"
        yield f"{said}: {', '.join(names[:MOST_NAMES])}{more}"
    yield from missing(given)


def _differs(search: Search, bears: list[str], pieces: Pieces) -> bool:
    """Whether the mistake makes any difference at all to these arrays."""
    for q in bears:
        made, right = (predict(q, search.given, p) for p in (pieces, search.pieces))
        if made and right and not np.array_equal(made[0].value, right[0].value):
            return True
    return False


def missing(given: Given) -> Iterator[str]:
    """Which parts of a step were not looked at, for want of an array."""
    if given.weighted:
        return
    have = set(given.arrays)
    out = (
        "logits"
        if given.logits is not None or (given.likelihood == "bernoulli" and given.x_mean is None)
        else "x_mean"
    )
    if not {"z", "noise"} <= have and not given.evaluation:
        yield f"the sampling: pass {' and '.join(sorted({'z', 'noise'} - have))}"
    if not have & {"loss", "bound"}:
        yield "how the parts are weighed: pass loss"
    if not {"d_mean", f"d_{given.scale}", "d_z"} <= have:
        yield (
            "whether gradients reach the encoder: pass d_mean, d_log_var (or that of std, whichever the "
            "encoder gives) and d_z"
        )
    if f"d_{out}" not in have:
        yield f"whether gradients reach the decoder: pass d_{out}"
