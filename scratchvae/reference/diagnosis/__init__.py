"""Hold any VAE code against this one, and be told which quantity departs first and which mistake it is."""

from scratchvae.reference.diagnosis.catalogue import CATALOGUE, mistakes
from scratchvae.reference.diagnosis.diagnosing import assert_matches, diagnose
from scratchvae.reference.diagnosis.divergence import KL_DETACHED
from scratchvae.reference.diagnosis.estimates import ESTIMATES
from scratchvae.reference.diagnosis.examination import Examination, examine
from scratchvae.reference.diagnosis.gradients import of_kl_through_z
from scratchvae.reference.diagnosis.pieces import (
    Piece,
    Pieces,
    Place,
    Reading,
    Terms,
    d_std_read_as,
    std_read_as,
)
from scratchvae.reference.diagnosis.predictions import predict
from scratchvae.reference.diagnosis.quantities import ALIASES, LIKELIHOODS, SCALES, Given, canonical
from scratchvae.reference.diagnosis.reading import AS_MEANT, read
from scratchvae.reference.diagnosis.report import Report
from scratchvae.reference.diagnosis.right import RIGHT
from scratchvae.reference.diagnosis.sampling import NOISE_MISSING
from scratchvae.reference.diagnosis.verdict import Finding, Line, Outcome, Verdict
from scratchvae.reference.diagnosis.whereabouts import UNKNOWN

__all__ = [
    "ALIASES",
    "AS_MEANT",
    "CATALOGUE",
    "ESTIMATES",
    "KL_DETACHED",
    "LIKELIHOODS",
    "NOISE_MISSING",
    "RIGHT",
    "SCALES",
    "UNKNOWN",
    "Examination",
    "Finding",
    "Given",
    "Line",
    "Outcome",
    "Piece",
    "Pieces",
    "Place",
    "Reading",
    "Report",
    "Terms",
    "Verdict",
    "assert_matches",
    "canonical",
    "d_std_read_as",
    "diagnose",
    "examine",
    "mistakes",
    "of_kl_through_z",
    "predict",
    "read",
    "std_read_as",
]
