"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood
from scratchvae.evaluation.rate_distortion import RatePoint, rate_distortion, reverse_water_filling

__all__ = [
    "RatePoint",
    "active_units",
    "bits_per_dimension",
    "bound",
    "codes",
    "log_likelihood",
    "rate_distortion",
    "reverse_water_filling",
]
