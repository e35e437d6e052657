"""Models by name that have an encoder for each half of an example."""

from scratchvae.recipes.named_model import NamedModel

MODALITIES = {
    "mmvae": NamedModel(
        "Shi et al. 2019",
        "An encoder for each half of an example, and a mixture of what they say: each alone explains "
        "both halves.",
        {
            "modalities": 2,
            "posterior": "gaussian_mixture(components=2)",
            "objective": "stratified_elbo",
        },
        ["completion < vae"],
    ),
    "mvae": NamedModel(
        "Wu & Goodman 2018",
        "An encoder for each half of an example, and the product of what they say, learned with halves "
        "missing.",
        {"modalities": 2, "objective": "subsampled_elbo"},
        ["completion < vae"],
    ),
}
