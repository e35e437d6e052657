"""Every mistake that can be named, and the other readings of a step, from the simplest on."""

from collections.abc import Iterator
from dataclasses import replace

from scratchvae.reference.diagnosis import divergence, draws, importance, priors, reconstruction, sampling, total, weights
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
]
CATALOGUE = [reading for reading in READINGS if reading.named]


def mistakes() -> dict[str, str]:
    """What each name means, in one sentence with the fix."""
    named: dict[str, list[str]] = {}
    rows = [*((row.name, row.fix) for row in CATALOGUE), *((row.name, row.fix) for row in SUSPICIONS)]
    for name, fix in rows:
        named.setdefault(name, []).extend([fix] if fix not in named.get(name, []) else [])
    return {name: "; or ".join(fixes) for name, fixes in named.items()}


def levels(given: Given, pieces: Pieces, places: frozenset[Place]) -> Iterator[list[Reading]]:
    """Readings of these places, the simplest first: one change, a number, two changes, several numbers."""
    single = [reading for reading in READINGS if reading.place in places]
    yield [reading for reading in single if reading.named]
    yield [reading for reading in single if not reading.named]
    solved = list(_solved(given, pieces, places))
    yield [*(weights.plain(given) if Place.TOTAL in places else []), *(r for r in solved if r.solved <= 1)]
    yield [*(total.PAIRS if Place.TOTAL in places else []), *_pairs(single)]
    yield [r for r in solved if r.solved > 1]


def _solved(given: Given, pieces: Pieces, places: frozenset[Place]) -> Iterator[Reading]:
    parts = {Place.SAMPLING: sampling, Place.DIVERGENCE: priors, Place.RECONSTRUCTION: reconstruction}
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
    first, second = one.computes, other.computes
    if one.place is not other.place or type(first) is not type(second) or not hasattr(first, "__dataclass_fields__"):
        return None
    if one.place is Place.TOTAL:
        return None
    plain = type(first)() if one.place is not Place.RECONSTRUCTION else reconstruction.negative_log_likelihood
    changes = [{n: getattr(c, n) for n in c.__dataclass_fields__ if getattr(c, n) != getattr(plain, n)} for c in (first, second)]
    if set(changes[0]) & set(changes[1]) or not (changes[0] and changes[1]):
        return None
    both = replace(first, **changes[1])
    named = one.named and other.named
    return Reading(f"{one.name} + {other.name}", one.place, both, f"{one.fix}; and {other.fix}", named)
