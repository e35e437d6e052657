"""Every mistake that can be named: rows that replace a piece of the step, and what is seen without one."""

from scratchvae.reference.diagnosis import divergence, draws, importance, reconstruction, sampling, total
from scratchvae.reference.diagnosis.pieces import Mistake
from scratchvae.reference.diagnosis.suspicions import SUSPICIONS

CATALOGUE: list[Mistake] = [
    *sampling.MISTAKES,
    *reconstruction.MISTAKES,
    *divergence.MISTAKES,
    *draws.MISTAKES,
    *importance.MISTAKES,
    *total.MISTAKES,
]


def mistakes() -> dict[str, str]:
    """What each name means, in one sentence with the fix."""
    named: dict[str, list[str]] = {}
    rows = [*((row.name, row.fix) for row in CATALOGUE), *((row.name, row.fix) for row in SUSPICIONS)]
    for name, fix in rows:
        named.setdefault(name, []).extend([fix] if fix not in named.get(name, []) else [])
    return {name: "; or ".join(fixes) for name, fixes in named.items()}
