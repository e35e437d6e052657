"""Every recipe by its name, for `scratchvae train --recipe` and for a run's config.json."""

from scratchvae.choices import Table
from scratchvae.recipes.belief_net import belief_net
from scratchvae.recipes.convolutional import convolutional
from scratchvae.recipes.linear_gaussian import factor_analysis, probabilistic_pca
from scratchvae.recipes.mlp import mlp

RECIPES = Table(
    "recipe",
    {
        "belief_net": belief_net,
        "convolutional": convolutional,
        "factor_analysis": factor_analysis,
        "mlp": mlp,
        "probabilistic_pca": probabilistic_pca,
    },
    given=("event_shape", "schema", "seed"),
)
