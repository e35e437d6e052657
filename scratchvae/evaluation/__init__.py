"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.completeness import density_and_coverage, expected_coverage
from scratchvae.evaluation.continuity import Continuity, continuity
from scratchvae.evaluation.enumeration import Enumeration, binary_states, enumerate_hidden
from scratchvae.evaluation.estimator_noise import EstimatorNoise, estimator_noise
from scratchvae.evaluation.evidence import Evidence, evidence
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood
from scratchvae.evaluation.rate_distortion import RatePoint, rate_distortion, reverse_water_filling
from scratchvae.evaluation.regularity import Completeness, Regularity, regularity
from scratchvae.evaluation.two_samples import TwoSampleTest, median_distance, mmd2, two_sample_test

__all__ = [
    "Completeness",
    "Continuity",
    "Enumeration",
    "EstimatorNoise",
    "Evidence",
    "RatePoint",
    "Regularity",
    "TwoSampleTest",
    "active_units",
    "binary_states",
    "bits_per_dimension",
    "bound",
    "codes",
    "continuity",
    "density_and_coverage",
    "enumerate_hidden",
    "estimator_noise",
    "evidence",
    "expected_coverage",
    "log_likelihood",
    "median_distance",
    "mmd2",
    "rate_distortion",
    "regularity",
    "reverse_water_filling",
    "two_sample_test",
]
