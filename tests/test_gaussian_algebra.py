"""Operations on Gaussians: by scipy, precisions, quadrature, sampling, by each other, and in their limits."""

import numpy as np
import pytest
from scipy import stats

from scratchvae import ops
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.distributions import gaussian, gaussian_algebra, gaussian_full
from scratchvae.models import FactorAnalysis, ProbabilisticPCA
from scratchvae.reference.cases.case import cholesky_factors

B, D = 3, 4
RNG = np.random.default_rng(0)
MEAN, OTHER_MEAN, X = (RNG.normal(size=(B, D)) for _ in range(3))
L = cholesky_factors(B, D, seed=1)
S, T = (F @ F.transpose(0, 2, 1) for F in (L, cholesky_factors(B, D, seed=2)))
A, SHIFT = RNG.normal(size=(2, D)), RNG.normal(size=2)
TWO = (MEAN, S, OTHER_MEAN, T)
EYE = np.broadcast_to(np.eye(D), S.shape)
SPLITS = [(0,), (2, 0), (3, 1, 0), (1, 2), (), (0, 1, 2, 3), (3, 2, 1, 0)]
CLOSE = {"rtol": 1e-11, "atol": 1e-12}  # roundoffs of S and T times their condition numbers, below 500: 1e-13


def rest(observed):
    return [i for i in range(D) if i not in observed]


def log_prob(x, mean, covariance):
    """(N,) of points x (N, E) under one law, by scipy; of no entries, log 1."""
    if np.size(mean) == 0:
        return np.zeros(len(x))
    return np.atleast_1d(stats.multivariate_normal(mean, covariance).logpdf(x))


def log_probs(x, means, covariances):
    """(B,) of a point x (B, E) under each law."""
    return np.concatenate([log_prob(x[b : b + 1], means[b], covariances[b]) for b in range(len(x))])


def first(entries):
    """The laws of the first few entries of each of the TWO."""
    return tuple(a[:, :entries] if a.ndim == 2 else a[:, :entries, :entries] for a in TWO)


@pytest.mark.parametrize("observed", SPLITS)
def test_a_joint_density_is_the_marginal_times_the_conditional(observed):
    """log p(x) = log p(x_o) + log p(x_r | x_o), each of the three by scipy, also far from the mean."""
    seen, unseen = list(observed), rest(observed)
    x = MEAN + 3 * RNG.normal(size=(B, D))
    (mean_o, S_oo), _ = gaussian_algebra.marginal(MEAN, S, kept=seen)
    (mean_given, S_given), _ = gaussian_algebra.conditional(MEAN, S, x[:, seen], observed=seen)
    parts = log_probs(x[:, seen], mean_o, S_oo) + log_probs(x[:, unseen], mean_given, S_given)
    np.testing.assert_allclose(parts, log_probs(x, MEAN, S), **CLOSE)


@pytest.mark.parametrize("observed", SPLITS)
def test_a_conditional_is_that_of_the_precisions_blocks(observed):
    """By Bishop 2006, equations 2.73 and 2.75: Λ_rr⁻¹ and mean_r − Λ_rr⁻¹ Λ_ro (x − mean_o), with Λ = S⁻¹."""
    seen, unseen = list(observed), rest(observed)
    (mean_given, S_given), _ = gaussian_algebra.conditional(MEAN, S, X[:, seen], observed=observed)
    for b in range(B):
        precision = np.linalg.inv(S[b])
        expected = np.linalg.inv(precision[np.ix_(unseen, unseen)])
        np.testing.assert_allclose(S_given[b], expected, **CLOSE)
        pull = expected @ precision[np.ix_(unseen, seen)] @ (X[b, seen] - MEAN[b, seen])
        np.testing.assert_allclose(mean_given[b], MEAN[b, unseen] - pull, **CLOSE)


@pytest.mark.parametrize("observed", SPLITS)
def test_the_schur_complement_and_the_cholesky_factor_give_one_law_and_one_gradient(observed):
    seen, order = list(observed), [*observed, *rest(observed)]
    x, mean = X[:, seen], MEAN[:, order]
    (mean_given, S_given), pullback = gaussian_algebra.conditional(MEAN, S, x, observed=observed)
    factor, factor_pullback = ops.cholesky(S[:, order][:, :, order])
    (by_factor, L_given), given_pullback = gaussian_full.conditional(mean, factor, x)
    np.testing.assert_allclose(by_factor, mean_given, **CLOSE)
    np.testing.assert_allclose(L_given @ L_given.transpose(0, 2, 1), S_given, **CLOSE)
    np.testing.assert_array_equal(S_given, S_given.transpose(0, 2, 1))
    rng = np.random.default_rng(1)
    dmean_given, dS_given = rng.normal(size=mean_given.shape), rng.normal(size=S_given.shape)
    dmean, dS, dx = pullback(dmean_given, dS_given)
    dL_given = (dS_given + dS_given.transpose(0, 2, 1)) @ L_given  # of L_given L_givenᵀ
    dmean_ordered, dfactor, dx_too = given_pullback(dmean_given, dL_given)
    np.testing.assert_allclose(dmean_ordered, dmean[:, order], **CLOSE)
    np.testing.assert_allclose(factor_pullback(dfactor), dS[:, order][:, :, order], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(dx_too, dx, **CLOSE)


@pytest.mark.parametrize("observed", [(), (0, 1, 2, 3), (2,)])
def test_gradients_where_nothing_and_where_everything_is_observed(observed):
    arrays = {"mean": MEAN, "S": S + EYE, "x": X[:, list(observed)]}
    for comparison in check_pullback(gaussian_algebra.conditional, arrays, {"observed": observed}):
        assert comparison.ok, comparison
    ordered = {"mean": MEAN, "L": L, "x": X[:, : len(observed)]}
    for comparison in check_pullback(gaussian_full.conditional, ordered):
        assert comparison.ok, comparison


def test_marginal_and_affine_map_of_draws():
    """The moments of what is kept of draws, and of A x + b, within 6 standard errors."""
    n = 200_000
    noise, y = np.random.default_rng(1).standard_normal((2, n, D))
    factors = np.broadcast_to(L[0], (n, D, D))
    x, _ = gaussian_full.reparameterize(np.tile(MEAN[0], (n, 1)), factors, noise=noise)
    laws = {
        "marginal": (x[:, [2, 0]], gaussian_algebra.marginal(MEAN, S, kept=(2, 0))[0]),
        "affine": (x @ A.T + SHIFT, gaussian_algebra.affine(MEAN, S, A, SHIFT)[0]),
        "sum": (x + y, gaussian_algebra.sum_of_independent(MEAN, S, np.zeros((B, D)), EYE)[0]),
    }
    for name, (draws, (mean, covariance)) in laws.items():
        variances = np.diag(covariance[0])
        assert (np.abs(draws.mean(axis=0) - mean[0]) < 6 * np.sqrt(variances / n)).all(), name
        largest = np.sqrt(2 * np.outer(variances, variances) / n)  # standard error of an entry, at most
        assert (np.abs(np.cov(draws.T) - covariance[0]) < 6 * largest).all(), name


def test_a_marginal_keeps_the_order_that_is_asked_for():
    (mean, covariance), _ = gaussian_algebra.marginal(MEAN, S, kept=[3, 0])
    np.testing.assert_array_equal(mean, MEAN[:, [3, 0]])
    np.testing.assert_array_equal(covariance[:, 0, 1], S[:, 3, 0])
    np.testing.assert_array_equal(covariance[:, 0, 0], S[:, 3, 3])


def test_an_affine_map_that_is_a_selection_is_the_marginal_and_a_rotation_keeps_densities():
    kept = [2, 0]
    selected, _ = gaussian_algebra.affine(MEAN, S, np.eye(D)[kept], np.zeros(2))
    for ours, theirs in zip(selected, gaussian_algebra.marginal(MEAN, S, kept=kept)[0], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    rotation = np.linalg.qr(RNG.normal(size=(D, D)))[0]
    mean, covariance = gaussian_algebra.affine(MEAN, S, rotation, np.arange(4.0))[0]
    turned = log_probs(X @ rotation.T + np.arange(4.0), mean, covariance)
    np.testing.assert_allclose(turned, log_probs(X, MEAN, S), **CLOSE)


def test_an_affine_map_to_more_entries_has_a_singular_covariance_until_noise_is_added():
    tall = RNG.normal(size=(6, D))
    mean, covariance = gaussian_algebra.affine(MEAN, S, tall, np.zeros(6))[0]
    assert (np.linalg.matrix_rank(covariance) == D).all()
    with pytest.raises(InputError, match="S should be positive definite"):
        gaussian_algebra.conditional(mean, covariance, mean[:, :1], observed=[0])
    noise = np.broadcast_to(0.1 * np.eye(6), covariance.shape)
    noisy = gaussian_algebra.sum_of_independent(mean, covariance, np.zeros((B, 6)), noise)[0]
    assert np.isfinite(gaussian_algebra.conditional(*noisy, mean[:, :1], observed=[0])[0][1]).all()


def test_a_sum_is_the_convolution_of_the_densities():
    mean, covariance = gaussian_algebra.sum_of_independent(*first(1))[0]
    s, step = np.linspace(-30, 30, 1201, retstep=True)  # the trapezoidal rule, which is exact for Gaussians
    for b in range(B):
        laws = ((MEAN, S), (OTHER_MEAN, T), (mean, covariance))
        x, y, total = (stats.norm(m[b, 0], np.sqrt(C[b, 0, 0])) for m, C in laws)
        for t in (-1.0, 0.5, 2.0):
            assert total.pdf(t) == pytest.approx((x.pdf(s) * y.pdf(t - s)).sum() * step, rel=1e-10)


def test_a_sum_is_an_affine_map_of_the_two_side_by_side():
    joint = np.zeros((B, 2 * D, 2 * D))
    joint[:, :D, :D], joint[:, D:, D:] = S, T
    both = np.concatenate([MEAN, OTHER_MEAN], axis=1)
    through, _ = gaussian_algebra.affine(both, joint, np.hstack([np.eye(D), np.eye(D)]), np.zeros(D))
    for ours, theirs in zip(gaussian_algebra.sum_of_independent(*TWO)[0], through, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_a_product_is_the_sum_of_log_densities_at_every_point():
    (m, C, log_c), _ = gaussian_algebra.product(*TWO)
    x = 3 * RNG.normal(size=(50, D))
    for b in range(B):
        both = log_prob(x, MEAN[b], S[b]) + log_prob(x, OTHER_MEAN[b], T[b])
        np.testing.assert_allclose(log_c[b] + log_prob(x, m[b], C[b]), both, **CLOSE)
        constant = stats.multivariate_normal(OTHER_MEAN[b], S[b] + T[b]).logpdf(MEAN[b])
        assert log_c[b] == pytest.approx(constant, rel=1e-12)


@pytest.mark.parametrize("entries", [1, 2])
def test_a_product_by_quadrature(entries):
    """c, m and C as integrals of the product by the trapezoidal rule, which is exact for Gaussians."""
    few = first(entries)
    (m, C, log_c), _ = gaussian_algebra.product(*few)
    axis, step = np.linspace(-25, 25, 501, retstep=True)  # the narrowest deviation is above 0.4, four steps
    x = np.stack(np.meshgrid(*[axis] * entries, indexing="ij"), axis=-1).reshape(-1, entries)
    for b in range(B):
        one, other = ((few[i][b], few[i + 1][b]) for i in (0, 2))
        density = np.exp(log_prob(x, *one) + log_prob(x, *other)) * step**entries
        assert density.sum() == pytest.approx(np.exp(log_c[b]), rel=1e-10)
        mean = density @ x / density.sum()
        np.testing.assert_allclose(mean, m[b], rtol=1e-9, atol=1e-10)
        covariance = (density * (x - mean).T) @ (x - mean) / density.sum()
        np.testing.assert_allclose(covariance, C[b], rtol=1e-9, atol=1e-10)


def test_a_product_is_the_same_both_ways_round():
    (m, C, log_c), pullback = gaussian_algebra.product(*TWO)
    turned, turned_pullback = gaussian_algebra.product(OTHER_MEAN, T, MEAN, S)
    for ours, theirs in zip((m, C, log_c), turned, strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)
    seeds = [np.random.default_rng(2).normal(size=part.shape) for part in (m, C, log_c)]
    a, b = pullback(*seeds), turned_pullback(*seeds)
    for ours, theirs in zip(a, (*b[2:], *b[:2]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("wide", [1e100, 1e300])
def test_a_product_with_an_infinitely_wide_gaussian_is_the_other(wide):
    for given in ((MEAN, S, OTHER_MEAN, wide * EYE), (OTHER_MEAN, wide * EYE, MEAN, S)):
        (m, C, log_c), pullback = gaussian_algebra.product(*given)
        np.testing.assert_allclose(m, MEAN, rtol=1e-12)
        np.testing.assert_allclose(C, S, rtol=1e-12)
        np.testing.assert_allclose(log_c, -0.5 * D * np.log(2 * np.pi * wide), rtol=1e-12)
        assert all(np.isfinite(gradient).all() for gradient in pullback(m, C, log_c))


def test_a_product_with_an_infinitely_narrow_gaussian_is_that_one():
    """Its constant is the density of the other law at that point."""
    m, C, log_c = gaussian_algebra.product(MEAN, S, OTHER_MEAN, 1e-30 * EYE)[0]
    np.testing.assert_allclose(m, OTHER_MEAN, rtol=1e-12)
    np.testing.assert_allclose(C, 1e-30 * EYE, rtol=1e-12, atol=1e-42)  # S − S V⁻¹ S would leave 1e-16
    np.testing.assert_allclose(log_c, log_probs(OTHER_MEAN, MEAN, S), rtol=1e-12)


def test_conditioning_on_a_noisy_view_is_the_product_with_its_likelihood():
    """y = x + ε, ε ~ N(0, T): p(x | y) is a conditional of (x, y), and is N(x; mean, S) N(x; y, T) / p(y)."""
    joint = np.block([[S, S], [S, S + T]])
    both = np.concatenate([MEAN, MEAN], axis=1)
    given, _ = gaussian_algebra.conditional(both, joint, X, observed=range(D, 2 * D))
    m, C, log_c = gaussian_algebra.product(MEAN, S, X, T)[0]
    np.testing.assert_allclose(given[0], m, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(given[1], C, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(log_c, log_probs(X, MEAN, S + T), rtol=1e-12)


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
def test_the_posterior_of_a_linear_gaussian_model_is_a_conditional_of_its_joint(kind):
    """z ~ N(0, I), (z, x) = [I; Wᵀ] z + [0; mean + ε]: an affine map, a sum, a conditional."""
    x = RNG.normal(size=(40, 2)) @ RNG.normal(size=(2, 5)) + 0.5 * RNG.normal(size=(40, 5))
    model = kind(2).fit(x)
    z, noise = (np.zeros((1, 2)), np.eye(2)[None]), np.zeros((1, 7, 7))
    noise[0, 2:, 2:] = np.diag(model.noise_variance)
    seen_by = np.concatenate([np.eye(2), model.weight.T])
    joint = gaussian_algebra.affine(*z, seen_by, np.concatenate([np.zeros(2), model.mean]))[0]
    mean, covariance = gaussian_algebra.sum_of_independent(*joint, np.zeros((1, 7)), noise)[0]
    np.testing.assert_allclose(covariance[0, 2:, 2:], model.get_covariance(), rtol=1e-12)
    x[:, 3] = np.nan  # what is missing is marginalized out of the joint
    for observed in ([2, 3, 4, 5, 6], [2, 3, 4, 6]):
        (mean_kept, S_kept), _ = gaussian_algebra.marginal(mean, covariance, kept=[0, 1, *observed])
        rows = np.where(np.isin(np.arange(5) + 2, observed), np.nan_to_num(x, nan=0.3), np.nan)
        laws = (np.repeat(mean_kept, 40, axis=0), np.repeat(S_kept, 40, axis=0))
        data = rows[:, np.array(observed) - 2]
        (ours, spread), _ = gaussian_algebra.conditional(*laws, data, observed=range(2, 2 + len(observed)))
        theirs, their_spread = model.posterior(rows)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(spread, their_spread, rtol=1e-9, atol=1e-10)


def test_what_is_independent_tells_nothing():
    """With no covariance between o and r, the law of r stays as it is, and so does its gradient."""
    apart = S.copy()
    apart[:, :2, 2:] = apart[:, 2:, :2] = 0
    (mean, covariance), pullback = gaussian_algebra.conditional(MEAN, apart, 100 * X[:, :2], observed=[0, 1])
    np.testing.assert_array_equal(mean, MEAN[:, 2:])
    np.testing.assert_array_equal(covariance, apart[:, 2:, 2:])
    _, dS, dx = pullback(np.ones((B, 2)), np.ones((B, 2, 2)))
    assert (dx == 0).all()
    assert (dS[:, :2, :2] == 0).all()


def test_of_nothing_of_everything_and_of_the_identity():
    everything, nothing = range(D), X[:, :0]
    for law in (
        gaussian_algebra.conditional(MEAN, S, nothing, observed=[])[0],
        gaussian_algebra.marginal(MEAN, S, kept=everything)[0],
        gaussian_algebra.affine(MEAN, S, np.eye(D), np.zeros(D))[0],
        gaussian_algebra.sum_of_independent(MEAN, S, np.zeros((B, D)), np.zeros((B, D, D)))[0],
    ):
        np.testing.assert_array_equal(law[0], MEAN)
        np.testing.assert_array_equal(law[1], S)
    for law in (
        gaussian_algebra.conditional(MEAN, S, X, observed=everything)[0],
        gaussian_algebra.marginal(MEAN, S, kept=[])[0],
        gaussian_full.conditional(MEAN, L, X)[0],
    ):
        assert (law[0].shape, law[1].shape) == ((B, 0), (B, 0, 0))


def test_as_the_correlation_goes_to_one_the_conditional_becomes_a_point():
    """N(ρ x, 1 − ρ²) of a pair with unit variances; the variance, a difference, is off by roundoffs of 1."""
    gaps = np.array([1e-2, 1e-6, 1e-10, 1e-14])
    rho, x = 1 - gaps, np.full((4, 1), 0.7)
    pair = np.stack([np.stack([np.ones(4), rho], 1), np.stack([rho, np.ones(4)], 1)], 1)
    mean, covariance = gaussian_algebra.conditional(np.zeros((4, 2)), pair, x, observed=[0])[0]
    np.testing.assert_allclose(mean[:, 0], rho * 0.7, rtol=1e-15)
    np.testing.assert_allclose(covariance[:, 0, 0], (1 - rho) * (1 + rho), atol=4 * np.finfo(float).eps)
    deviation = np.sqrt((1 - rho) * (1 + rho))
    factor = np.stack([np.stack([np.ones(4), np.zeros(4)], 1), np.stack([rho, deviation], 1)], 1)
    _, L_given = gaussian_full.conditional(np.zeros((4, 2)), factor, x)[0]
    np.testing.assert_array_equal(L_given[:, 0, 0], deviation)  # by the factor nothing is lost


def test_the_gradient_by_a_covariance_is_that_of_independent_entries():
    """A change of S_ij alone changes the loss as one of S_ij and S_ji by halves, and by what dS says."""

    def entropy_of_given(S):
        (_, S_given), _ = gaussian_algebra.conditional(MEAN, S, X[:, :2], observed=[0, 1])
        return gaussian_full.entropy(ops.cholesky(S_given)[0])[0].sum()

    (_, S_given), pullback = gaussian_algebra.conditional(MEAN, S, X[:, :2], observed=[0, 1])
    _, dS, _ = pullback(np.zeros((B, 2)), 0.5 * np.linalg.inv(S_given))  # dH = ½ tr(S_given⁻¹ dS_given)
    np.testing.assert_array_equal(dS, dS.transpose(0, 2, 1))
    h, alone = 1e-5, np.zeros_like(S)  # differences err by h² = 1e-10 and eps/h = 2e-11
    alone[0, 3, 1] = 1
    halves = 0.5 * (alone + alone.transpose(0, 2, 1))
    by_entry, by_halves = (entropy_of_given(S + h * E) - entropy_of_given(S - h * E) for E in (alone, halves))
    assert by_entry / (2 * h) == pytest.approx(dS[0, 3, 1], rel=1e-7)
    assert by_halves / (2 * h) == pytest.approx(dS[0, 3, 1], rel=1e-7)
    # H(r | o) = H(o, r) − H(o):  ∂/∂S = ½ S⁻¹ − ½ (S_oo⁻¹ in its place)
    expected = 0.5 * np.linalg.inv(S)
    expected[:, :2, :2] -= 0.5 * np.linalg.inv(S[:, :2, :2])
    np.testing.assert_allclose(dS, expected, rtol=1e-9, atol=1e-10)


def test_diagonal_gaussians_multiply_entry_by_entry():
    """Precisions add: C = 1/(1/σ² + 1/τ²), m = C (mean/σ² + other_mean/τ²)."""
    one, other = np.exp(RNG.normal(size=(2, B, D)))
    diagonal, other_diagonal = (variance[:, :, None] * np.eye(D) for variance in (one, other))
    m, C, log_c = gaussian_algebra.product(MEAN, diagonal, OTHER_MEAN, other_diagonal)[0]
    variance = 1 / (1 / one + 1 / other)
    np.testing.assert_allclose(C, variance[:, :, None] * np.eye(D), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(m, variance * (MEAN / one + OTHER_MEAN / other), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(log_c, gaussian.log_prob(MEAN, OTHER_MEAN, np.log(one + other))[0], rtol=1e-13)


NEGATIVE, BROKEN = S.copy(), S.copy()
NEGATIVE[1] = -np.eye(D)
BROKEN[2, 3, 1] = np.nan
CERTAIN = (np.zeros((1, 2)), np.ones((1, 2, 2)), np.zeros((1, 1)))
conditional, product = gaussian_algebra.conditional, gaussian_algebra.product
UNUSABLE = {
    "gaussian_algebra.conditional: S should be positive definite, found .* of example 1 is -1": (
        lambda: conditional(MEAN, NEGATIVE, X[:, :1], observed=[0])
    ),
    "S should be positive definite, found that the smallest eigenvalue of example 0": (
        lambda: conditional(*CERTAIN, observed=[0])
    ),
    r"S should be finite, found 1 other values, the first nan at \(2, 3, 1\)": (
        lambda: conditional(MEAN, BROKEN, X[:, :1], observed=[3])
    ),
    "gaussian_algebra.product: S should be positive definite, found .* example 1 is -1": (
        lambda: product(MEAN, NEGATIVE, MEAN, 9 * S)
    ),
    "product: other_S should be positive definite": lambda: product(MEAN, 9 * EYE, MEAN, NEGATIVE),
    r"kept should be different numbers.*1, 1\]": lambda: gaussian_algebra.marginal(MEAN, S, kept=[1, 1]),
    r"found \[True, False\]": lambda: conditional(MEAN, S, X[:, :2], observed=[True, False]),
    r"found \[4\]": lambda: gaussian_algebra.marginal(MEAN, S, kept=[4]),
    r"observed should be .* found \[-1\]": lambda: conditional(MEAN, S, X[:, :1], observed=[-1]),
    r"x should have shape \(B, 1\)": lambda: conditional(MEAN, S, X, observed=[0]),
    r"b should have shape \(E,\) with E = 2": (lambda: gaussian_algebra.affine(MEAN, S, A, np.zeros(3))),
    r"other_mean should have shape \(B, D\)": lambda: product(MEAN, S, MEAN[:, :2], T),
    "sum_of_independent: other_S should": lambda: gaussian_algebra.sum_of_independent(MEAN, S, MEAN, T[:2]),
    "x should have at most D = 4 entries": lambda: gaussian_full.conditional(MEAN, L, np.zeros((B, 5))),
    "diagonal of L should be positive": lambda: gaussian_full.conditional(MEAN, -L, X),
}


@pytest.mark.parametrize("words", UNUSABLE)
def test_unusable_arguments_are_named(words):
    with pytest.raises(InputError, match=words):
        UNUSABLE[words]()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_comes_in_as_one_dtype_goes_out_as_it(dtype):
    mean, covariance, x = (a.astype(dtype) for a in (MEAN, S, X))
    for (value, pullback), arguments in (
        (gaussian_algebra.conditional(mean, covariance, x[:, :0], observed=[]), 3),
        (gaussian_algebra.conditional(mean, covariance, x, observed=range(D)), 3),
        (gaussian_algebra.product(mean, covariance, x, covariance), 4),
    ):
        gradients = pullback(*(np.ones_like(part) for part in value))
        assert [part.dtype for part in (*value, *gradients)] == [dtype] * (len(value) + arguments)
