"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.estimator_noise import EstimatorNoise, estimator_noise
from scratchvae.evaluation.evidence import Evidence, evidence
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood

__all__ = [
    "EstimatorNoise",
    "Evidence",
    "active_units",
    "bits_per_dimension",
    "bound",
    "codes",
    "estimator_noise",
    "evidence",
    "log_likelihood",
]
