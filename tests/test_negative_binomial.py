"""Counts that vary more than Poisson's: mpmath's and SciPy's values, the Poisson limit, more zeros, sizes of
examples.
"""

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import negative_binomial, poisson, zero_inflated
from scratchvae.layers import cast, named_parameters
from scratchvae.likelihoods import NegativeBinomial, Poisson, missing_mean, missing_sample
from scratchvae.recipes import LIKELIHOODS, mlp

RNG = np.random.default_rng(0)
DISPERSIONS = (1e-3, 0.7, 9.9, 10.1, 300.0, 1e5, 1e8)
COUNTS = (0, 1, 10, 11, 408, 1_000_000)
GRID = [(m, r, x) for r in DISPERSIONS for x in COUNTS for m in (1e-3, 30.0, 2e6, 1.1 * x + 0.1)]
LOG_MEAN, LOG_R = (np.log([row[i] for row in GRID])[:, None] for i in (0, 1))
X = np.array([[float(x)] for *_, x in GRID])


def by_entry(log_mean, log_r, x):
    log_px, pullback = negative_binomial.log_prob(log_mean, log_r, x=x)
    return log_px, *(g[:, 0] for g in pullback(np.ones_like(log_px)))


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_values_and_gradients_are_mpmaths_from_the_smallest_dispersion_to_poissons_law(twin):
    """Below 1e-13 of |log p|, and of the parts of a gradient, which cancel where the mean or the dispersion
    is the best one.
    """
    with kernels.using(twin):
        log_px, dlog_mean, dlog_r = by_entry(LOG_MEAN, LOG_R, X)
    with mpmath.workdps(40):
        for i, (l, s, x) in enumerate(zip(LOG_MEAN[:, 0], LOG_R[:, 0], X[:, 0], strict=True)):
            mean, r, x = mpmath.exp(mpmath.mpf(l)), mpmath.exp(mpmath.mpf(s)), int(x)
            value = mpmath.loggamma(x + r) - mpmath.loggamma(r) - mpmath.loggamma(x + 1)
            value += x * mpmath.log(mean / (r + mean)) - r * mpmath.log1p(mean / r)
            assert abs(log_px[i] - value) <= 1e-13 * abs(value), GRID[i]
            assert abs(dlog_mean[i] - r * (x - mean) / (r + mean)) <= 1e-13 * r * max(x, mean) / (r + mean), (
                GRID[i]
            )
            up = r * (mpmath.psi(0, x + r) - mpmath.psi(0, r) - mpmath.log1p(x / r))
            down = r * (mpmath.log((r + mean) / (r + x)) + (x - mean) / (r + mean))
            assert abs(dlog_r[i] - (up - down)) <= 1e-13 * max(up, down), GRID[i]


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("r", [1e-3, 0.5, 10.0, 1e4, 1e8])
def test_a_single_count_at_a_small_mean_keeps_the_digits_of_its_dispersion(r, twin):
    """There ψ(1+r) − ψ(r) = 1/r and what it is compared with agree up to μ; most entries of single cells are
    of this kind.
    """
    log_mean = np.array([[-30.0], [-9.0], [-3.0], [-0.3]])
    with kernels.using(twin):
        _, _, found = by_entry(log_mean, np.full_like(log_mean, np.log(r)), np.ones_like(log_mean))
    with mpmath.workdps(60):
        for slope, l in zip(found, log_mean[:, 0], strict=True):
            mean, s = mpmath.exp(mpmath.mpf(l)), mpmath.exp(mpmath.mpf(np.log(r)))
            true = 1 - s * mpmath.log1p(mean / s) + s * (mean - 1) / (s + mean)
            assert abs(slope - true) <= 1e-13 * abs(true)


def test_values_are_scipys():
    """Where SciPy's differences of log Γ keep some digits: of parts of x log x, to a hundred roundoffs."""
    keep = np.exp(LOG_R[:, 0]) < 1e4
    r, mean = np.exp(LOG_R[keep, 0]), np.exp(LOG_MEAN[keep, 0])
    expected = stats.nbinom.logpmf(X[keep, 0], r, r / (r + mean))
    log_px, _, _ = by_entry(LOG_MEAN, LOG_R, X)
    # 1 − p is rounded at 1
    parts = 1 + (X[keep, 0] + r) * (1 + np.log1p(X[keep, 0] + r + mean)) + X[keep, 0] * r / mean
    assert (np.abs(log_px[keep] - expected) <= 100 * np.finfo(float).eps * parts).all()


def test_the_plain_formula_loses_the_digits_that_this_one_keeps():
    """As public code has it: lgamma(x + r) − lgamma(r) − …, and digamma(x + r) − digamma(r), at r = 10⁸."""
    r, mean, x = 1e8, 300.0, 408.0
    value, _, slope = by_entry(np.full((1, 1), np.log(mean)), np.full((1, 1), np.log(r)), np.full((1, 1), x))
    plain = special.gammaln(x + r) - special.gammaln(r) - special.gammaln(x + 1) + r * np.log(r / (r + mean))
    plain += x * np.log(mean / (r + mean))
    plain_slope = (
        special.digamma(x + r) - special.digamma(r) + np.log(r / (r + mean)) + 1 - (r + x) / (r + mean)
    )
    assert abs(plain - value[0]) > 1e-9 * abs(value[0])
    assert abs(r * plain_slope - slope[0]) > 1e-5 * abs(slope[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_infinite_dispersion_is_the_poisson_law(dtype):
    log_mean = np.log(np.array([[0.3, 7.0, 500.0, 1e6]], dtype))
    x = np.array([[0, 5, 408, 1_000_300]], dtype)
    log_px, pullback = negative_binomial.log_prob(log_mean, np.full_like(log_mean, np.inf), x=x)
    expected, poisson_pullback = poisson.log_prob(log_mean, x=x)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(log_px, expected, rtol=max(4 * eps, 1e-13))
    dlog_mean, dlog_r = pullback(np.ones(1, dtype))
    np.testing.assert_allclose(
        dlog_mean, poisson_pullback(np.ones(1, dtype)), rtol=4 * eps, atol=1e6 * 4 * eps
    )
    assert not dlog_r.any()


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_r", [-np.inf, -700.0, -7.0, 18.0, 700.0, np.inf])
@pytest.mark.parametrize("log_mean", [-np.inf, -800.0, 0.0, 80.0, 800.0])
def test_nothing_at_the_ends_of_a_float_is_nan(log_mean, log_r, dtype, twin):
    x = np.array([[0.0, 1.0, 408.0, 1e6, 1e30]], dtype)
    mean, r = np.full_like(x, log_mean), np.full_like(x, log_r)
    with kernels.using(twin):
        log_px, pullback = negative_binomial.log_prob(mean, r, x=x)
        gradients = pullback(np.ones(1, dtype))
    assert log_px[0] <= 0
    assert not any(np.isnan(gradient).any() for gradient in gradients)


@pytest.mark.parametrize("log_mean", [-1.0, 2.0])
@pytest.mark.parametrize("log_r", [-1.0, 0.5, 3.0])
def test_probabilities_sum_to_one_with_and_without_more_zeros(log_mean, log_r):
    x = np.arange(4000.0)[:, None]
    log_px, _, _ = by_entry(np.full_like(x, log_mean), np.full_like(x, log_r), x)
    assert np.exp(log_px).sum() == pytest.approx(1, abs=1e-12)
    assert (x[:, 0] * np.exp(log_px)).sum() == pytest.approx(np.exp(log_mean), rel=1e-11)
    variance = (x[:, 0] ** 2 * np.exp(log_px)).sum() - np.exp(2 * log_mean)
    assert variance == pytest.approx(np.exp(log_mean) + np.exp(2 * log_mean - log_r), rel=1e-9)
    for logit in (-700.0, -3.0, 0.0, 3.0, 30.0):
        inflated, _ = zero_inflated.log_prob(log_px[:, None], np.full_like(x, logit), x=x)
        assert np.exp(inflated).sum() == pytest.approx(1, abs=1e-12)
        q = np.exp(log_px[0])
        assert np.exp(inflated[0]) == pytest.approx(q + special.expit(logit) * (1 - q), rel=1e-12)


def test_zero_inflation_vanishes_at_a_probability_of_0():
    x = np.array([[0.0], [3.0]])
    log_p = np.array([[-0.3], [-2.0]])
    np.testing.assert_allclose(
        zero_inflated.log_prob(log_p, np.full_like(x, -800), x=x)[0], log_p[:, 0], rtol=1e-15
    )


def test_draws_are_poisson_counts_of_gamma_rates():
    n, r, mean = 50_000, 0.8, 6.0
    x = NegativeBinomial((1,), r, dispersion_from="constant").sample(
        np.full((n, 1), np.log(mean)), np.random.default_rng(1)
    )[:, 0]
    assert abs(x.mean() - mean) < 5 * np.sqrt((mean + mean**2 / r) / n)
    expected = stats.nbinom.pmf(np.arange(5), np.float32(r), r / (r + mean))
    shares = np.array([(x == k).mean() for k in range(5)])
    assert (np.abs(shares - expected) < 5 * np.sqrt(expected / n)).all()


@pytest.mark.parametrize("dispersion_from", ["constant", "parameter", "feature", "decoder"])
@pytest.mark.parametrize("inflated", [False, True])
def test_every_source_starts_at_the_given_dispersion_and_ignores_what_is_missing(dispersion_from, inflated):
    D = 3
    likelihood = NegativeBinomial((D,), 2.5, dispersion_from=dispersion_from, zero_inflated=inflated)
    n = D * (1 + (dispersion_from == "decoder") + inflated)
    assert likelihood.n_params((D,)) == n
    assert len(named_parameters(likelihood)) == (dispersion_from in ("parameter", "feature"))
    a = RNG.normal(size=(5, D))
    x = RNG.poisson(1.5, (5, D)).astype(float)
    observed = (RNG.random(x.shape) < 0.6).astype(float)
    more = np.random.default_rng(7).normal(size=(5, n - D))  # log r − log 2.5 and the logits, if any
    x_params = np.concatenate([a, more], axis=1)
    log_px, pullback = likelihood.log_prob(x_params, x=np.where(observed > 0, x, np.nan), observed=observed)
    r = 2.5 * np.exp(more[:, :D]) if dispersion_from == "decoder" else 2.5
    share = special.expit(more[:, -D:]) if inflated else 0  # of the zeros that are added
    p = share * (x == 0) + (1 - share) * stats.nbinom.pmf(x, r, r / (r + np.exp(a)))
    # log r is held in float32
    np.testing.assert_allclose(log_px, (observed * np.log(p)).sum(axis=1), rtol=1e-6)
    assert not pullback(np.ones(5))[:, :D][observed == 0].any()
    np.testing.assert_allclose(likelihood.mean(x_params), (1 - share) * np.exp(a))
    assert likelihood.sample(x_params.astype(np.float32), np.random.default_rng(0)).dtype == np.float32


def test_the_library_is_the_mean_observed_count_and_moves_the_mean_with_it():
    D = 4
    likelihood = NegativeBinomial((D,), 2.0, dispersion_from="constant", offset="library", size=3.0)
    a = RNG.normal(size=(3, D))
    x = np.array([[4.0, 0, 8, 0], [1, 1, 1, 9], [0, 0, 0, 0]])
    observed = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]])
    sizes = np.array([[3.0], [1.0], [0.25]])  # one count in all where there is none
    log_px, _ = likelihood.log_prob(a, x=x, observed=observed)
    p = stats.nbinom.logpmf(x, 2.0, 2 / (2 + sizes * np.exp(a)))
    np.testing.assert_allclose(log_px, (observed * p).sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(likelihood.mean(a), 3 * np.exp(a))
    batch = Batch(x, observed=observed)
    np.testing.assert_allclose(missing_mean(likelihood, a, batch), sizes * np.exp(a))
    many = missing_sample(
        likelihood, np.tile(a[1], (20_000, 1)), Batch(np.tile(x[1], (20_000, 1)), observed=None), RNG
    )
    expected = 3 * np.exp(a[1])  # all of x[1] being observed, its size is 3
    assert (np.abs(many.mean(axis=0) - expected) < 5 * np.sqrt((expected + expected**2 / 2) / 20_000)).all()


def test_draws_of_an_example_each_have_its_size():
    likelihood = NegativeBinomial((2,), offset="library")
    cast(likelihood, np.float64)
    x, a = np.array([[2.0, 4.0], [50.0, 0.0]]), RNG.normal(size=(6, 2))
    found, _ = likelihood.log_prob(a, x=x, draws=3)
    np.testing.assert_array_equal(found, likelihood.log_prob(a, x=np.repeat(x, 3, axis=0))[0])


def test_dispersions_are_learned_from_draws():
    """Ascent from r = 1 in both entries: near the 0.5 and the 8 that 4,000 draws were made with."""
    true = np.array([0.5, 8.0])
    rates = 6 * np.random.default_rng(5).standard_gamma(true, (4000, 2)) / true
    x = RNG.poisson(rates).astype(float)
    likelihood = NegativeBinomial((2,))
    likelihood.log_dispersion.value = likelihood.log_dispersion.value.astype(np.float64)
    for _ in range(80):
        _, pullback = likelihood.log_prob(np.full_like(x, np.log(6)), x=x)
        pullback(np.full(len(x), 1 / len(x)))
        likelihood.log_dispersion.value = likelihood.log_dispersion.value + 3 * likelihood.log_dispersion.grad
        likelihood.log_dispersion.grad = None
    np.testing.assert_allclose(np.exp(likelihood.log_dispersion.value), true, rtol=0.15)  # measured: 2 %


# ---------------------------------------------------------------------------------------------------- large
# counts are no fault


def heavy_counts():
    """Counts to 408 of thirty entries, a fifth of them 0."""
    rng = np.random.default_rng(0)
    log_rate = 0.6 * rng.normal(size=(200, 2)) @ rng.normal(size=(2, 30)) + 1.2 * rng.normal(size=30) + 1.5
    x = rng.poisson(np.exp(np.clip(log_rate, -5, 5.8)) * rng.gamma(2, 0.5, log_rate.shape))
    return np.minimum(x, 408).astype(np.float32)


@pytest.mark.parametrize(
    "law", ["poisson", "negative_binomial", "negative_binomial(offset=library, zero_inflated=True)"]
)
def test_raw_counts_to_408_train_from_the_first_step(law):
    x = heavy_counts()
    assert x.max() == 408
    model = mlp((30,), latent_dim=2, hidden=(40,), likelihood=law, seed=0)
    model.fit(x, epochs=4, batch_size=50)
    bounds = [record["train"]["bound"] for record in model.history]
    assert np.isfinite(bounds).all()
    assert bounds[-1] > bounds[0]


@pytest.mark.parametrize("kind", [Poisson, lambda **settings: NegativeBinomial((3,), **settings)])
def test_the_encoder_sees_the_logarithm_of_counts_unless_told_otherwise(kind):
    x, observed = np.array([[0.0, 3.0, 408.0]]), np.array([[1, 0, 1]])
    for settings, expected in (({}, np.log1p(x)), ({"log_inputs": False}, x)):
        model = mlp((3,), latent_dim=1, hidden=(2,), likelihood=kind(**settings))
        np.testing.assert_allclose(model.seen(Batch(x)), expected)
        np.testing.assert_allclose(model.seen(Batch(x, observed=observed)), expected * observed)
    shown = Batch(x, shown=x - 5.0)
    np.testing.assert_allclose(
        mlp((3,), latent_dim=1, hidden=(2,), likelihood=kind()).seen(shown), np.log1p([[0, 0, 403.0]])
    )


def test_missing_counts_are_imputed_near_their_rates():
    x = heavy_counts()[:, :6].astype(float)
    x[::3, 2] = np.nan
    model = mlp((6,), latent_dim=1, hidden=(8,), likelihood="negative_binomial(offset=library)", seed=0).fit(
        x, epochs=2
    )
    filled = model.impute(Dataset("d", x), samples=20)
    assert np.isfinite(filled).all()
    assert (filled[::3, 2] > 0).all()


REFUSED = [
    (lambda: NegativeBinomial((3,), 0.0), "dispersion should be positive"),
    (lambda: NegativeBinomial((3,), np.nan), "dispersion should be positive"),
    (lambda: NegativeBinomial((3,), np.inf), "finite unless it is a constant, found inf"),
    (
        lambda: NegativeBinomial((3,), dispersion_from="gene"),
        "dispersion_from should be one of constant, decoder, feature, parameter",
    ),
    (lambda: NegativeBinomial((3,), offset="sum"), "offset should be one of library, none"),
    (lambda: NegativeBinomial((3,), size=0.0), "size should be positive"),
    (lambda: NegativeBinomial((3,)).n_params((2,)), r"events of D = 2 entries, found one for 3"),
    (
        lambda: NegativeBinomial((3,)).require_support(np.array([[0.5, 1, 2]])),
        r"counts 0, 1, 2, …; found 0\.5",
    ),
    (lambda: negative_binomial.log_prob(LOG_MEAN, LOG_R, x=-X), "x should hold counts, 0 or more, found -1e"),
    (lambda: negative_binomial.log_prob(LOG_MEAN, LOG_R, x=X * np.nan), "0 or more, found nan"),
    (lambda: negative_binomial.log_prob(LOG_MEAN, LOG_R[:2], x=X), "log_dispersion should have shape"),
    (lambda: zero_inflated.log_prob(LOG_MEAN, LOG_R[:2], x=X), "logits should have shape"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_what_is_no_law_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_it_is_chosen_in_words():
    chosen = "negative_binomial(dispersion=3, dispersion_from=decoder, zero_inflated=True, offset=library)"
    assert LIKELIHOODS.build(chosen, event_shape=(2, 2)).n_params((2, 2)) == 12
