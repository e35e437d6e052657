"""Gaussians of any covariance: against scipy.stats, quadrature, sampling, and the diagonal ones as their
special case.
"""

import numpy as np
import pytest
from scipy import integrate, stats

from scratchvae import ops
from scratchvae.arrays import InputError
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.posteriors import DiagonalGaussian, FullGaussian
from scratchvae.reference.cases.case import cholesky_factors

B, D = 4, 3
RNG = np.random.default_rng(0)
X, MEAN, OTHER_MEAN, LOG_VAR, OTHER_LOG_VAR = (RNG.normal(size=(B, D)) for _ in range(5))
L, M = cholesky_factors(B, D, seed=1), cholesky_factors(B, D, seed=2)
S = L @ L.transpose(0, 2, 1)
A = RNG.normal(size=(D, D))
NOISE = RNG.normal(size=(B, D))


def scipy_law(b, mean=MEAN, factor=L):
    return stats.multivariate_normal(mean[b], factor[b] @ factor[b].T)


def by_hermite(b, f, points=24):
    """E[f(x)] for x ~ N(mean, S) of example b, f of rows:

    Gauss and Hermite's nodes in each of the D dimensions.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    grid = np.stack(np.meshgrid(*[nodes] * D, indexing="ij"), axis=-1).reshape(-1, D)
    shares = np.prod(np.stack(np.meshgrid(*[weights] * D, indexing="ij"), axis=-1).reshape(-1, D), axis=1)
    return shares @ f(MEAN[b] + grid @ L[b].T) / shares.sum()


ORACLES = {
    "log_prob": (lambda: gaussian_full.log_prob(X, MEAN, L)[0], lambda b: scipy_law(b).logpdf(X[b])),
    "entropy": (lambda: gaussian_full.entropy(L)[0], lambda b: scipy_law(b).entropy()),
    "expected_log_prob": (
        lambda: gaussian_full.expected_log_prob(MEAN, L, OTHER_MEAN, M)[0],
        lambda b: by_hermite(b, scipy_law(b, OTHER_MEAN, M).logpdf),
    ),
    "kl": (
        lambda: gaussian_full.kl(MEAN, L, OTHER_MEAN, M)[0],
        lambda b: by_hermite(b, lambda x: scipy_law(b).logpdf(x) - scipy_law(b, OTHER_MEAN, M).logpdf(x)),
    ),
    "expected_quadratic_form": (
        lambda: gaussian_full.expected_quadratic_form(MEAN, S, A)[0],
        lambda b: by_hermite(b, lambda x: ((x @ A) * x).sum(axis=1)),
    ),
}


@pytest.mark.parametrize("name", ORACLES)
def test_values_agree_with_scipy_and_quadrature(name):
    ours, theirs = ORACLES[name]
    np.testing.assert_allclose(ours(), [theirs(b) for b in range(B)], rtol=1e-10)


@pytest.mark.parametrize(("m", "lv", "om", "olv"), [(0.7, -1.2, 0.3, 0.4), (-1.5, 0.8, 0.4, -0.6)])
def test_expected_log_prob_in_one_dimension_by_adaptive_quadrature(m, lv, om, olv):
    q, p = stats.norm(m, np.exp(lv / 2)), stats.norm(om, np.exp(olv / 2))
    expected = integrate.quad(lambda t: q.pdf(t) * p.logpdf(t), m - 40, m + 40, points=[m], limit=500)[0]
    rows = [np.full((1, 1), float(v)) for v in (m, lv, om, olv)]
    assert gaussian.expected_log_prob(*rows)[0][0] == pytest.approx(expected, rel=1e-9)


def diagonal_factors(log_var):
    return np.exp(log_var / 2)[:, :, None] * np.eye(D)


DQ, DP = diagonal_factors(LOG_VAR), diagonal_factors(OTHER_LOG_VAR)
TWO = (MEAN, LOG_VAR, OTHER_MEAN, OTHER_LOG_VAR)
SPECIAL_CASES = {  # the full function with diagonal factors, the diagonal function
    "log_prob": (gaussian_full.log_prob(X, MEAN, DQ), gaussian.log_prob(X, MEAN, LOG_VAR)),
    "reparameterize": (
        gaussian_full.reparameterize(MEAN, DQ, noise=NOISE),
        gaussian.reparameterize(MEAN, LOG_VAR, noise=NOISE),
    ),
    "log_prob_of_draw": (
        gaussian_full.log_prob_of_draw(DQ, noise=NOISE),
        gaussian.log_prob_of_draw(LOG_VAR, noise=NOISE),
    ),
    "entropy": (gaussian_full.entropy(DQ), gaussian.entropy(LOG_VAR)),
    "kl": (gaussian_full.kl(MEAN, DQ, OTHER_MEAN, DP), gaussian.kl(*TWO)),
    "kl_to_standard": (gaussian_full.kl_to_standard(MEAN, DQ), gaussian.kl_to_standard(MEAN, LOG_VAR)),
    "kl_to_standard_by_dimension": (
        gaussian_full.kl_to_standard_by_dimension(MEAN, DQ),
        gaussian.kl_to_standard_by_dimension(MEAN, LOG_VAR),
    ),
    "expected_log_prob": (
        gaussian_full.expected_log_prob(MEAN, DQ, OTHER_MEAN, DP),
        gaussian.expected_log_prob(*TWO),
    ),
}


@pytest.mark.parametrize("name", SPECIAL_CASES)
def test_diagonal_gaussians_are_the_special_case_gradients_included(name):
    (full, full_pullback), (diagonal, diagonal_pullback) = SPECIAL_CASES[name]
    np.testing.assert_allclose(full, diagonal, rtol=1e-12)
    seed = np.random.default_rng(3).normal(size=full.shape)
    full_gradients, diagonal_gradients = (
        g if isinstance(g, tuple) else (g,) for g in (full_pullback(seed), diagonal_pullback(seed))
    )
    factors = iter((DQ, DP))
    for ours, theirs in zip(full_gradients, diagonal_gradients, strict=True):
        if ours.ndim == 3:  # dlog σ² = ½ σ dσ
            ours = 0.5 * np.einsum("bii,bii->bi", ours, next(factors))
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def test_closed_form_to_the_standard_gaussian_is_the_special_case():
    eye, zero = np.broadcast_to(np.eye(D), L.shape), np.zeros_like(MEAN)
    np.testing.assert_allclose(
        gaussian_full.kl_to_standard(MEAN, L)[0], gaussian_full.kl(MEAN, L, zero, eye)[0], rtol=1e-13
    )
    assert (gaussian_full.kl(MEAN, L, MEAN, L)[0] == 0).all()
    assert (gaussian_full.kl_to_standard(zero, eye)[0] == 0).all()


def test_kl_is_cross_entropy_less_entropy():
    cross_entropy = -gaussian_full.expected_log_prob(MEAN, L, OTHER_MEAN, M)[0]
    entropy, kl = gaussian_full.entropy(L)[0], gaussian_full.kl(MEAN, L, OTHER_MEAN, M)[0]
    np.testing.assert_allclose(kl, cross_entropy - entropy, rtol=1e-12)


def test_shares_of_the_kl_are_those_of_the_chain_rule():
    shares = gaussian_full.kl_to_standard_by_dimension(MEAN, L)[0]
    assert (shares >= 0).all()
    for i in range(1, D + 1):  # the first i entries are a Gaussian with the first i rows of L
        expected = gaussian_full.kl_to_standard(MEAN[:, :i], L[:, :i, :i])[0]
        np.testing.assert_allclose(shares[:, :i].sum(axis=1), expected, rtol=1e-12)


def test_draws_have_the_mean_and_covariance():
    n = 200_000
    noise = np.random.default_rng(1).standard_normal((n, D))
    z, _ = gaussian_full.reparameterize(
        np.tile(MEAN[0], (n, 1)), np.broadcast_to(L[0], (n, D, D)), noise=noise
    )
    deviation = np.sqrt(np.outer(np.diag(S[0]), np.diag(S[0])) / n)
    assert (np.abs(np.cov(z.T) - S[0]) < 6 * deviation).all()
    assert (np.abs(z.mean(axis=0) - MEAN[0]) < 5 * np.sqrt(np.diag(S[0]) / n)).all()


def test_cholesky_gives_the_factor_and_its_gradient_leads_from_factor_to_covariance():
    found, pullback = ops.cholesky(S)
    np.testing.assert_allclose(found, L, rtol=1e-12)
    _, entropy_pullback = gaussian_full.entropy(found)
    dS = pullback(entropy_pullback(np.ones(B)))
    np.testing.assert_allclose(dS, 0.5 * np.linalg.inv(S), rtol=1e-10)  # ∂ ½ log |S| / ∂S = ½ S⁻¹


def test_what_stands_above_the_diagonal_is_not_read():
    spoilt = L + np.triu(np.full((D, D), 7.0), 1)
    for clean, dirty in [
        (gaussian_full.log_prob(X, MEAN, L), gaussian_full.log_prob(X, MEAN, spoilt)),
        (gaussian_full.kl(MEAN, L, OTHER_MEAN, M), gaussian_full.kl(MEAN, spoilt, OTHER_MEAN, M)),
        (gaussian_full.kl(OTHER_MEAN, M, MEAN, L), gaussian_full.kl(OTHER_MEAN, M, MEAN, spoilt)),
        (
            gaussian_full.reparameterize(MEAN, L, noise=NOISE),
            gaussian_full.reparameterize(MEAN, spoilt, noise=NOISE),
        ),
    ]:
        np.testing.assert_array_equal(clean[0], dirty[0])
        for a, b in zip(clean[1](np.ones_like(clean[0])), dirty[1](np.ones_like(dirty[0])), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("posterior", [DiagonalGaussian(2), FullGaussian(2)], ids=lambda p: type(p).__name__)
def test_a_posterior_gives_its_draw_the_density_that_it_gives_the_point(posterior):
    rng = np.random.default_rng(5)
    q_params, noise = rng.normal(size=(6, posterior.n_params)), rng.normal(size=(6, 2))
    (z, log_q), total_pullback = posterior.sample_with_log_prob(q_params, noise=noise)
    without_noise, _ = posterior.sample(q_params, noise=np.zeros((6, 2)))
    np.testing.assert_array_equal(posterior.code(q_params), without_noise)
    of_point, fixed_pullback = posterior.log_prob(q_params, z)
    np.testing.assert_allclose(of_point, log_q, rtol=1e-12)
    # d log q(z(φ); φ) = ∂ log q/∂φ + (∂z/∂φ)ᵀ ∂ log q/∂z, the last by differences of the density of the point
    h = 1e-6
    after, before = ([posterior.log_prob(q_params, z + t * e)[0] for e in np.eye(2)] for t in (h, -h))
    differences = (np.stack(after, axis=1) - np.stack(before, axis=1)) / (2 * h)
    score, dz = fixed_pullback(np.ones(6))
    np.testing.assert_allclose(dz, differences, rtol=1e-6, atol=1e-7)
    _, sample_pullback = posterior.sample(q_params, noise=noise)
    by_z = sample_pullback(dz)
    none, ones = np.zeros_like(z), np.ones(6)
    np.testing.assert_allclose(total_pullback(none, ones), score + by_z, rtol=1e-10, atol=1e-12)
    _, pathwise_pullback = posterior.sample_with_log_prob(q_params, noise=noise, score=False)
    np.testing.assert_allclose(pathwise_pullback(none, ones), by_z, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extreme", [-1e30, -1e4, -80.0, 80.0, 1e4, 1e30])
def test_any_finite_entries_give_a_factor_and_no_nan(dtype, extreme):
    entries = np.full((1, 3), extreme, dtype)
    with np.errstate(over="ignore"):
        factor, factor_pullback = ops.lower_triangular(entries)
        value, pullback = gaussian_full.entropy(factor)
        assert (np.diagonal(factor, axis1=1, axis2=2) > 0).all()
        assert np.isfinite(value).all()
        assert np.isfinite(factor_pullback(pullback(np.ones(1, dtype)))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_are_those_of_the_diagonal_gaussian(dtype):
    x, zero, log_var = np.array([[1e10, 0]], dtype), np.zeros((1, 2), dtype), np.array([[-1e4, 0]], dtype)
    small = np.array([[[np.finfo(dtype).tiny, 0], [0, 1]]], dtype)
    with np.errstate(over="ignore"):
        full, diagonal = gaussian_full.log_prob(x, zero, small), gaussian.log_prob(x, zero, log_var)
        np.testing.assert_array_equal(full[0], diagonal[0])
        for ours, theirs in zip(
            full[1](np.ones(1, dtype))[:2], diagonal[1](np.ones(1, dtype))[:2], strict=True
        ):
            np.testing.assert_array_equal(np.sign(ours), np.sign(theirs))
        for function in (gaussian_full.kl, gaussian_full.expected_log_prob):
            value, pullback = function(x, np.eye(2, dtype=dtype)[None], zero, small)
            assert np.isinf(value).all()
            assert not any(np.isnan(g).any() for g in pullback(np.ones(1, dtype)))
        large = np.sqrt(np.finfo(dtype).max) * 10
        _, pullback = gaussian_full.kl_to_standard(zero[:, :1], np.full((1, 1, 1), large, dtype))
        assert pullback(np.ones(1, dtype))[1][0, 0, 0] == pytest.approx(large)


SINGULAR = L.copy()
SINGULAR[2, 1, 1] = 0
NEGATIVE = L.copy()
NEGATIVE[0, 2, 2] = -1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: gaussian_full.log_prob(X, MEAN, SINGULAR),
            "diagonal of L should be positive .*0.0 at entry 1 of example 2",
        ),
        (lambda: gaussian_full.entropy(NEGATIVE), "found -1.0 at entry 2 of example 0"),
        (lambda: gaussian_full.kl(MEAN, L, OTHER_MEAN, SINGULAR), "diagonal of other_L should be positive"),
        (lambda: gaussian_full.kl(MEAN, SINGULAR, OTHER_MEAN, L), "diagonal of L should be positive"),
        (lambda: gaussian_full.expected_log_prob(MEAN, L, OTHER_MEAN, NEGATIVE), "diagonal of other_L"),
        (lambda: gaussian_full.log_prob(X, MEAN, L[:2]), r"L should have shape \(B, D, D\) with B = 4"),
        (
            lambda: gaussian_full.reparameterize(MEAN, L, noise=NOISE[:, :2]),
            r"noise should have shape \(B, D\)",
        ),
        (
            lambda: ops.solve_triangular(SINGULAR, X[:, :, None]),
            "diagonal of L should not be 0, found 0 at entry 1 of example 2",
        ),
        (lambda: ops.lower_triangular(np.zeros((1, 5))), "such as 1, 3, 6, 10; found 5"),
        (
            lambda: ops.cholesky(np.stack([np.eye(2), np.ones((2, 2)) * [[1], [-1]]])),
            "eigenvalue of example 1 is -1",
        ),
        (lambda: ops.cholesky(np.full((1, 2, 2), np.nan)), "S should be finite"),
        (lambda: ops.cholesky(np.array([[[1e-8, 1e-4], [1e-4, 1 + 1e-15]]])), "should be positive definite"),
        (
            lambda: FullGaussian(2).sample(np.zeros((3, 4)), noise=NOISE),
            r"q_params should have shape \(B, 5\)",
        ),
    ],
)
def test_degenerate_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
