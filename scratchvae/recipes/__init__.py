"""Builders of models from plain numbers and names, with weights drawn from a seed, and the tables that
choices are made from.
"""

from scratchvae.networks import FILLS, LIKELIHOODS, POSTERIORS, PRIORS, Parts, require_numbers
from scratchvae.recipes.assembly import MODELS
from scratchvae.recipes.belief_net import belief_net
from scratchvae.recipes.catalogue import RECIPES
from scratchvae.recipes.convolutional import convolutional
from scratchvae.recipes.learning import OBJECTIVES, OPTIMIZERS, PENALTIES, SCHEDULES
from scratchvae.recipes.linear_gaussian import SolvedVAE, factor_analysis, probabilistic_pca
from scratchvae.recipes.mlp import mlp
from scratchvae.recipes.named_model import NamedModel
from scratchvae.recipes.named_models import NAMED_MODELS, named_models

TABLES = (RECIPES, MODELS, LIKELIHOODS, POSTERIORS, PRIORS, OBJECTIVES, PENALTIES, OPTIMIZERS, SCHEDULES)

__all__ = [
    "FILLS",
    "LIKELIHOODS",
    "MODELS",
    "NAMED_MODELS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "PENALTIES",
    "POSTERIORS",
    "PRIORS",
    "RECIPES",
    "SCHEDULES",
    "TABLES",
    "NamedModel",
    "Parts",
    "SolvedVAE",
    "belief_net",
    "convolutional",
    "factor_analysis",
    "mlp",
    "named_models",
    "probabilistic_pca",
    "require_numbers",
]
