"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.estimator_noise import EstimatorNoise, estimator_noise
from scratchvae.evaluation.evidence import Evidence, evidence
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood
from scratchvae.evaluation.rate_distortion import RatePoint, rate_distortion, reverse_water_filling

__all__ = [
    "EstimatorNoise",
    "Evidence",
    "RatePoint",
from scratchvae.evaluation.completeness import density_and_coverage, expected_coverage
from scratchvae.evaluation.continuity import Continuity, continuity
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood
from scratchvae.evaluation.regularity import Completeness, Regularity, regularity
from scratchvae.evaluation.two_samples import TwoSampleTest, median_distance, mmd2, two_sample_test

__all__ = [
    "Completeness",
    "Continuity",
    "Regularity",
    "TwoSampleTest",
    "active_units",
    "bits_per_dimension",
    "bound",
    "codes",
    "estimator_noise",
    "evidence",
    "log_likelihood",
    "rate_distortion",
    "reverse_water_filling",
    "continuity",
    "density_and_coverage",
    "expected_coverage",
    "log_likelihood",
    "median_distance",
    "mmd2",
    "regularity",
    "two_sample_test",
]
