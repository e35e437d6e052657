"""The case table: every public op and distribution, every layer, every objective and role, on small float64 arrays."""

from scratchvae.reference.cases import distributions, layers, objectives, ops
from scratchvae.reference.cases.case import Case
from scratchvae.reference.cases.sampling import SamplingCase, sampling_cases


def all_cases() -> list[Case]:
    """The whole table."""
    return [*ops.CASES, *distributions.CASES, *layers.cases(), *objectives.cases()]


__all__ = ["Case", "SamplingCase", "all_cases", "distributions", "layers", "objectives", "ops", "sampling_cases"]
