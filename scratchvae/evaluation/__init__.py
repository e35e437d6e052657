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
    "active_units",
    "bits_per_dimension",
    "bound",
    "codes",
    "estimator_noise",
    "evidence",
    "log_likelihood",
    "rate_distortion",
    "reverse_water_filling",
]
