"""Models of texts by name, which are trained on docstrings unless other texts are given."""

from scratchvae.recipes.named_model import NamedModel

# counts of words are large and few: with bounds of log σ² and a clipped gradient a few hundred steps suffice
TEXTS = {
    "data": "docstrings",
    "likelihood": "multinomial",
    "prior": "logistic_normal",
    "log_var_bounds": (-8, 8),
    "learning_rate": 0.005,
    "batch_size": 32,
    "max_norm": 10,
}
TOPICS = {
    "nvlda": NamedModel(
        "Srivastava & Sutton 2017",
        "Latent Dirichlet allocation: a document is a mixture of topics, its shares nearly Dirichlet.",
        {**TEXTS, "topics": "mixture"},
        ["coherence > 0.05"],
    ),
    "prodlda": NamedModel(
        "Srivastava & Sutton 2017",
        "A document is a product of topics, each to the power of its share, and the shares are nearly "
        "Dirichlet.",
        {**TEXTS, "topics": "product"},
        ["coherence > 0.05", "log_likelihood > nvlda"],
    ),
}
