"""The table of cases that every check of the library runs through."""

from scratchvae.reference.case import Case
from scratchvae.reference.cases import all_cases
from scratchvae.reference.sampling import SamplingCase, sampling_cases

__all__ = ["Case", "SamplingCase", "all_cases", "sampling_cases"]
