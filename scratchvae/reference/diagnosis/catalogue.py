"""Every mistake that can be named, and the other readings of a step, from the simplest on."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from scratchvae.reference.diagnosis import (
    divergence,
    draws,
    entry_weights,
    importance,
    penalties,
    priors,
    reconstruction,
    sampling,
    total,
    weights,
)
from scratchvae.reference.diagnosis.pieces import Pieces, Place, Reading
from scratchvae.reference.diagnosis.quantities import Given
from scratchvae.reference.diagnosis.suspicions import SUSPICIONS

READINGS: list[Reading] = [
    *sampling.READINGS,
    *reconstruction.READINGS,
    *divergence.READINGS,
    *draws.READINGS,
    *importance.READINGS,
    *total.NAMED,
    *penalties.READINGS,
]
# the right pieces that are written in settings, which may be changed two at a time
PLAINEST: dict[Place, Any] = {
    Place.SAMPLING: sampling.reparameterized,
    Place.DIVERGENCE: divergence.closed_form,
    Place.RECONSTRUCTION: reconstruction.negative_log_likelihood,
}
CATALOGUE = [reading for reading in READINGS if reading.named]


def mistakes() -> dict[str, str]:
    """What each name means, in one sentence with the fix."""
    named: dict[str, list[str]] = {}
    rows = [*((row.name, row.fix) for row in CATALOGUE), *((row.name, row.fix) for row in SUSPICIONS)]
    for name, fix in rows:
        named.setdefault(name, []).extend([fix] if fix not in named.get(name, []) else [])
    return {name: "; or ".join(fixes) for name, fixes in named.items()}


def levels(given: Given, pieces: Pieces, places: frozenset[Place], *, pairs: bool) -> Iterator[list[Reading]]:
    """Readings of these places, the simplest first: one change, a number, two changes, several numbers.

    `pairs`: whether there is enough to tell one of a thousand pairs of changes from another.
    """
    single = [reading for reading in READINGS if reading.place in places]
    yield [reading for reading in single if reading.named]
    yield [reading for reading in single if not reading.named]
    solved = list(_solved(given, pieces, places))
    yield [*(weights.plain(given) if Place.TOTAL in places else []), *(r for r in solved if r.solved <= 1)]
    yield [*(total.PAIRS if Place.TOTAL in places else []), *(_pairs(single) if pairs else [])]
    yield [r for r in solved if r.solved > 1]


def _solved(given: Given, pieces: Pieces, places: frozenset[Place]) -> Iterator[Reading]:
    parts = {Place.SAMPLING: sampling, Place.DIVERGENCE: priors, Place.RECONSTRUCTION: entry_weights}
    for place in places & set(parts):
        yield from parts[place].solve(given)
    if Place.TOTAL in places:
        yield from weights.solve(given, pieces)


def _pairs(single: list[Reading]) -> Iterator[Reading]:
    """Two changes of one place, each of another of its settings."""
    for i, one in enumerate(single):
        for other in single[i + 1 :]:
            joined = _joined(one, other)
            if joined is not None:
                yield joined


def _joined(one: Reading, other: Reading) -> Reading | None:
    """Both changes at once; None where they are of different places, or of one setting."""
    first, second = _changes(one), _changes(other)
    if one.place is not other.place or not first or not second or set(first) & set(second):
        return None
    both = replace(PLAINEST[one.place], **first, **second)
    named = one.named and other.named
    return Reading(f"{one.name} + {other.name}", one.place, both, f"{one.fix}; and {other.fix}", named)


def _changes(reading: Reading) -> dict[str, Any]:
    """The settings in which its piece is not the right one."""
    plain = PLAINEST.get(reading.place)
    if plain is None or type(reading.computes) is not type(plain):
        return {}
    settings = {
        f.name: (getattr(reading.computes, f.name), getattr(plain, f.name))
        for f in fields(PLAINEST[reading.place])
    }
    return {name: found for name, (found, right) in settings.items() if found != right}
