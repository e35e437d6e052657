"""Ordered categories, and the interval of the logistic law that each of them is:

probabilities, digits, and what is refused.
"""

import mpmath
import numpy as np
import pytest
from scipy.special import expit

from scratchvae import kernels, ops
from scratchvae.arrays import InputError
from scratchvae.distributions import ordered
from scratchvae.layers import named_parameters
from scratchvae.likelihoods import Ordered
from scratchvae.recipes import LIKELIHOODS, mlp

RNG = np.random.default_rng(0)
LOCATION, THRESHOLDS = 3 * RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3, 4))


def probabilities(location, thresholds):
    """P(x = c) (B, D, C)."""
    B, D, T = thresholds.shape
    each = [
        ordered.log_prob(location.reshape(-1, 1), thresholds.reshape(-1, 1, T), x=np.full((B * D, 1), c))[0]
        for c in range(T + 1)
    ]
    return np.exp(np.stack(each, axis=1)).reshape(B, D, T + 1)


def test_categories_share_all_probability_and_are_differences_of_the_logistic_distribution_function():
    cuts = THRESHOLDS.copy()
    cuts[:, :, 1:] = np.exp(THRESHOLDS[:, :, 1:])
    below = expit(np.cumsum(cuts, axis=2) - LOCATION[:, :, None])
    expected = np.diff(below, axis=2, prepend=0, append=1)
    found = probabilities(LOCATION, THRESHOLDS)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-14)


def test_two_categories_are_the_bernoulli_law():
    found = probabilities(LOCATION, THRESHOLDS[:, :, :1])
    np.testing.assert_allclose(found[:, :, 1], expit(LOCATION - THRESHOLDS[:, :, 0]), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("twin", kernels.TWINS)
def test_a_narrow_interval_far_out_keeps_its_digits_where_the_difference_of_sigmoids_has_none(twin, dtype):
    """log(σ(b) − σ(a)), 30 below or above 0 and 10⁻⁶ wide: the two σ agree in all digits of float32, and near
    1 of float64.
    """
    eps = np.finfo(dtype).eps
    for low in np.array([-30.0, 30.0, 0.25], dtype):
        with kernels.using(twin):
            log_width = np.log(dtype(1e-6))
            found, _ = ops.logistic_interval(
                np.full(1, low), np.full(1, low + dtype(1e-6)), np.full(1, log_width)
            )
        with mpmath.workdps(60):
            width, a = mpmath.exp(mpmath.mpf(float(log_width))), mpmath.mpf(float(low))
            exact = mpmath.log(1 / (1 + mpmath.exp(-a - width)) - 1 / (1 + mpmath.exp(-a)))
        # three terms of one sign, each to a few roundoffs
        assert abs(found[0] - exact) <= 8 * eps * abs(exact)
    with np.errstate(divide="ignore"):
        # the plain difference
        assert np.log(expit(np.float32(30) + np.float32(1e-6)) - expit(np.float32(30))) == -np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_interval_twins_agree_at_extremes_and_keep_nan(dtype):
    """The twins agree within some roundoffs of the largest of the three terms.

    Each twin may round each term in its own way.
    """
    points = np.array([0, 1e-20, 0.3, 1.7, 17, 90, 700, 1e4, 1e30, np.inf])
    low, high, log_width = (
        a.ravel().astype(dtype) for a in np.meshgrid(*[np.concatenate([points, -points, [np.nan]])] * 3)
    )
    dy = RNG.normal(size=low.size).astype(dtype)
    found = {}
    for twin in kernels.TWINS:
        with kernels.using(twin), np.errstate(all="ignore"):
            y = kernels.logistic_interval(low, high, log_width)
            found[twin] = (y, *kernels.logistic_interval_backward(dy, low, high, log_width))
    for ours, theirs in zip(found["compiled"], found["textbook"], strict=True):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        smallest = 1e-30 if dtype == np.float32 else 1e-290  # subnormal results have fewer digits
        conditioned = 1 + np.minimum(np.exp(np.minimum(log_width, 7)), 800)  # e^(−w) has w roundoffs of w
        with np.errstate(all="ignore"):
            off = np.abs(ours - theirs) / np.maximum(np.abs(theirs), smallest)
        off = np.where((ours == theirs) | np.isnan(ours), 0, off)
        assert (off <= 16 * np.finfo(dtype).eps * np.nan_to_num(conditioned, nan=1)).all()
    assert np.isnan(found["textbook"][0][np.isnan(low) | np.isnan(high) | np.isnan(log_width)]).all()


def test_an_interval_takes_arrays_of_one_shape():
    with pytest.raises(
        InputError, match=r"logistic_interval: low, high and log_width should have one shape, found \(2,\)"
    ):
        ops.logistic_interval(np.zeros(2), np.zeros(3), np.zeros(2))


def test_an_offset_common_to_location_and_thresholds_changes_nothing():
    x, moved = RNG.integers(0, 5, LOCATION.shape), THRESHOLDS.copy()
    moved[:, :, 0] += 2.0**20
    with np.errstate(all="raise"):
        found, _ = ordered.log_prob(LOCATION + 2.0**20, moved, x=x)
    # 2²⁰ ε is 2e-10
    np.testing.assert_allclose(found, ordered.log_prob(LOCATION, THRESHOLDS, x=x)[0], rtol=1e-9)


@pytest.mark.parametrize("huge", [800.0, np.inf])
def test_steps_beyond_any_float_leave_no_nan(huge):
    thresholds = np.array([[[0.3, huge, huge]]])
    for c, log_p in enumerate((np.log(expit(0.3)), np.log(expit(-0.3)), -np.inf, -np.inf)):
        found, pullback = ordered.log_prob(np.zeros((1, 1)), thresholds, x=np.full((1, 1), c))
        assert found[0] == pytest.approx(log_p) or (c > 1 and found[0] < -1e300)
        assert not np.isnan(np.concatenate([g.ravel() for g in pullback(np.ones(1))])).any()


def test_the_role_begins_with_equal_shares_and_its_mean_is_that_of_its_probabilities():
    likelihood = Ordered((3,), 5)
    thresholds = np.tile(likelihood.thresholds.value.astype(np.float64), (4, 1, 1))
    np.testing.assert_allclose(probabilities(np.zeros((4, 3)), thresholds), 0.2, rtol=1e-6)  # held in float32
    expected = probabilities(LOCATION, thresholds) @ np.arange(5)
    np.testing.assert_allclose(likelihood.mean(LOCATION), expected, rtol=1e-12)
    assert list(named_parameters(likelihood)) == ["thresholds"]


def test_uniform_numbers_at_a_boundary_belong_to_the_category_above_it():
    cuts = np.array([[[0.0, np.log(np.log(3))]]])  # P(x ≤ 0) = ½, P(x ≤ 1) = ¾
    drawn = [
        int(ordered.sample(np.zeros((1, 1)), cuts, uniform=np.full((1, 1), u))[0, 0])
        for u in (0, 0.4999, 0.5, 0.7499, 0.7501)
    ]
    assert drawn == [0, 0, 1, 1, 2]


def test_thresholds_are_learned_from_draws():
    """Ascent of the thresholds alone: their gradient vanishes where the shares of the data are those of the
    law.
    """
    shares = np.array([0.1, 0.5, 0.15, 0.25])
    x = np.repeat(np.arange(4.0), np.rint(1000 * shares).astype(int))[:, None]
    likelihood = Ordered((1,), 4)
    likelihood.thresholds.value = likelihood.thresholds.value.astype(np.float64)
    for _ in range(800):
        _, pullback = likelihood.log_prob(np.zeros_like(x), x=x)
        pullback(np.full(len(x), 1 / len(x)))
        likelihood.thresholds.value = likelihood.thresholds.value + 0.5 * likelihood.thresholds.grad
        likelihood.thresholds.grad = None
    np.testing.assert_allclose(
        probabilities(np.zeros((1, 1)), likelihood.thresholds.value[None])[0, 0], shares, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ordered.log_prob(LOCATION, THRESHOLDS, x=np.full((4, 3), 5)),
            r"categories 0\.\.4, found 5\.\.5",
        ),
        (lambda: ordered.log_prob(LOCATION, THRESHOLDS, x=LOCATION), "x should hold integers, found float64"),
        (
            lambda: ordered.log_prob(LOCATION, THRESHOLDS[:, :2], x=np.ones((4, 3), int)),
            "thresholds should have shape",
        ),
        (lambda: Ordered((3,), 1), "levels should be at least 2"),
        (lambda: Ordered((3,), 4).require_support(np.array([[0.0, 3.0, 4.0]])), r"categories 0 … 3, found 4"),
        (lambda: Ordered((3,), 4).require_support(np.array([[0.0, 0.5, 1.0]])), "found 0.5"),
        (lambda: Ordered((3,), 4).n_params((2,)), "thresholds for each entry, D = 2; found those of 3"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_table_of_grades_is_learned():
    """Two latents explain ten grades that follow from two numbers: the bound rises well above that of equal
    shares.
    """
    z = RNG.normal(size=(300, 2))
    location = 2 * z @ RNG.normal(size=(2, 10))
    grades = (location[:, :, None] + RNG.logistic(size=(300, 10, 1)) > [-2, 0, 2]).sum(axis=2)
    model = mlp((10,), latent_dim=2, hidden=(30,), likelihood="ordered(levels=4)", seed=0)
    model.fit(grades.astype(np.float32), epochs=40, batch_size=50)
    assert LIKELIHOODS.build("ordered(levels=3)", event_shape=(2, 2)).n_params((2, 2)) == 4
    assert model.history[-1]["train"]["bound"] > 10 * np.log(1 / 4) + 1
    assert set(np.unique(model.sample(50, 0, mean=False))) <= {0.0, 1.0, 2.0, 3.0}
