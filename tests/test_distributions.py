"""Values against independent oracles: scipy.stats, quadrature, enumeration, mpmath; and limits at extreme
inputs.
"""

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from scratchvae import kernels, ops
from scratchvae.arrays import InputError
from scratchvae.data import bars, binarize
from scratchvae.distributions import bernoulli, categorical, gaussian, laplace, mixture, multinomial, poisson
from scratchvae.layers import Dropout, Mode
from scratchvae.likelihoods import Bernoulli, Categorical, Multinomial, Poisson

RNG = np.random.default_rng(0)
X, MEAN, LOG_VAR = (RNG.normal(size=(4, 3)) for _ in range(3))
LOGITS = 3 * RNG.normal(size=(4, 3))
BITS = RNG.integers(0, 2, (4, 3)).astype(float)
CLASS_LOGITS = 2 * RNG.normal(size=(4, 3, 5))
CLASSES = RNG.integers(0, 5, (4, 3))
SIGMA = np.exp(LOG_VAR / 2)
COUNTS = RNG.poisson(4, (4, 3)).astype(float)

pytestmark = pytest.mark.parametrize("twin", kernels.TWINS)


@pytest.fixture(autouse=True)
def _use_twin(twin):
    with kernels.using(twin):
        yield


def softmax(logits):
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def mixture_by_scipy():
    weights, means, deviations = softmax(LOGITS[:, 0]), MEAN, SIGMA  # four components of three dimensions
    joint = [
        w * stats.norm.pdf(X[:, None], m, s).prod(axis=2)[:, 0]
        for w, m, s in zip(weights, means, deviations, strict=True)
    ]
    return np.log(np.sum(joint, axis=0))


ORACLES = {
    "gaussian.log_prob": (
        lambda: gaussian.log_prob(X, MEAN, LOG_VAR)[0],
        lambda: stats.norm.logpdf(X, MEAN, SIGMA).sum(axis=1),
    ),
    "gaussian.entropy": (
        lambda: gaussian.entropy(LOG_VAR)[0],
        lambda: stats.norm.entropy(0, SIGMA).sum(axis=1),
    ),
    "laplace.log_prob": (
        lambda: laplace.log_prob(X, MEAN, LOG_VAR)[0],
        lambda: stats.laplace.logpdf(X, MEAN, np.exp(LOG_VAR)).sum(axis=1),
    ),
    "laplace.entropy": (
        lambda: laplace.entropy(LOG_VAR)[0],
        lambda: stats.laplace.entropy(0, np.exp(LOG_VAR)).sum(axis=1),
    ),
    "bernoulli.log_prob": (
        lambda: bernoulli.log_prob(LOGITS, x=BITS)[0],
        lambda: stats.bernoulli.logpmf(BITS, 1 / (1 + np.exp(-LOGITS))).sum(axis=1),
    ),
    "bernoulli.entropy": (
        lambda: bernoulli.entropy(LOGITS)[0],
        lambda: stats.bernoulli.entropy(1 / (1 + np.exp(-LOGITS))).sum(axis=1),
    ),
    "categorical.log_prob": (
        lambda: categorical.log_prob(CLASS_LOGITS, x=CLASSES)[0],
        lambda: np.log(np.take_along_axis(softmax(CLASS_LOGITS), CLASSES[..., None], 2)).sum(axis=(1, 2)),
    ),
    "categorical.entropy": (
        lambda: categorical.entropy(CLASS_LOGITS)[0],
        lambda: stats.entropy(softmax(CLASS_LOGITS), axis=2).sum(axis=1),
    ),
    "multinomial.log_prob": (
        lambda: multinomial.log_prob(LOGITS, x=COUNTS)[0],
        lambda: stats.multinomial.logpmf(COUNTS, COUNTS.sum(axis=1), softmax(LOGITS)),
    ),
    "poisson.log_prob": (
        lambda: poisson.log_prob(MEAN, x=COUNTS)[0],
        lambda: stats.poisson.logpmf(COUNTS, np.exp(MEAN)).sum(axis=1),
    ),
    "mixture.log_prob": (lambda: mixture.log_prob(X, LOGITS[:, 0], MEAN, LOG_VAR)[0], mixture_by_scipy),
}


@pytest.mark.parametrize("name", ORACLES)
def test_values_agree_with_scipy(name):
    ours, theirs = ORACLES[name]
    np.testing.assert_allclose(ours(), theirs(), rtol=1e-12)


def quadrature_kl(p, q):
    """∫ p log p/q in one dimension, where p holds its mass within ten deviations."""
    low, high = p.mean() - 10 * p.std(), p.mean() + 10 * p.std()
    return integrate.quad(
        lambda t: p.pdf(t) * (p.logpdf(t) - q.logpdf(t)), low, high, epsabs=1e-13, epsrel=1e-12, limit=200
    )[0]


@pytest.mark.parametrize(
    ("m", "lv", "om", "olv"), [(0.7, -1.2, 0, 0), (-1.5, 0.8, 0.4, -0.6), (2.0, 1.0, 2.0, 1.0)]
)
def test_kl_agrees_with_quadrature(m, lv, om, olv):
    as_row = [np.array([[float(v)]]) for v in (m, lv, om, olv)]
    expected = quadrature_kl(stats.norm(m, np.exp(lv / 2)), stats.norm(om, np.exp(olv / 2)))
    assert gaussian.kl(*as_row)[0][0] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    if om == olv == 0:
        assert gaussian.kl_to_standard(*as_row[:2])[0][0] == pytest.approx(expected, rel=1e-9)


def test_kl_to_standard_is_the_special_case_and_the_sum_over_dimensions():
    general, _ = gaussian.kl(MEAN, LOG_VAR, np.zeros_like(MEAN), np.zeros_like(MEAN))
    np.testing.assert_allclose(gaussian.kl_to_standard(MEAN, LOG_VAR)[0], general, rtol=1e-13)
    np.testing.assert_allclose(
        gaussian.kl_to_standard_by_dimension(MEAN, LOG_VAR)[0].sum(axis=1), general, rtol=1e-13
    )


def test_kl_is_zero_only_between_equals_and_keeps_its_digits_near_them():
    zero = np.zeros((1, 1))
    assert gaussian.kl_to_standard(zero, zero)[0][0] == 0
    for log_var in (1e-6, -1e-4, 1e-2):
        exact = float((mpmath.expm1(mpmath.mpf(log_var)) - mpmath.mpf(log_var)) / 2)
        found = gaussian.kl_to_standard(zero, np.full((1, 1), log_var))[0][0]
        assert found == pytest.approx(exact, rel=1e-9)
        assert found > 0


def test_kl_is_cross_entropy_less_entropy_by_monte_carlo():
    noise = np.random.default_rng(1).standard_normal((200_000, 1))
    mean, log_var = np.full((200_000, 1), 0.5), np.full((200_000, 1), -0.7)
    z, _ = gaussian.reparameterize(mean, log_var, noise=noise)
    estimates = (
        gaussian.log_prob(z, mean, log_var)[0] - gaussian.log_prob(z, np.zeros_like(z), np.zeros_like(z))[0]
    )
    exact = gaussian.kl_to_standard(mean[:1], log_var[:1])[0][0]
    assert abs(estimates.mean() - exact) < 4 * estimates.std() / np.sqrt(len(z))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit", [-1e4, -80.0, 0.0, 80.0, 1e4])
@pytest.mark.parametrize("x", [0.0, 0.25, 1.0])
def test_bernoulli_at_extreme_logits(dtype, logit, x):
    log_px, pullback = bernoulli.log_prob(np.full((1, 1), logit, dtype), x=np.full((1, 1), x, dtype))
    with mpmath.workdps(60):
        exact = mpmath.mpf(x) * mpmath.mpf(logit) - mpmath.log1p(mpmath.exp(mpmath.mpf(logit)))
        gradient = mpmath.mpf(x) - 1 / (1 + mpmath.exp(-mpmath.mpf(logit)))
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    assert log_px[0] == pytest.approx(float(exact), rel=tolerance, abs=tolerance)
    assert pullback(np.ones(1, dtype))[0, 0] == pytest.approx(float(gradient), rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_var", [-80.0, 0.0, 80.0])
@pytest.mark.parametrize("distance", [0.0, 1e-3, 10.0])
def test_gaussian_at_extreme_variances(dtype, log_var, distance):
    x, mean, row = np.full((1, 1), distance, dtype), np.zeros((1, 1), dtype), np.full((1, 1), log_var, dtype)
    log_px, pullback = gaussian.log_prob(x, mean, row)
    gradients = pullback(np.ones(1, dtype))
    with mpmath.workdps(60):
        d, precision = mpmath.mpf(float(x[0, 0])), mpmath.exp(-mpmath.mpf(log_var))
        exact = [
            -(mpmath.log(2 * mpmath.pi) + log_var + d * d * precision) / 2,
            -d * precision,
            d * precision,
            (d * d * precision - 1) / 2,
        ]
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for found, expected in zip([log_px[0], *(g[0, 0] for g in gradients)], exact, strict=True):
        assert found == pytest.approx(float(expected), rel=tolerance)
    assert all(g.dtype == dtype for g in gradients)


HUGE = [-1e30, -1e4, -200.0, 0.0, 200.0, 1e4, 1e30]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extreme", HUGE)
def test_any_finite_input_gives_a_number_or_its_limit_never_nan(dtype, extreme):
    row, zero, one = np.full((1, 2), extreme, dtype), np.zeros((1, 2), dtype), np.ones((1, 2), dtype)
    calls = [
        lambda: gaussian.log_prob(zero, zero, row),
        lambda: gaussian.log_prob(one, zero, row),
        lambda: gaussian.kl_to_standard(zero, row),
        lambda: gaussian.reparameterize(zero, row, noise=zero),
        lambda: gaussian.kl_to_standard_by_dimension(zero, row),
        lambda: gaussian.kl(zero, row, zero, zero),
        lambda: gaussian.kl(zero, zero, zero, row),
        lambda: gaussian.kl(one, zero, zero, row),
        lambda: gaussian.kl(one, row, one, row),
        lambda: gaussian.expected_log_prob(zero, row, zero, zero),
        lambda: gaussian.expected_log_prob(zero, zero, zero, row),
        lambda: gaussian.expected_log_prob(one, zero, zero, row),
        lambda: gaussian.expected_log_prob(one, row, one, row),
        lambda: gaussian.log_prob_of_draw(row, noise=zero),
        lambda: gaussian.entropy(row),
        lambda: laplace.reparameterize(zero, row, noise=zero),
        lambda: laplace.entropy(row),
        lambda: laplace.log_prob(zero, zero, row),
        lambda: laplace.log_prob(one, zero, row),
        lambda: bernoulli.log_prob(row, x=one),
        lambda: bernoulli.log_prob(row, x=zero),
        lambda: bernoulli.entropy(row),
        lambda: categorical.log_prob(np.stack([row, zero], axis=2), x=np.zeros((1, 2), int)),
        lambda: categorical.entropy(np.stack([row, zero], axis=2)),
        lambda: multinomial.log_prob(np.hstack([row, zero]), x=np.hstack([zero, one])),
        lambda: multinomial.log_prob(np.hstack([row, zero]), x=np.hstack([one * dtype(1e30), zero])),
        lambda: multinomial.log_prob(row, x=zero),
        lambda: poisson.log_prob(row, x=zero),
        lambda: poisson.log_prob(row, x=one),
        lambda: poisson.log_prob(row, x=one * dtype(1e30)),
    ]
    for call in calls:
        with np.errstate(over="ignore"):
            value, pullback = call()
            gradients = pullback(np.ones_like(value))
        assert not np.isnan(value).any()
        for gradient in gradients if isinstance(gradients, tuple) else (gradients,):
            assert not np.isnan(gradient).any()


# quarters: a power of two is added to them exactly
LEVELS = np.array([[0.25, -1.5, 2.0, 0.5], [1.0, 0.75, -0.5, -2.0]])
NORMALIZED = {
    "softmax": lambda l: ops.softmax(l, axis=1),
    "softmax: first axis": lambda l: ops.softmax(np.ascontiguousarray(l.T), axis=0),
    "categorical.log_prob": lambda l: categorical.log_prob(l[:, None], x=np.array([[1], [3]])),
    "categorical.entropy": lambda l: categorical.entropy(l[:, None]),
    "multinomial.log_prob": lambda l: multinomial.log_prob(l, x=np.array([[0.0, 2, 1, 3], [4, 0, 0, 1]])),
    "mixture.log_prob": lambda l: mixture.log_prob(
        np.array([[0.5], [-2.0]], l.dtype),
        l[0],
        np.array([[-1.0], [0.0], [1.0], [3.0]], l.dtype),
        np.zeros((4, 1), l.dtype),
    ),
}
U = np.array([[0.05, 0.3, 0.6, 0.95]])
NORMALIZED_ALONE = {
    "categorical.sample": lambda l: categorical.sample(np.repeat(l[:1, None], 4, axis=1), uniform=U),
    "multinomial.sample": lambda l: multinomial.sample(l[:1], uniform=U),
    "mixture.sample": lambda l: mixture.sample(
        l[0],
        np.arange(4, dtype=l.dtype)[:, None],
        np.zeros((4, 1), l.dtype),
        uniform=U[0],
        noise=np.zeros((4, 1), l.dtype),
    ),
    "Categorical.mean": Categorical(4).mean,
    "Multinomial.mean": Multinomial(7).mean,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [-1024.0, 1024.0])
@pytest.mark.parametrize("name", [*NORMALIZED, *NORMALIZED_ALONE])
def test_what_is_normalized_does_not_see_an_offset_of_all_logits(name, offset, dtype):
    """e^1024 is no number, and e^−1024 is 0. log Σ exp l rounds at the offset's size, not at its own: hence
    the tolerance.
    """
    found = []
    for logits in (LEVELS.astype(dtype), LEVELS.astype(dtype) + dtype(offset)):
        if name in NORMALIZED_ALONE:
            found.append([NORMALIZED_ALONE[name](logits)])
        else:
            value, pullback = NORMALIZED[name](logits)
            gradients = pullback(np.linspace(-1, 2, value.size).reshape(value.shape).astype(dtype))
            found.append([value, *(gradients if isinstance(gradients, tuple) else (gradients,))])
    for plain, shifted in zip(*found, strict=True):
        assert np.isfinite(plain).all()
        assert plain.any()
        # of up to six counts, each times a normalizer that rounds
        allowed = 10 * abs(offset) * np.finfo(dtype).eps
        np.testing.assert_allclose(shifted, plain, rtol=0, atol=0 if name in NORMALIZED_ALONE else allowed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_exponentials_have_their_limits(dtype):
    """log Σ e^−∞ = −∞ with a gradient of 0, and what holds +∞ gives +∞."""
    x = np.array([[-np.inf, -np.inf], [-np.inf, 2.0], [np.inf, 2.0]], dtype)
    with np.errstate(invalid="ignore"):
        y, pullback = ops.log_sum_exp(x, axis=1)
    np.testing.assert_array_equal(y, [-np.inf, 2.0, np.inf])
    y, pullback = ops.log_sum_exp(x[:2], axis=1)
    np.testing.assert_array_equal(pullback(np.ones(2, dtype)), [[0, 0], [0, 1]])


def test_probabilities_sum_to_one():
    both = [bernoulli.log_prob(np.full((1, 1), 1.3), x=np.full((1, 1), bit))[0][0] for bit in (0.0, 1.0)]
    assert np.exp(both).sum() == pytest.approx(1, rel=1e-14)
    each = [categorical.log_prob(CLASS_LOGITS[:1, :1], x=np.array([[c]]))[0][0] for c in range(5)]
    assert np.exp(each).sum() == pytest.approx(1, rel=1e-14)


def test_probabilities_of_counts_sum_to_one():
    k = np.arange(200.0)[:, None]
    for log_rate in (-3.0, 1.0, 4.0):
        each = poisson.log_prob(np.full_like(k, log_rate), x=k)[0]
        assert np.exp(each).sum() == pytest.approx(1, rel=1e-13)
        assert (np.exp(each) @ k)[0] == pytest.approx(np.exp(log_rate), rel=1e-12)
    n = 6
    all_of_six = np.array([x for x in np.ndindex(n + 1, n + 1, n + 1) if sum(x) == n], float)
    p = np.exp(multinomial.log_prob(np.tile(LOGITS[:1], (len(all_of_six), 1)), x=all_of_six)[0])
    assert p.sum() == pytest.approx(1, rel=1e-13)
    np.testing.assert_allclose(p @ all_of_six, n * softmax(LOGITS[0]), rtol=1e-12)


def test_a_multinomial_is_poissons_given_their_sum():
    log_rate = 2 + LOGITS / 3
    total = np.log(np.exp(log_rate).sum(axis=1, keepdims=True))
    n = COUNTS.sum(axis=1, keepdims=True)
    conditional = poisson.log_prob(log_rate, x=COUNTS)[0] - poisson.log_prob(total, x=n)[0]
    np.testing.assert_allclose(multinomial.log_prob(log_rate, x=COUNTS)[0], conditional, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("log_rate", [-80.0, -3.0, 0.0, 9.0, 13.8, 80.0])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000, 10**6])
def test_poisson_keeps_its_digits_at_extreme_rates_and_counts(dtype, log_rate, count):
    row = np.full((1, 1), log_rate, dtype)
    log_px, pullback = poisson.log_prob(row, x=np.full((1, 1), count, dtype))
    with mpmath.workdps(60):
        given = mpmath.mpf(float(row[0, 0]))
        exact = count * given - mpmath.exp(given) - mpmath.loggamma(count + 1)
        gradient = count - mpmath.exp(given)
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    assert log_px[0] == pytest.approx(float(exact), rel=tolerance)
    assert pullback(np.ones(1, dtype))[0, 0] == pytest.approx(float(gradient), rel=tolerance)


def test_multinomial_keeps_its_digits_where_a_million_words_are_counted():
    p = softmax(LOGITS[:1])
    logits = np.log(p).astype(np.float32)
    x = np.rint(1e6 * p).astype(np.float32)
    with mpmath.workdps(40):
        given = [mpmath.mpf(float(v)) for v in logits[0]]
        normalizer = mpmath.log(sum(mpmath.exp(v) for v in given))
        exact = mpmath.loggamma(int(x.sum(dtype=np.float64)) + 1)
        exact += sum(
            int(k) * (v - normalizer) - mpmath.loggamma(int(k) + 1) for k, v in zip(x[0], given, strict=True)
        )
    assert -20 < exact < -8  # of parts of a million
    assert multinomial.log_prob(logits, x=x)[0][0] == pytest.approx(float(exact), rel=1e-5)


def test_a_word_is_the_first_whose_cumulative_probability_exceeds_its_number():
    uniform = np.array([[0.0, 0.25, 0.4999, 0.5, 0.75, 0.9999]])
    np.testing.assert_array_equal(multinomial.sample(np.zeros((1, 4)), uniform=uniform), [[1, 2, 1, 2]])


class Always:
    """A generator whose every uniform number is the same one."""

    def __init__(self, number):
        self.number = number

    def random(self, shape=(), dtype=np.float64):
        return np.full(shape, np.dtype(dtype).type(self.number))


NEVER_OR_ALWAYS = np.array([[0.0, 1.0]])  # probabilities
WITH_NEVER = np.array([[-np.inf, 0.0, -np.inf]])  # logits of three classes, of which the second is certain
COMPONENTS = np.stack([np.eye(3), np.zeros((3, 3))])  # means and log-variances
LIMITS = {  # place: (what it draws from a generator, what that must be)
    "binarize": (lambda rng, dtype: binarize(NEVER_OR_ALWAYS.astype(dtype), rng), [[0, 1]]),
    "Bernoulli": (lambda rng, dtype: Bernoulli().sample(np.array([[-np.inf, np.inf]], dtype), rng), [[0, 1]]),
    "Categorical": (lambda rng, dtype: Categorical(3).sample(WITH_NEVER.astype(dtype), rng), [[0.5]]),
    "Multinomial": (lambda rng, dtype: Multinomial(4).sample(WITH_NEVER.astype(dtype), rng), [[0, 4, 0]]),
    "Poisson": (lambda rng, dtype: Poisson().sample(np.array([[-np.inf]], dtype), rng), [[0]]),
    "mixture": (
        lambda rng, dtype: mixture.sample(
            WITH_NEVER[0].astype(dtype),
            *COMPONENTS.astype(dtype),
            uniform=rng.random(2),
            noise=np.zeros((2, 3)),
        ),
        [[0, 1, 0]] * 2,
    ),
    "Dropout": (lambda rng, dtype: Dropout(0.0)(np.ones((1, 2), dtype), mode=Mode(rng))[0], [[1, 1]]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", LIMITS)
def test_the_impossible_is_never_drawn_and_the_certain_always_whatever_the_number(place, dtype):
    """U[0, 1) holds 0. On is u < p: u ≤ p would draw what is impossible whenever u is 0."""
    draw, expected = LIMITS[place]
    for number in (0.0, 2.0**-30, 0.5, 1 - 2.0**-24):  # the last that float32 draws; float64 draws it too
        np.testing.assert_array_equal(draw(Always(number), dtype), expected)


@pytest.mark.parametrize("image", [False, True])
@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 2.0**-53])
def test_bars_that_are_never_on_or_always_upright_are_drawn_so_from_any_number(image, number, monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", lambda seed: Always(number))
    drawn = bars(3, on=float(image), vertical=float(image))
    assert (drawn.images == 255 * image).all()
    assert (drawn.labels == image).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_equal_to_the_probability_is_off(dtype):
    """So that of 2ⁿ equally spaced numbers exactly the share p draws 1."""
    uniform = (np.arange(16, dtype=dtype) / 16)[:, None]
    assert bernoulli.sample(np.zeros((16, 1), dtype), uniform=uniform).sum() == 8
    drawn = [binarize(np.array([0.25], dtype), Always(u)) for u in uniform[:, 0]]
    assert np.sum(drawn) == 4


@pytest.mark.parametrize("rate", [1e-30, 0.02, 0.9, 7.5, 300.0, 1e6, 1.3e8, 1e12])
def test_a_draw_is_the_quantile_of_its_uniform_number(rate):
    u = np.array([0.0, 1e-9, 0.01, 0.3, 0.5, 0.8, 0.999, 1 - 1e-9])
    drawn = poisson.sample(np.full((1, 8), np.log(rate)), uniform=u[None])[0]
    expected = (
        stats.poisson.ppf(u, np.exp(np.log(rate))) if rate < 1e8 else stats.norm.ppf(u, rate, np.sqrt(rate))
    )
    if rate < 1e8:
        np.testing.assert_array_equal(drawn[1:], expected[1:])
        assert drawn[0] == 0
    else:
        np.testing.assert_allclose(drawn[1:], expected[1:], atol=10)  # (w² − 1)/6 and the rounding
        assert 0 <= drawn[0] < rate


def poisson_up_to(n, rate):
    """P(x ≤ n): mpmath's p(n), and from there p(k − 1) = p(k) k/λ down to 14 deviations below the mean, where
    nothing is left.
    """
    with mpmath.workdps(40):
        last = float(mpmath.exp(n * mpmath.log(rate) - mpmath.mpf(rate) - mpmath.loggamma(n + 1)))
    k = np.arange(n, rate - 14 * np.sqrt(rate), -1)
    return last * (1 + np.exp(np.cumsum(np.log(k / rate))).sum())


@pytest.mark.parametrize("rate", [1.3e8, 1e9])
@pytest.mark.parametrize("u", [1e-6, 1e-3, 0.5, 1 - 1e-3, 1 - 1e-6])
def test_large_counts_are_quantiles_to_within_one(u, rate):
    """So they are with (w² − 1)/6, here up to 3.6, and what that leaves out is of the order of w³/√λ, below
    0.01. SciPy's own upper tail is of no use here: its 1 − 10⁻⁶ is off by half of the 10⁻⁶."""
    drawn = int(poisson.sample(np.full((1, 1), np.log(rate)), uniform=np.full((1, 1), u))[0, 0])
    assert poisson_up_to(drawn - 2, rate) < u < poisson_up_to(drawn + 1, rate)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_of_counts_at_extreme_parameters_are_counts(dtype):
    u = np.random.default_rng(0).random((1, 7))
    drawn = poisson.sample(np.array([HUGE], dtype), uniform=u)
    assert np.isfinite(drawn).all()
    assert (drawn >= 0).all()
    assert drawn.dtype == dtype
    assert not drawn[0, :3].any()
    words = multinomial.sample(np.array([HUGE], dtype), uniform=np.repeat(u, 3, axis=1))
    np.testing.assert_array_equal(words, [[0, 0, 0, 0, 0, 0, 21]])
    assert words.dtype == dtype
    assert not multinomial.sample(np.zeros((2, 3), dtype), uniform=np.empty((2, 0))).any()


def test_laplace_gradients_at_the_kink_are_zero():
    dx, dmean, _ = laplace.log_prob(X, X, LOG_VAR)[1](np.ones(4))
    assert not dx.any()
    assert not dmean.any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian.log_prob(X, MEAN[:2], LOG_VAR), r"mean should have shape \(B, D\) with B = 4"),
        (lambda: bernoulli.log_prob(LOGITS, x=BITS[:, :2]), "logits should have shape"),
        (lambda: categorical.log_prob(CLASS_LOGITS, x=CLASSES + 1), "classes 0..4, found 1..5"),
        (lambda: categorical.log_prob(CLASS_LOGITS, x=BITS), "integers, found float64"),
        (
            lambda: poisson.log_prob(MEAN, x=-COUNTS),
            "poisson.log_prob: x should hold counts, 0 or more, found -",
        ),
        (lambda: poisson.log_prob(MEAN, x=COUNTS * np.nan), "0 or more, found nan"),
        (
            lambda: multinomial.log_prob(MEAN, x=-COUNTS),
            "multinomial.log_prob: x should hold counts, 0 or more, found -",
        ),
        (lambda: multinomial.sample(MEAN, uniform=X[:2]), "uniform should have shape"),
        (lambda: mixture.log_prob(X, LOGITS[:, 0], MEAN[:3], LOG_VAR), r"means should have shape \(K, D\)"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_word_that_can_not_occur_and_does_not_costs_nothing():
    """Its log p is −∞ in float32, and 0 · −∞ would be NaN."""
    log_px, _ = multinomial.log_prob(
        np.array([[3e38, -3e38, 3e38]], np.float32), x=np.array([[1, 0, 1]], np.float32)
    )
    np.testing.assert_allclose(log_px, [np.log(0.5)], rtol=1e-6)
