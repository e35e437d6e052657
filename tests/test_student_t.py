"""Student's t: its limit at infinite degrees of freedom, SciPy's values, learned degrees, and what is
refused.
"""

import mpmath
import numpy as np
import pytest
from scipy import stats

from scratchvae.arrays import InputError
from scratchvae.distributions import gaussian, student_t
from scratchvae.layers import Parameter
from scratchvae.likelihoods import Gaussian, StudentT
from scratchvae.recipes import LIKELIHOODS

RNG = np.random.default_rng(0)
X, LOCATION, LOG_SCALE = RNG.normal(size=(5, 3)) * 3, RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinite_degrees_are_the_gaussian_to_rounding(dtype):
    """Of D = 3 entries: some ten roundings of the parts that are summed, which are |log p| of each and
    log σ².
    """
    x, location, log_scale = (a.astype(dtype) for a in (X, LOCATION, LOG_SCALE))
    log_px, pullback = student_t.log_prob(x, location, log_scale, np.full_like(x, np.inf))
    expected, gaussian_pullback = gaussian.log_prob(x, location, 2 * log_scale)
    allowed = 10 * np.finfo(dtype).eps
    squares = ((x - location) / np.exp(log_scale)) ** 2
    parts = 1 + np.abs(log_scale) + squares
    assert log_px.dtype == dtype
    assert (np.abs(log_px - expected) <= allowed * parts.sum(axis=1)).all()
    d = RNG.normal(size=5).astype(dtype)
    dx, dlocation, dlog_scale, dlog_df = pullback(d)
    ex, elocation, elog_var = gaussian_pullback(d)
    np.testing.assert_allclose(dx, ex, rtol=allowed)
    np.testing.assert_allclose(dlocation, elocation, rtol=allowed)
    # log σ² = 2 log s
    assert (np.abs(dlog_scale - 2 * elog_var) <= allowed * np.abs(d)[:, None] * parts).all()
    assert not dlog_df.any()


@pytest.mark.parametrize("df", [2.0, np.inf])
@pytest.mark.parametrize("seed", [0.0, 1.0])
def test_an_overflowing_square_leaves_no_nan(df, seed):
    """At ν = 2 log p is a logarithm of what overflows, and a number, at ν = ∞ the square itself.

    A weight of 0 gives a gradient of 0.
    """
    x, zero = np.float32([[1e18, -2e18, 3.0]]), np.zeros((1, 3), np.float32)
    log_px, pullback = student_t.log_prob(x, zero, zero - 80, np.full_like(x, np.log(df)))
    if df == np.inf:
        assert log_px[0] == -np.inf
    else:
        exact = student_t.log_prob(*(a.astype(np.float64) for a in (x, zero, zero - 80, zero + np.log(df))))
        np.testing.assert_allclose(log_px, exact[0], rtol=1e-6)
    for gradient in pullback(np.full(1, seed, np.float32)):
        assert not np.isnan(gradient).any()
        assert seed or not gradient.any()


@pytest.mark.parametrize("log_scale", [-30.0, -88.0, -89.0, -93.0, -96.0, -120.0])
def test_a_tiny_scale_is_right_whatever_overflows(log_scale):
    """1/s overflows float32 at log s = −88.7, and u = 1e-3/s at −95.6."""
    given = [np.full((1, 1), value) for value in (1e-3, 0.0, log_scale, 0.0)]
    (log_px, pullback), (expected, exact) = (
        student_t.log_prob(*(a.astype(t) for a in given)) for t in (np.float32, np.float64)
    )
    np.testing.assert_allclose(log_px, expected, rtol=1e-5)  # an exponent of 93 in float32 is off by 4e-6
    for single, double in zip(pullback(np.ones(1, np.float32)), exact(np.ones(1)), strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-4)


def test_draws_come_by_the_door():
    one = np.ones((2, 3))
    for refused in (np.ones((2, 3), int), one.astype(np.float16), np.full_like(one, np.nan)):
        with pytest.raises(InputError, match=r"student_t\.sample: location should be"):
            student_t.sample(refused, one, noise=one, precision=one)


@pytest.mark.parametrize("df", [1e8, 1e10, 1e30])
def test_large_learned_degrees_lose_no_digit_in_float32(df):
    """∂log p/∂log ν = (1 + 2u² − u⁴)/4ν + O(ν⁻²), which a difference of log Γ in float32 could not give."""
    u = np.array([[0.3, 1.7, -2.5]], np.float32)
    _, pullback = student_t.log_prob(u, 0 * u, 0 * u, np.full_like(u, np.log(df)))
    *_, dlog_df = pullback(np.ones(1, np.float32))
    wide = u.astype(np.float64)
    df = np.exp(np.float64(np.float32(np.log(df))))
    np.testing.assert_allclose(dlog_df, (1 + 2 * wide**2 - wide**4) / (4 * df), rtol=2e-6)


@pytest.mark.parametrize("df", [1e-2, 0.5, 1.0, 2.0, 7.5, 100.0])
def test_values_are_scipys(df):
    log_px, _ = student_t.log_prob(X, LOCATION, LOG_SCALE, np.full_like(X, np.log(df)))
    np.testing.assert_allclose(
        log_px, stats.t.logpdf(X, df, LOCATION, np.exp(LOG_SCALE)).sum(axis=1), rtol=1e-12
    )


def test_the_oracle_of_the_certificate_is_scipys_law_too():
    mpmath = pytest.importorskip("mpmath")
    for df, u in ((1e-3, 1e30), (0.999, 1.0), (1e12, 2.0)):
        with mpmath.workdps(120):
            h = mpmath.mpf(df) / 2
            log_p = mpmath.log(mpmath.gamma(h + 0.5)) - mpmath.log(mpmath.gamma(h)) if df < 1e3 else None
            log_p = mpmath.loggamma(h + 0.5) - mpmath.loggamma(h) if log_p is None else log_p
            log_p -= mpmath.log(mpmath.pi * df) / 2 + (h + 0.5) * mpmath.log1p(mpmath.mpf(u) ** 2 / df)
        one = np.array([[u]])
        found, _ = student_t.log_prob(one, 0 * one, 0 * one, np.full_like(one, np.log(df)))
        assert found[0] == pytest.approx(float(log_p), rel=1e-13)


def test_cauchys_median_is_found_where_a_mean_would_not_be():
    """1,001 draws at ν = 1, whose sample mean has no limit: the location that the gradient vanishes at is
    near the median.
    """
    likelihood = StudentT(0.7, 1.0)
    x = likelihood.sample(np.full((1001, 1), 3.0), np.random.default_rng(1))
    low, high = 0.0, 6.0
    for _ in range(40):
        middle = (low + high) / 2
        log_px, pullback = likelihood.log_prob(np.full_like(x, middle), x=x)
        low, high = (middle, high) if pullback(np.ones_like(log_px)).sum() > 0 else (low, middle)
    # standard error s √(2/n): Fisher's information is 1/(2 s²)
    assert abs(middle - 3.0) < 5 * 0.7 * np.sqrt(2 / 1001)
    np.testing.assert_array_equal(likelihood.mean(x), x)


def test_degrees_and_scale_are_learned_from_draws():
    """Ascent of one Parameter each: both near what 20,000 draws were made with."""
    rng = np.random.default_rng(2)
    x = StudentT(0.5, 3.0).sample(np.zeros((20_000, 1)), rng)
    likelihood = StudentT(1.5, 20.0, scale_from="parameter", df_from="parameter", min_scale=0.1)
    held = (likelihood.log_excess, likelihood.log_df)
    for parameter in held:
        assert isinstance(parameter, Parameter)
        parameter.value = parameter.value.astype(np.float64)
    for _ in range(300):
        _, pullback = likelihood.log_prob(np.zeros_like(x), x=x)
        pullback(np.full(len(x), 1 / len(x)))
        for parameter in held:
            parameter.value = parameter.value + 2.0 * parameter.grad
            parameter.grad = None
    # measured for 2 seeds: 0.5 %
    assert 0.1 + np.exp(likelihood.log_excess.value[0]) == pytest.approx(0.5, rel=0.02)
    assert np.exp(likelihood.log_df.value[0]) == pytest.approx(3.0, rel=0.15)  # measured for 2 seeds: 3 %


@pytest.mark.parametrize("scale_from", ["constant", "parameter", "decoder"])
@pytest.mark.parametrize("df_from", ["constant", "parameter", "decoder"])
def test_every_source_starts_at_the_given_numbers_and_ignores_what_is_missing(scale_from, df_from):
    likelihood = StudentT(0.5, 3.0, scale_from=scale_from, df_from=df_from, min_scale=0.2)
    n = likelihood.n_params((3,))
    assert n == 3 * (1 + (scale_from == "decoder") + (df_from == "decoder"))
    more = np.random.default_rng(7).normal(size=(5, n - 3))  # log of the excess over 0.3, log ν − log 3
    x_params = np.concatenate([LOCATION, more], axis=1)
    scale = 0.2 + 0.3 * (np.exp(more[:, :3]) if scale_from == "decoder" else 1)
    df = 3.0 * (np.exp(more[:, -3:]) if df_from == "decoder" else 1)
    observed = (RNG.random(X.shape) < 0.5).astype(np.float64)
    holes = np.where(observed > 0, X, np.nan)
    log_px, pullback = likelihood.log_prob(x_params, x=holes, observed=observed)
    by_entry = stats.t.logpdf(X, df, LOCATION, scale)
    # the start is held in float32
    np.testing.assert_allclose(log_px, (observed * by_entry).sum(axis=1), rtol=1e-6)
    dx_params = pullback(np.ones(5))
    assert dx_params.shape == x_params.shape
    assert not dx_params[:, :3][observed == 0].any()
    twice, _ = likelihood.log_prob(np.repeat(x_params, 2, axis=0), x=holes, observed=observed, draws=2)
    np.testing.assert_array_equal(twice, np.repeat(log_px, 2))
    assert likelihood.sample(x_params.astype(np.float32), np.random.default_rng(0)).dtype == np.float32


def test_a_constant_of_infinity_draws_and_judges_as_the_gaussian():
    likelihood, x = StudentT(1.5, np.inf), RNG.normal(size=(4, 2))
    expected, _ = Gaussian(1.5**2).log_prob(0 * x, x=x)
    # log s is held in float32
    np.testing.assert_allclose(likelihood.log_prob(0 * x, x=x)[0], expected, rtol=1e-6)
    draws = likelihood.sample(np.zeros((20_000, 1)), np.random.default_rng(0))
    assert stats.kstest(draws[:, 0] / 1.5, "norm").pvalue > 1e-4


REFUSED = [
    ({"scale": 0.0}, "scale should be finite and above min_scale = 0, found 0"),
    ({"scale": 1.0, "min_scale": 2.0}, "above min_scale = 2"),
    ({"scale": np.inf}, "scale should be finite"),
    ({"df": 0.0}, "df should be positive"),
    ({"df": np.nan}, "df should be positive"),
    ({"df": np.inf, "df_from": "parameter"}, "finite unless it is a constant"),
    ({"min_scale": -1.0}, "min_scale should be at least 0"),
    ({"df_from": "data"}, "df_from should be one of constant, decoder, parameter"),
    ({"scale_from": "data"}, "scale_from should be one of"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_settings_that_are_no_law_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        StudentT(**settings)


def test_sources_are_chosen_in_words():
    likelihood = LIKELIHOODS.build("student_t(df=1e999, scale_from=parameter)", event_shape=(3,))
    assert (likelihood.scale_from, likelihood.df_from, likelihood.n_params((3,))) == (
        "parameter",
        "constant",
        3,
    )
    assert LIKELIHOODS.build("student_t(df_from='decoder')", event_shape=(3,)).n_params((3,)) == 6
    with pytest.raises(InputError, match="df_from should be one of constant, parameter, decoder, found net"):
        LIKELIHOODS.build("student_t(df_from=net)", event_shape=(3,))


def exact_student_t(x, log_scale, log_df):
    """log p and its slopes by the location, log s and log ν, from the definition."""
    with mpmath.workdps(60):
        x, log_scale, log_df = (mpmath.mpf(float(v)) for v in (x, log_scale, log_df))
        df, u = mpmath.exp(log_df), x * mpmath.exp(-log_scale)
        q = u * u / df
        share = q / (1 + q)
        log_p = mpmath.loggamma((df + 1) / 2) - mpmath.loggamma(df / 2 + 1) + mpmath.log(df / 2)
        log_p += -(mpmath.log(mpmath.pi) + log_df) / 2 - log_scale - (df + 1) / 2 * mpmath.log1p(q)
        of_df = (df * (mpmath.psi(0, (df + 1) / 2) - mpmath.psi(0, df / 2 + 1)) + 1) / 2
        of_df += (-df * mpmath.log1p(q) + (df + 1) * share) / 2
        location = (df + 1) * share / x if x else 0
        return [float(v) for v in (log_p, location, (df + 1) * share - 1, of_df)]


def by_entry(*values, dtype):
    return [np.full((1, 1), value, dtype) for value in values]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("x", [0.0, 1.0, -1e3])
def test_students_t_keeps_its_digits(x, dtype):
    for log_scale in (-1e3, -100.0, -1.0, 0.0, 1.0, 100.0, 1e3):
        for log_df in (-1e3, -100.0, -1.0, 0.0, 1.0):
            given = by_entry(x, 0.0, log_scale, log_df, dtype=dtype)
            value, pullback = student_t.log_prob(*given)
            _, *slopes = pullback(np.ones(1, dtype))
            found = [value[0], *(slope[0, 0] for slope in slopes)]
            expected = exact_student_t(x, *(v[0, 0] for v in given[2:]))
            with np.errstate(over="ignore"):
                expected = np.array(expected, dtype)
            tiny = 1e-6 if dtype is np.float32 else 1e-13  # the slopes are differences of numbers near 1
            np.testing.assert_allclose(
                found, expected, rtol=2e-6 if dtype is np.float32 else 1e-12, atol=tiny
            )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_saturated_parameter_leaves_nan(dtype):
    grid = np.meshgrid(*[[-1e4, -1e3, -100.0, 0.0, 100.0, 1e3, 1e4]] * 3)
    x_params = np.stack([v.ravel() for v in grid], axis=1).astype(dtype)
    likelihood = StudentT(scale_from="decoder", df_from="decoder")
    with np.errstate(over="ignore"):
        value, pullback = likelihood.log_prob(x_params, x=np.full((len(x_params), 1), 0.3, dtype))
        gradients, none = pullback(np.ones_like(value)), pullback(np.zeros_like(value))
        drawn = likelihood.sample(x_params, np.random.default_rng(0))
    assert not any(np.isnan(v).any() for v in (value, gradients, drawn))
    assert not none.any()
