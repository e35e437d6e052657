"""Hold any VAE code against this one, and be told which quantity departs first and which mistake it is."""

from scratchvae.reference.diagnosis.catalogue import CATALOGUE, mistakes
from scratchvae.reference.diagnosis.diagnosing import assert_matches, diagnose
from scratchvae.reference.diagnosis.pieces import Mistake
from scratchvae.reference.diagnosis.quantities import ALIASES, LIKELIHOODS
from scratchvae.reference.diagnosis.report import Finding, Line, Report

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "LIKELIHOODS",
    "Finding",
    "Line",
    "Mistake",
    "Report",
    "assert_matches",
    "diagnose",
    "mistakes",
]
