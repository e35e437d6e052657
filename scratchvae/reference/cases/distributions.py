"""Cases of the distributions, at least one for each function that returns a pullback."""

import numpy as np

from scratchvae.distributions import (
    bernoulli,
    categorical,
    gaussian,
    gaussian_algebra,
    gaussian_full,
    laplace,
    mixture,
    multinomial,
    poisson,
)
from scratchvae.reference.cases.case import Case, cholesky_factors, normal

B, D = 3, 4
MEAN, LOG_VAR = normal(B, D, seed=1), normal(B, D, seed=2)
OTHER = {"other_mean": normal(B, D, seed=3), "other_log_var": normal(B, D, seed=4)}
FACTOR, OTHER_FACTOR = cholesky_factors(B, D, seed=5), cholesky_factors(B, D, seed=6)
TWO_FULL = {"mean": MEAN, "L": FACTOR, "other_mean": OTHER["other_mean"], "other_L": OTHER_FACTOR}
COVARIANCE, OTHER_COVARIANCE = (L @ L.transpose(0, 2, 1) + np.eye(D) for L in (FACTOR, OTHER_FACTOR))
LAW = {"mean": MEAN, "S": COVARIANCE}
TWO_LAWS = {**LAW, "other_mean": OTHER["other_mean"], "other_S": OTHER_COVARIANCE}
MAP = {"A": normal(2, D, seed=9), "b": normal(2, seed=10)}
COUNTS = np.array([[0, 3, 1, 20], [1, 0, 0, 0], [7, 2, 40, 5]], np.float64)
TWO_DRAWS = {"noise": normal(2 * B, D, seed=3), "draws": 2}
PIXELS = np.array([[0, 1, 0.3, 1], [1, 0, 0.9, 0], [0, 0, 1, 0.5]])

CASES = [
    Case("gaussian.log_prob", gaussian.log_prob, {"x": normal(B, D), "mean": MEAN, "log_var": LOG_VAR}),
    Case("gaussian.standard_log_prob", gaussian.standard_log_prob, {"x": normal(B, D)}),
    Case("gaussian.reparameterize", gaussian.reparameterize, {"mean": MEAN, "log_var": LOG_VAR}, {"noise": normal(B, D, seed=3)}),
    Case("gaussian.reparameterize: two draws", gaussian.reparameterize, {"mean": MEAN, "log_var": LOG_VAR}, TWO_DRAWS),
    Case("gaussian.log_prob_of_draw", gaussian.log_prob_of_draw, {"log_var": LOG_VAR}, {"noise": normal(B, D, seed=3)}),
    Case("gaussian.log_prob_of_draw: two draws", gaussian.log_prob_of_draw, {"log_var": LOG_VAR}, TWO_DRAWS),
    Case("gaussian.kl_to_standard", gaussian.kl_to_standard, {"mean": MEAN, "log_var": LOG_VAR}),
    Case(
        "gaussian.kl_to_standard_by_dimension",
        gaussian.kl_to_standard_by_dimension,
        {"mean": MEAN, "log_var": LOG_VAR},
    ),
    Case(
        "gaussian.kl",
        gaussian.kl,
        {"mean": MEAN, "log_var": LOG_VAR, **OTHER},
    ),
    Case("gaussian.entropy", gaussian.entropy, {"log_var": LOG_VAR}),
    Case("gaussian.expected_log_prob", gaussian.expected_log_prob, {"mean": MEAN, "log_var": LOG_VAR, **OTHER}),
    Case("gaussian_full.log_prob", gaussian_full.log_prob, {"x": normal(B, D), "mean": MEAN, "L": FACTOR}),
    Case(
        "gaussian_full.reparameterize",
        gaussian_full.reparameterize,
        {"mean": MEAN, "L": FACTOR},
        {"noise": normal(B, D, seed=3)},
    ),
    Case("gaussian_full.log_prob_of_draw", gaussian_full.log_prob_of_draw, {"L": FACTOR}, {"noise": normal(B, D, seed=3)}),
    Case(
        "gaussian_full.conditional",
        gaussian_full.conditional,
        {"mean": MEAN, "L": FACTOR, "x": normal(B, 2, seed=7)},
    ),
    Case("gaussian_full.entropy", gaussian_full.entropy, {"L": FACTOR}),
    Case("gaussian_full.kl", gaussian_full.kl, TWO_FULL),
    Case("gaussian_full.kl_to_standard", gaussian_full.kl_to_standard, {"mean": MEAN, "L": FACTOR}),
    Case(
        "gaussian_full.kl_to_standard_by_dimension",
        gaussian_full.kl_to_standard_by_dimension,
        {"mean": MEAN, "L": FACTOR},
    ),
    Case("gaussian_full.expected_log_prob", gaussian_full.expected_log_prob, TWO_FULL),
    Case(
        "gaussian_full.expected_quadratic_form",
        gaussian_full.expected_quadratic_form,
        {"mean": MEAN, "S": normal(B, D, D, seed=7), "A": normal(D, D, seed=8)},
    ),
    Case("gaussian_algebra.marginal", gaussian_algebra.marginal, LAW, {"kept": (3, 1)}),
    Case(
        "gaussian_algebra.conditional",
        gaussian_algebra.conditional,
        {**LAW, "x": normal(B, 2, seed=7)},
        {"observed": (2, 0)},
    ),
    Case("gaussian_algebra.affine", gaussian_algebra.affine, {**LAW, **MAP}),
    Case("gaussian_algebra.sum_of_independent", gaussian_algebra.sum_of_independent, TWO_LAWS),
    Case("gaussian_algebra.product", gaussian_algebra.product, TWO_LAWS),
    Case(
        "bernoulli.log_prob",
        bernoulli.log_prob,
        {"logits": normal(B, D, scale=3.0)},
        {"x": PIXELS},
    ),
    Case("bernoulli.log_prob: two draws", bernoulli.log_prob, {"logits": normal(2 * B, D, scale=3.0)}, {"x": PIXELS, "draws": 2}),
    Case("bernoulli.entropy", bernoulli.entropy, {"logits": normal(B, D, scale=3.0)}),
    Case(
        "categorical.log_prob",
        categorical.log_prob,
        {"logits": normal(B, 2, D, scale=2.0)},
        {"x": np.array([[0, 3], [1, 1], [2, 0]])},
    ),
    Case("categorical.entropy", categorical.entropy, {"logits": normal(B, 2, D, scale=2.0)}),
    Case("laplace.log_prob", laplace.log_prob, {"x": normal(B, D), "mean": MEAN, "log_scale": LOG_VAR}),
    Case("laplace.entropy", laplace.entropy, {"log_scale": LOG_VAR}),
    Case("laplace.reparameterize", laplace.reparameterize, {"mean": MEAN, "log_scale": LOG_VAR}, {"noise": normal(B, D, seed=3)}),
    Case(
        "mixture.log_prob",
        mixture.log_prob,
        {"z": normal(B, 2), "logits": normal(4, seed=1), "means": normal(4, 2, seed=2), "log_vars": normal(4, 2, seed=3)},
    ),
    Case("multinomial.log_prob", multinomial.log_prob, {"logits": normal(B, D, scale=2.0)}, {"x": COUNTS}),
    Case("poisson.log_prob", poisson.log_prob, {"log_rate": normal(B, D)}, {"x": COUNTS}),
]
