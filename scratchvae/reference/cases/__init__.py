"""The case table: every public op and distribution, every layer, every objective and role, on small float64 arrays."""

from scratchvae.reference.case import Case
from scratchvae.reference.cases import distributions, layers, objectives, ops


def all_cases() -> list[Case]:
    """The whole table."""
    return [*ops.CASES, *distributions.CASES, *layers.cases(), *objectives.cases()]


__all__ = ["all_cases", "distributions", "layers", "objectives", "ops"]
