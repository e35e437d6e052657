"""The role p(z): the law of latents before any data is seen."""

from scratchvae.priors.autoregressive_codes import AutoregressiveCodes
from scratchvae.priors.codes import CodePrior, Codes
from scratchvae.priors.concrete import ConcretePrior
from scratchvae.priors.conditional_gaussian import ConditionalGaussian
from scratchvae.priors.flow import FlowPrior
from scratchvae.priors.gaussian_mixture import GaussianMixture
from scratchvae.priors.hierarchical import HierarchicalGaussian
from scratchvae.priors.interface import Prior
from scratchvae.priors.logistic_normal import LogisticNormal
from scratchvae.priors.mixture_fit import fit_mixture
from scratchvae.priors.one_hot import OneHot
from scratchvae.priors.product import ProductPrior
from scratchvae.priors.spaces import require_one_space
from scratchvae.priors.standard_gaussian import StandardGaussian
from scratchvae.priors.two_stage import TwoStage
from scratchvae.priors.uniform_sphere import UniformSphere
from scratchvae.priors.vamp import VampPrior

__all__ = [
    "AutoregressiveCodes",
    "CodePrior",
    "Codes",
    "ConcretePrior",
    "ConditionalGaussian",
    "FlowPrior",
    "GaussianMixture",
    "HierarchicalGaussian",
    "LogisticNormal",
    "OneHot",
    "Prior",
    "ProductPrior",
    "StandardGaussian",
    "TwoStage",
    "UniformSphere",
    "VampPrior",
    "fit_mixture",
    "require_one_space",
]
