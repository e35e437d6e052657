"""The role p(z): what latents look like before any data is seen."""

from scratchvae.priors.conditional_gaussian import ConditionalGaussian
from scratchvae.priors.gaussian_mixture import GaussianMixture
from scratchvae.priors.interface import Prior
from scratchvae.priors.mixture_fit import fit_mixture
from scratchvae.priors.standard_gaussian import StandardGaussian
from scratchvae.priors.vamp import VampPrior

__all__ = ["ConditionalGaussian", "GaussianMixture", "Prior", "StandardGaussian", "VampPrior", "fit_mixture"]
