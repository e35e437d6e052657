"""Models by the names of papers whose latents are codes of a codebook."""

from scratchvae.recipes.named_model import NamedModel

CODEBOOK = "groups=2, decay=0.98, revive=50"  # moves by averages, and codes that nothing chooses by hand
NAMED_CODES: dict[str, NamedModel] = {
    "rq_vae": NamedModel(
        "Lee et al. 2022",
        "Four codes for each part, each the nearest to what those before it leave over.",
        {"posterior": f"vq(depth=4, {CODEBOOK})", "prior": "codes"},
        ["log_px > vq_vae"],
    ),
    "vq_vae": NamedModel(
        "van den Oord et al. 2017",
        "The latents are the two nearest of the 64 codes of a codebook.",
        {"posterior": f"vq({CODEBOOK})", "prior": "codes"},
        ["perplexity > 16"],
    ),
    "vq_vae_autoregressive": NamedModel(
        "van den Oord et al. 2017",
        "A vq_vae whose prior knows which codes follow on which.",
        {"posterior": f"vq({CODEBOOK})", "prior": "autoregressive"},
        ["kl < vq_vae", "bound > vq_vae"],
    ),
}
