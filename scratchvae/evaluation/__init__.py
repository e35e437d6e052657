"""What a model has learned, in numbers."""

from scratchvae.evaluation.bound import bound
from scratchvae.evaluation.enumeration import Enumeration, binary_states, enumerate_hidden
from scratchvae.evaluation.latent_usage import active_units, codes
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood

__all__ = [
    "Enumeration",
    "active_units",
    "binary_states",
    "bits_per_dimension",
    "bound",
    "codes",
    "enumerate_hidden",
    "log_likelihood",
]
