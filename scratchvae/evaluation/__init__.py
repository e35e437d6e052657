"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood

__all__ = ["active_units", "bits_per_dimension", "bound", "codes", "log_likelihood"]
