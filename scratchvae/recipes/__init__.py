"""Builders of models from plain numbers and names, float32, with weights drawn from a seed."""

from scratchvae.recipes.belief_net import belief_net
from scratchvae.recipes.catalogue import CATALOGUE, build
from scratchvae.recipes.convolutional import convolutional
from scratchvae.recipes.mlp import mlp
from scratchvae.recipes.roles import FILLS, LIKELIHOODS, POSTERIORS, PRIORS

__all__ = ["CATALOGUE", "FILLS", "LIKELIHOODS", "POSTERIORS", "PRIORS", "belief_net", "build", "convolutional", "mlp"]
