"""Discretized logistic levels and the beta law: masses, limits, published faults, the roles' sources, and
what is refused.
"""

import mpmath
import numpy as np
import pytest
from scipy import stats

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.distributions import beta, discretized_logistic
from scratchvae.layers import named_parameters
from scratchvae.likelihoods import Beta, Categorical, DiscretizedLogistic
from scratchvae.recipes import LIKELIHOODS, mlp

RNG = np.random.default_rng(0)

# -----------------------------------------------------------------------------------------------------------
# levels of grey


def mass(mean, log_scale, dtype, levels=256):
    """P(x = k) (levels,)."""
    k = np.arange(levels)[:, None]
    one = np.ones((levels, 1), dtype)
    return np.exp(
        discretized_logistic.log_prob(dtype(mean) * one, dtype(log_scale) * one, x=k, levels=levels)[0]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("log_scale", [-8.0, -1.0, 0.0, 2.5, 6.0, 14.0])
@pytest.mark.parametrize("mean", [-300.0, -0.4, 0.5, 100.2, 254.9, 260.0])
def test_the_levels_sum_to_one_edges_included(mean, log_scale, twin, dtype):
    """Each of 256 to some roundoffs of its logarithm, which is at most 16 of those that count."""
    with kernels.using(twin):
        total = mass(mean, log_scale, dtype).sum(dtype=np.float64)
    assert total == pytest.approx(1, abs=100 * float(np.finfo(dtype).eps))


def test_a_density_at_the_middle_loses_the_mass_beyond_the_edges():
    """Public code that has no open ends, or only one, sums to less than 1."""
    m, s, k = 1.0, 3.0, np.arange(256)
    inside = stats.logistic.cdf(k + 0.5, m, s) - stats.logistic.cdf(k - 0.5, m, s)
    assert inside.sum() < 0.7
    found = mass(m, np.log(s), np.float64)
    np.testing.assert_allclose(found[1:-1], inside[1:-1], rtol=1e-9, atol=1e-15)
    assert found[0] == pytest.approx(stats.logistic.cdf(0.5, m, s), rel=1e-14)
    far = mass(250.0, np.log(s), np.float64)
    assert far[-1] == pytest.approx(stats.logistic.sf(254.5, 250.0, s), rel=1e-12)


def test_far_out_it_is_finite_and_has_a_slope_where_the_difference_underflows():
    """PixelCNN++ takes the density at the middle there, by a branch, and a floor of 10⁻¹² elsewhere, which
    has slope 0.
    """
    mean, x = np.full((1, 1), 250.0, np.float32), np.full((1, 1), 3)
    log_px, pullback = discretized_logistic.log_prob(mean, np.zeros((1, 1), np.float32), x=x, levels=256)
    with mpmath.workdps(200):
        a, b = mpmath.mpf("3.5") - 250, mpmath.mpf("2.5") - 250
        exact = mpmath.log(1 / (1 + mpmath.exp(-a)) - 1 / (1 + mpmath.exp(-b)))
    assert log_px[0] == pytest.approx(float(exact), rel=1e-6)
    dmean, _ = pullback(np.ones(1, np.float32))
    assert dmean[0, 0] == pytest.approx(-1, rel=1e-6)


@pytest.mark.parametrize("log_scale", [-90.0, 90.0])
@pytest.mark.parametrize("mean", [-1e30, 0.0, 127.5, 1e30])
def test_no_scale_leaves_nan(mean, log_scale):
    x = np.arange(0, 256, 51)[None]
    one = np.ones(x.shape, np.float32)
    log_px, pullback = discretized_logistic.log_prob(
        np.float32(mean) * one, np.float32(log_scale) * one, x=x, levels=256
    )
    assert not np.isnan(log_px).any()
    assert not any(np.isnan(g).any() for g in pullback(np.ones(1, np.float32)))


def test_a_mixture_is_the_weighted_sum_and_one_of_equals_is_the_law_itself():
    logits, means, log_scales = (
        RNG.normal(size=(1, 1, 3)),
        4 + 3 * RNG.normal(size=(1, 1, 3)),
        RNG.normal(size=(1, 1, 3)),
    )
    w = np.exp(logits[0, 0]) / np.exp(logits).sum()
    each = np.stack([mass(means[0, 0, k], log_scales[0, 0, k], np.float64, 8) for k in range(3)])
    x = np.arange(8)[:, None]
    arrays = [np.repeat(a, 8, axis=0) for a in (logits, means, log_scales)]
    found, _ = discretized_logistic.mixture_log_prob(*arrays, x=x, levels=8)
    np.testing.assert_allclose(np.exp(found), w @ each, rtol=1e-12)
    assert np.exp(found).sum() == pytest.approx(1, rel=1e-13)
    same = [np.repeat(a[:, :, :1], 3, axis=2) for a in arrays]
    one, _ = discretized_logistic.mixture_log_prob(arrays[0], *same[1:], x=x, levels=8)
    np.testing.assert_allclose(one, np.log(each[0]), rtol=1e-12)


@pytest.mark.parametrize("components", [1, 3])
def test_the_role_keeps_bytes_and_its_mean_is_that_of_its_levels(components):
    likelihood = DiscretizedLogistic(8, components)
    n = likelihood.n_params((2,))
    assert n == 2 * (2 if components == 1 else 9)
    x_params = np.tile(RNG.normal(size=n), (8, 1))
    levels = np.tile(np.arange(8)[:, None] / 7, (1, 2)).astype(np.float32)  # as float32 has them
    p = []
    for d in range(2):
        observed = np.zeros((8, 2))
        observed[:, d] = 1
        p.append(np.exp(likelihood.log_prob(x_params, x=levels.astype(np.float64), observed=observed)[0]))
    np.testing.assert_allclose([one.sum() for one in p], 1, rtol=1e-13)
    np.testing.assert_allclose(
        likelihood.mean(x_params)[0], [one @ np.arange(8) / 7 for one in p], rtol=1e-12
    )
    drawn = likelihood.sample(np.tile(x_params[:1], (20_000, 1)), np.random.default_rng(1))
    for d in range(2):
        shares = np.bincount(np.rint(7 * drawn[:, d]).astype(int), minlength=8) / 20_000
        assert (np.abs(shares - p[d]) < 5 * np.sqrt(p[d] / 20_000) + 1e-9).all()
    assert likelihood.sample(x_params.astype(np.float32), RNG).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_byte_is_its_own_level_and_what_lies_between_two_counts_as_by_the_categorical_law(dtype):
    """A narrow law at each of 256 bytes gives nearly all of its mass to that byte, and to x up to the next
    256th.
    """
    k = np.arange(256)
    x_params = np.concatenate(
        [(2 * k / 255 - 1)[:, None], np.full((256, 1), np.log(0.05 / 127.5))], axis=1
    ).astype(dtype)
    for x in (k / 255, (k + 0.01) / 256, (k + 0.99) / 256):
        log_px, _ = DiscretizedLogistic().log_prob(x_params, x=x[:, None].astype(dtype))
        assert (log_px > -0.01).all()  # ½ level is ten scales


def test_it_compares_with_the_categorical_law_of_the_same_levels():
    """At the start both give each of 256 levels a share near 1/256.

    Both are nats of the same kind, and no densities.
    """
    x = RNG.integers(0, 256, (5, 4)) / 255
    logistic, _ = DiscretizedLogistic().log_prob(np.zeros((5, 8)), x=x)
    uniform, _ = Categorical().log_prob(np.zeros((5, 1024)), x=x)
    assert (np.abs(logistic - uniform) < 4 * 1.5).all()
    assert (logistic < 0).all()


# -----------------------------------------------------------------------------------------------------------
# the beta law


def test_values_are_scipys_and_the_ends_meet_the_uniform_law():
    a, b = np.exp(RNG.normal(size=(20, 1)) * 2), np.exp(RNG.normal(size=(20, 1)) * 2)
    x = RNG.uniform(0.01, 0.99, (20, 1))
    np.testing.assert_allclose(
        beta.log_prob(x, np.log(a), np.log(b))[0], stats.beta.logpdf(x, a, b)[:, 0], rtol=1e-10, atol=1e-12
    )
    one = np.zeros((20, 1))
    np.testing.assert_allclose(beta.log_prob(x, one, one)[0], 0, atol=1e-14)


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_large_parameters_keep_the_digits_that_differences_of_log_gamma_lose(twin):
    a, b = 3e7, 7e7
    x = np.array([[0.3001]])
    with kernels.using(twin):
        value, pullback = beta.log_prob(x, np.log([[a]]), np.log([[b]]))
        _, dlog_a, _ = pullback(np.ones(1))
    with mpmath.workdps(50):
        A, B, t = (mpmath.exp(mpmath.mpf(float(np.log(v)))) for v in (a, b)), None, mpmath.mpf(float(x[0, 0]))
        A, B = A
        exact = mpmath.loggamma(A + B) - mpmath.loggamma(A) - mpmath.loggamma(B) + (A - 1) * mpmath.log(t)
        exact += (B - 1) * mpmath.log(1 - t)
        slope = A * (mpmath.psi(0, A + B) - mpmath.psi(0, A) + mpmath.log(t))
    assert value[0] == pytest.approx(float(exact), rel=1e-8)  # a = exp(log a) is right to 10⁸ roundoffs of 1
    assert dlog_a[0, 0] == pytest.approx(float(slope), rel=1e-8)


@pytest.mark.parametrize("concentration_from", ["constant", "parameter", "decoder"])
def test_every_source_starts_at_the_given_concentration_and_ignores_what_is_missing(concentration_from):
    likelihood = Beta(6.0, concentration_from=concentration_from)
    n = likelihood.n_params((3,))
    assert n == (6 if concentration_from == "decoder" else 3)
    assert len(named_parameters(likelihood)) == (concentration_from == "parameter")
    l = RNG.normal(size=(4, 3))
    x, observed = RNG.uniform(0.1, 0.9, (4, 3)), (RNG.random((4, 3)) < 0.6).astype(float)
    c = np.random.default_rng(7).normal(scale=0.5, size=(4, n - 3))  # log ν − log 6, if any
    x_params = np.concatenate([l, c], axis=1)
    log_px, pullback = likelihood.log_prob(x_params, x=np.where(observed > 0, x, np.nan), observed=observed)
    share, both = 1 / (1 + np.exp(-l)), 6 * np.exp(c) if c.size else np.full((4, 3), 6.0)
    expected = (observed * stats.beta.logpdf(x, both * share, both * (1 - share))).sum(axis=1)
    np.testing.assert_allclose(log_px, expected, rtol=1e-6, atol=1e-6)  # log ν is held in float32
    assert not pullback(np.ones(4))[:, :3][observed == 0].any()
    drawn = likelihood.sample(np.tile(x_params[:1], (20_000, 1)), np.random.default_rng(2))
    spread = np.sqrt(share[0] * (1 - share[0]) / (both[0] + 1))
    assert (np.abs(drawn.mean(axis=0) - likelihood.mean(x_params)[0]) < 5 * spread / np.sqrt(20_000)).all()
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.05)  # five standard errors of a deviation


def test_draws_stay_inside_in_float32():
    tiny = np.full((1000, 1), -3.0, np.float32)
    x = beta.sample(tiny, tiny, uniform=RNG.random((1000, 1)))
    assert x.dtype == np.float32
    assert ((x > 0) & (x < 1)).all()
    Beta().require_support(x)


REFUSED = [
    (
        lambda: Beta().require_support(np.array([[0.0, 0.5]])),
        r"strictly between 0 and 1, found 0; .*\(x·\(N − 1\) \+ ½\)/N",
    ),
    (lambda: Beta().require_support(np.array([[0.3, 1.0]])), "found 1; "),
    (lambda: beta.log_prob(np.array([[1.0]]), np.zeros((1, 1)), np.zeros((1, 1))), "found 1 to 1"),
    (lambda: Beta(0.0), "concentration should be positive"),
    (lambda: Beta(concentration_from="data"), "concentration_from should be one of"),
    (lambda: DiscretizedLogistic(1), "levels should be at least 2"),
    (lambda: DiscretizedLogistic(8, 0), "components should be at least 1"),
    (lambda: DiscretizedLogistic().require_support(np.array([[2.0]])), "x should be numbers in"),
    (
        lambda: discretized_logistic.log_prob(
            np.ones((1, 1)), np.ones((1, 1)), x=np.full((1, 1), 8), levels=8
        ),
        r"0\.\.7, found 8",
    ),
    (
        lambda: discretized_logistic.log_prob(np.ones((1, 1)), np.ones((1, 1)), x=np.ones((1, 1)), levels=8),
        "hold integers",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_what_is_no_law_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize(
    "law", ["discretized_logistic", "discretized_logistic(components=3)", "continuous_bernoulli", "beta"]
)
def test_pictures_are_learned(law):
    """Stripes of one direction and another: the bound rises from what the first epoch reached."""
    rows = RNG.integers(0, 2, 120)[:, None, None]
    up = np.indices((6, 6))[0] % 2
    x = 0.05 + 0.9 * np.where(rows, up, up.T) * RNG.uniform(0.6, 1, (120, 6, 6))
    model = mlp((6, 6), latent_dim=2, hidden=(24,), likelihood=law, seed=0)
    model.fit(x.astype(np.float32), epochs=30, batch_size=20)
    bounds = [record["train"]["bound"] for record in model.history]
    assert bounds[-1] > bounds[0] + 5
    assert LIKELIHOODS.build(law, event_shape=(6, 6)).n_params((6, 6)) == model.likelihood.n_params((6, 6))
