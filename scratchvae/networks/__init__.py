"""Networks from plain numbers, and roles by name: the parts that every kind of model is built of.

This room is below the models, so that a model that was given no networks can build them when it first sees
data.
"""

from scratchvae.networks.chosen_roles import (
    likelihood_chosen,
    posterior_chosen,
    prior_chosen,
    require_numbers,
    weights_generator,
)
from scratchvae.networks.encoder_ends import (
    FILLS,
    decoded_width,
    encoder_inputs,
    first_layers,
    last_layers,
    n_features,
    q_params_layers,
)
from scratchvae.networks.matching import PosteriorMismatch
from scratchvae.networks.mlp import Networks, classifier_chosen, critic_chosen, mlp_networks
from scratchvae.networks.roles import LIKELIHOODS, POSTERIOR, POSTERIORS, PRIOR, PRIORS, Parts

__all__ = [
    "FILLS",
    "LIKELIHOODS",
    "POSTERIOR",
    "POSTERIORS",
    "PRIOR",
    "PRIORS",
    "Networks",
    "Parts",
    "PosteriorMismatch",
    "classifier_chosen",
    "critic_chosen",
    "decoded_width",
    "encoder_inputs",
    "first_layers",
    "last_layers",
    "likelihood_chosen",
    "mlp_networks",
    "n_features",
    "posterior_chosen",
    "prior_chosen",
    "q_params_layers",
    "require_numbers",
    "weights_generator",
]
