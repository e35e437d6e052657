"""The role p(x|z): how many numbers a decoder must output, and the distribution over data that they feed."""

from scratchvae.likelihoods.bernoulli import Bernoulli
from scratchvae.likelihoods.beta import Beta
from scratchvae.likelihoods.blocks import Blocks
from scratchvae.likelihoods.categorical import Categorical
from scratchvae.likelihoods.categories import Categories
from scratchvae.likelihoods.completion import missing_mean, missing_sample
from scratchvae.likelihoods.continuous_bernoulli import ContinuousBernoulli
from scratchvae.likelihoods.discretized_logistic import DiscretizedLogistic
from scratchvae.likelihoods.encoded import Encoded
from scratchvae.likelihoods.gaussian import Gaussian, GaussianDiagonal, GaussianPerPixel
from scratchvae.likelihoods.gaussian_optimal import GaussianOptimal
from scratchvae.likelihoods.interface import Likelihood, OutsideSupport, for_each_draw, require_each
from scratchvae.likelihoods.laplace import Laplace
from scratchvae.likelihoods.log_normal import LogNormal
from scratchvae.likelihoods.missing import fill_missing
from scratchvae.likelihoods.multinomial import Multinomial
from scratchvae.likelihoods.negative_binomial import NegativeBinomial
from scratchvae.likelihoods.of_schema import of_schema
from scratchvae.likelihoods.ordered import Ordered
from scratchvae.likelihoods.poisson import Poisson
from scratchvae.likelihoods.standardized import Standardized, column_moments, column_range
from scratchvae.likelihoods.student_t import StudentT
from scratchvae.likelihoods.support import require_batch_supported, require_supported

__all__ = [
    "Bernoulli",
    "Beta",
    "Blocks",
    "Categorical",
    "Categories",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Encoded",
    "Gaussian",
    "GaussianDiagonal",
    "GaussianOptimal",
    "GaussianPerPixel",
    "Laplace",
    "Likelihood",
    "LogNormal",
    "Multinomial",
    "NegativeBinomial",
    "Ordered",
    "OutsideSupport",
    "Poisson",
    "Standardized",
    "StudentT",
    "column_moments",
    "column_range",
    "fill_missing",
    "for_each_draw",
    "missing_mean",
    "missing_sample",
    "of_schema",
    "require_batch_supported",
    "require_each",
    "require_supported",
]
