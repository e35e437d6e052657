"""Models: an encoder, roles and a decoder under one name, with encode, decode, reconstruct and sample.

They have scikit-learn's verbs too. FactorAnalysis and ProbabilisticPCA have the same verbs but neither
networks nor a bound, since their log p(x) is exact. NaiveBayes has an observed class in the place of z, and
the first term of its ELBO has a maximum in closed form.
"""

from scratchvae.models.alternation import ALGORITHMS
from scratchvae.models.autoencoder import Autoencoder
from scratchvae.models.conditional_vae import ConditionalVAE
from scratchvae.models.conditions import Classes, Condition, Reals
from scratchvae.models.estimator import Estimator
from scratchvae.models.factor_analysis import FactorAnalysis
from scratchvae.models.helmholtz import HelmholtzMachine
from scratchvae.models.latent_variable_model import LatentVariableModel
from scratchvae.models.linear_gaussian import LinearGaussian
from scratchvae.models.naive_bayes import NaiveBayes
from scratchvae.models.prior_fit import fit_prior, prior_over_codes
from scratchvae.models.probabilistic_pca import ProbabilisticPCA
from scratchvae.models.vae import VAE

__all__ = [
    "ALGORITHMS",
    "VAE",
    "Autoencoder",
    "Classes",
    "Condition",
    "ConditionalVAE",
    "Estimator",
    "FactorAnalysis",
    "HelmholtzMachine",
    "LatentVariableModel",
    "LinearGaussian",
    "NaiveBayes",
    "ProbabilisticPCA",
    "Reals",
    "fit_prior",
    "prior_over_codes",
]
