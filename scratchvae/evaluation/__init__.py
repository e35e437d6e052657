"""Measurements of what a model has learned."""

from scratchvae.evaluation.answers import require_answers
from scratchvae.evaluation.ascent import Ascent, ascend, bound_on_grid
from scratchvae.evaluation.bound import NotFinite, bound, what_went_first
from scratchvae.evaluation.code_usage import code_usage, perplexity
from scratchvae.evaluation.coherence import coherence, likeliest_words
from scratchvae.evaluation.completeness import density_and_coverage, expected_coverage
from scratchvae.evaluation.continuity import Continuity, continuity
from scratchvae.evaluation.enumeration import Enumeration, binary_states, enumerate_hidden
from scratchvae.evaluation.estimator_noise import EstimatorNoise, estimator_noise
from scratchvae.evaluation.evidence import Evidence, evidence
from scratchvae.evaluation.expectation import Expectation, expectation_by_quadrature, expectation_by_sampling
from scratchvae.evaluation.hidden_entries import HiddenEntries, impute_hidden
from scratchvae.evaluation.imputation import Imputation, impute
from scratchvae.evaluation.kl_decomposition import KlDecomposition, decompose_kl
from scratchvae.evaluation.latent_usage import active_units, codes, kl_by_latent
from scratchvae.evaluation.linear_gaussian_bound import linear_gaussian_bound
from scratchvae.evaluation.log_likelihood import bits_per_dimension, log_likelihood
from scratchvae.evaluation.quadrature import Grid, even_grid, log_q_on_grid
from scratchvae.evaluation.rate_distortion import RatePoint, rate_distortion, reverse_water_filling
from scratchvae.evaluation.regularity import Completeness, Regularity, regularity
from scratchvae.evaluation.row_noise import RowNoise
from scratchvae.evaluation.two_samples import TwoSampleTest, median_distance, mmd2, two_sample_test

__all__ = [
    "Ascent",
    "Completeness",
    "Continuity",
    "Enumeration",
    "EstimatorNoise",
    "Evidence",
    "Expectation",
    "Grid",
    "HiddenEntries",
    "Imputation",
    "KlDecomposition",
    "NotFinite",
    "RatePoint",
    "Regularity",
    "RowNoise",
    "TwoSampleTest",
    "active_units",
    "ascend",
    "binary_states",
    "bits_per_dimension",
    "bound",
    "bound_on_grid",
    "code_usage",
    "codes",
    "coherence",
    "continuity",
    "decompose_kl",
    "density_and_coverage",
    "enumerate_hidden",
    "estimator_noise",
    "even_grid",
    "evidence",
    "expectation_by_quadrature",
    "expectation_by_sampling",
    "expected_coverage",
    "impute",
    "impute_hidden",
    "kl_by_latent",
    "likeliest_words",
    "linear_gaussian_bound",
    "log_likelihood",
    "log_q_on_grid",
    "median_distance",
    "mmd2",
    "perplexity",
    "rate_distortion",
    "regularity",
    "require_answers",
    "reverse_water_filling",
    "two_sample_test",
    "what_went_first",
]
