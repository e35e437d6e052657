"""The table of cases that every check of the library runs through, and the diagnosis of other code against it."""

from scratchvae.reference.case import Case
from scratchvae.reference.cases import all_cases
from scratchvae.reference.diagnosis import ALIASES, CATALOGUE, Report, assert_matches, diagnose
from scratchvae.reference.sampling import SamplingCase, sampling_cases

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "Case",
    "Report",
    "SamplingCase",
    "all_cases",
    "assert_matches",
    "diagnose",
    "sampling_cases",
]
