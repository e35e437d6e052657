"""Models by the names that papers gave them, each made of a few choices from the other tables.

A new name is one row of the table. The row has the paper, a sentence, the settings of a run that the name
stands for, and what the paper promises of it: comparisons with the runs of other names, which
`scratchvae results` can measure.
"""

from scratchvae.recipes.named_codes import NAMED_CODES
from scratchvae.recipes.named_modalities import MODALITIES
from scratchvae.recipes.named_model import NamedModel, listed
from scratchvae.recipes.named_topics import TOPICS

CODES, CRITIC = "autoencoder", (256, 256)
NAMED_MODELS: dict[str, NamedModel] = {
    "aae": NamedModel(
        "Makhzani et al. 2015",
        "An autoencoder whose codes fool a critic that tells them from draws of the prior.",
        {
            "model": CODES,
            "critic": CRITIC,
            "penalty": ["critic(weight=10, against=prior, form=non_saturating)"],
        },
        ["mmd < autoencoder"],
    ),
    "annealed": NamedModel(
        "Bowman et al. 2016",
        "The weight of the KL rises from 0 to 1 in the first half of the run.",
        {"beta": "cycles(count=1)"},
        ["active_units >= vae"],
    ),
    "autoencoder": NamedModel(
        "Hinton & Salakhutdinov 2006",
        "A code for each example, and nothing that makes codes follow a prior.",
        {"model": CODES},
        ["log_px > vae"],
    ),
    "beta": NamedModel(
        "Higgins et al. 2017",
        "The KL weighs more than the bound asks, so that latents are used sparingly and apart.",
        {"beta": 4},
        ["kl < vae", "total_correlation < vae"],
    ),
    "beta_tc": NamedModel(
        "Chen et al. 2018",
        "Of the KL only the total correlation weighs 4, estimated from each batch.",
        {"penalty": ["total_correlation(weight=3)"]},
        ["total_correlation < vae", "log_px > beta"],
    ),
    "capacity": NamedModel(
        "Burgess et al. 2018",
        "The KL is held at a capacity that grows from 0 to 25 nats in the first half of the run.",
        {"beta": 30, "capacity": "cycles(count=1, end=25)"},
        ["kl > 20", "kl < 30"],
    ),
    "ciwae": NamedModel(
        "Rainforth et al. 2018",
        "A mean of the bound of one draw and of that of eight.",
        {"objective": "ciwae(samples=8)"},
        ["log_likelihood > vae"],
    ),
    "contractive": NamedModel(
        "Rifai et al. 2011",
        "An autoencoder whose codes move little when the data do.",
        {"model": CODES, "penalty": ["contraction(weight=0.1)"]},
        ["contraction < autoencoder"],
    ),
    "cyclical": NamedModel(
        "Fu et al. 2019",
        "The weight of the KL rises from 0 to 1 four times.",
        {"beta": "cycles(count=4)"},
        ["active_units >= vae"],
    ),
    "denoising": NamedModel(
        "Vincent et al. 2010",
        "An autoencoder that sees examples with a quarter of their entries struck out.",
        {"model": CODES, "objective": "reconstruction(mask_rate=0.25)"},
        ["denoised > autoencoder"],
    ),
    "dip_vae_i": NamedModel(
        "Kumar et al. 2018",
        "The means of q(z|x) are to have the identity as their covariance.",
        {"penalty": ["covariance(weight=10, diagonal=10)"]},
        ["covariance < vae"],
    ),
    "dip_vae_ii": NamedModel(
        "Kumar et al. 2018",
        "The draws of q(z|x) are to have the identity as their covariance.",
        {"penalty": ["covariance(weight=10, of=draws)"]},
        ["covariance_of_draws < vae"],
    ),
    "dreg": NamedModel(
        "Tucker et al. 2019",
        "IWAE with the gradient whose signal does not fade with the number of draws.",
        {"objective": "iwae(samples=5, gradient=dreg)"},
        ["log_likelihood > vae"],
    ),
    "factor_vae": NamedModel(
        "Kim & Mnih 2018",
        "The total correlation weighs more, estimated by a critic of the codes.",
        {"critic": CRITIC, "penalty": ["critic(weight=3)"]},
        ["total_correlation < vae", "log_px > beta"],
    ),
    "free_bits": NamedModel(
        "Kingma et al. 2016",
        "Each latent has a tenth of a nat of KL that costs nothing.",
        {"free_bits": 0.1},
        ["active_units >= vae"],
    ),
    "full_covariance": NamedModel(
        "Kingma & Welling 2019",
        "Latents may depend on each other in q(z|x).",
        {"posterior": "full_gaussian"},
        ["log_likelihood > vae"],
    ),
    "info_vae": NamedModel(
        "Zhao et al. 2019",
        "Half of the KL is left away, α = 0.5, and the MMD of the codes from the prior weighs α + λ − 1 "
        "= 500.",
        {"beta": 0.5, "penalty": ["mmd(weight=500)"]},
        ["mmd < vae", "active_units >= vae"],
    ),
    "iwae": NamedModel(
        "Burda et al. 2016",
        "The bound of five draws, which weigh by how well they explain the example.",
        {"objective": "iwae(samples=5)"},
        ["log_likelihood > vae"],
    ),
    "ladder": NamedModel(
        "Sønderby et al. 2016",
        "Latents in two layers, the lower one inferred from the example and from the upper one.",
        {"posterior": "ladder", "prior": "hierarchical"},
        ["log_likelihood > vae"],
    ),
    "m2": NamedModel(
        "Kingma et al. 2014",
        "A conditional VAE that infers the classes it is not told: 1000 examples keep their labels.",
        {
            "model": "conditional_vae",
            "classifier": 400,
            "objective": "semi_supervised(alpha=100)",
            "labelled": 1000,
        },
        ["accuracy > 0.7"],
    ),
    "miwae": NamedModel(
        "Rainforth et al. 2018",
        "The mean of four bounds of four draws each.",
        {"objective": "miwae(groups=4, samples=4)"},
        ["log_likelihood > vae"],
    ),
    "piwae": NamedModel(
        "Rainforth et al. 2018",
        "The decoder learns by one bound of many draws, the encoder by a mean of bounds of fewer.",
        {"objective": "piwae(groups=4, samples=4)"},
        ["log_likelihood > vae"],
    ),
    "rae_gp": NamedModel(
        "Ghosh et al. 2020",
        "An autoencoder with short codes and a decoder of small slope; a mixture is fitted to its codes "
        "afterwards.",
        {"model": CODES, "penalty": ["l2(weight=0.1)", "decoder_gradient(weight=0.05)"]},
        ["decoder_gradient < autoencoder"],
    ),
    "rae_l2": NamedModel(
        "Ghosh et al. 2020",
        "An autoencoder with short codes and small weights of its decoder; a mixture is fitted to its "
        "codes afterwards.",
        {"model": CODES, "penalty": ["l2(weight=0.1)", "decoder_norm(weight=0.01)"]},
        ["norm < autoencoder"],
    ),
    "renyi": NamedModel(
        "Li & Turner 2016",
        "A bound between those of IWAE and of the VAE, α = 0.5.",
        {"objective": "renyi(samples=5, alpha=0.5)"},
        ["log_likelihood > vae"],
    ),
    "sparse": NamedModel(
        "Ng 2011",
        "An autoencoder whose codes are near 0 but for a few entries.",
        {"model": CODES, "penalty": ["l1(weight=1)"]},
        ["sparsity < autoencoder"],
    ),
    "stl": NamedModel(
        "Roeder et al. 2017",
        "The gradient of the bound without the part that is 0 on average.",
        {"objective": "sampled_elbo(gradient=stl)"},
        ["bound > vae"],
    ),
    "swae": NamedModel(
        "Kolouri et al. 2019",
        "An autoencoder whose codes are near the prior in the sliced Wasserstein distance.",
        {"model": CODES, "penalty": ["sliced_wasserstein(weight=100)"]},
        ["mmd < autoencoder"],
    ),
    "thermodynamic": NamedModel(
        "Masrani et al. 2019",
        "log p(x) as an integral along a path from q(z|x) to the posterior, of which a sum is taken.",
        {"objective": "thermodynamic(samples=5)"},
        ["log_likelihood > vae"],
    ),
    "vae": NamedModel(
        "Kingma & Welling 2014",
        "The evidence lower bound, with one draw of each example.",
        {"model": "vae"},
        ["kl > 1"],
    ),
    "vamp": NamedModel(
        "Tomczak & Welling 2018",
        "The prior is a mixture of the model's own q(z|u) at learned examples u.",
        {"prior": "vamp"},
        ["log_likelihood > vae"],
    ),
    "wae_gan": NamedModel(
        "Tolstikhin et al. 2018",
        "A Wasserstein autoencoder by a critic: the adversarial autoencoder whose penalty weighs twice "
        "as much.",
        {
            "model": CODES,
            "critic": CRITIC,
            "penalty": ["critic(weight=20, against=prior, form=non_saturating)"],
        },
        ["mmd < autoencoder"],
    ),
    "wae_mmd": NamedModel(
        "Tolstikhin et al. 2018",
        "A Wasserstein autoencoder by the maximum mean discrepancy of the codes from the prior.",
        {"model": CODES, "penalty": ["mmd(weight=500)"]},
        ["mmd < autoencoder"],
    ),
}
NAMED_MODELS = dict(sorted({**NAMED_MODELS, **NAMED_CODES, **MODALITIES, **TOPICS}.items()))


def named_models() -> str:
    """The table in words: each name with its settings, its sentence and its paper."""
    return listed(NAMED_MODELS)
