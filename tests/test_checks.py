"""The checkers themselves: each planted mistake must be found, at the right argument and index."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from scratchvae.arrays import InputError, require_finite, require_shapes
from scratchvae.checks import GradientError, check_draws, check_pullback

ARRAYS = {
    "x": np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]),
    "W": np.array([[1.0, 2.0], [-0.5, 0.3], [0.2, -1.1]]),
    "b": np.array([0.1, -0.4]),
}


def affine(mistake):
    """y = tanh(x W + b) with one mistake planted in its pullback."""
    shared = {}

    def op(x, W, b):
        if mistake == "writes into x":
            x += 0.0
        y = np.tanh(x @ W + b)
        scale = 1.0
        calls = []
        shared["y"] = y

        def pullback(dy):
            calls.append(dy)
            out = shared["y"] if mistake == "shared buffer" else y
            da = (calls[0] if mistake == "memoizes" else dy) * (1 - out * out) * scale
            dx, dW, db = da @ W.T, x.T @ da, da.sum(axis=0)
            if mistake == "sign":
                dx = -dx
            if mistake == "factor in one entry":
                dW[1, 0] *= 1.001
            if mistake == "transpose":
                dW = dW.T.reshape(dW.shape)
            if mistake == "missing sum":
                db = da[0]
            if mistake == "unsummed shape":
                db = da
            if mistake == "dtype":
                db = db.astype(np.float32)
            if mistake == "one short":
                return dx, dW
            if mistake == "no gradient":
                dx = None
            if mistake == "writes into dy":
                dy *= 2
            if mistake == "remembers":
                dW = dW * len(calls)
            if mistake == "NaN":
                db = db * np.nan
            return dx, dW, db

        if mistake == "rebound name":
            scale = 2.0
        return y if mistake == "no pullback" else (y, pullback)

    return op


def test_a_right_pullback_passes():
    comparisons = check_pullback(affine(None), ARRAYS)
    assert [(c.argument, c.shape) for c in comparisons] == [("x", (2, 3)), ("W", (3, 2)), ("b", (2,))]
    assert all(c.ok and c.error < 1e-8 for c in comparisons)


@pytest.mark.parametrize(
    ("mistake", "wrong", "index"),
    [
        ("sign", ["x"], None),
        ("factor in one entry", ["W"], (1, 0)),
        ("transpose", ["W"], None),
        ("missing sum", ["b"], None),
        ("rebound name", ["x", "W", "b"], None),
        ("NaN", ["b"], None),
    ],
)
def test_a_wrong_number_is_named(mistake, wrong, index):
    comparisons = check_pullback(affine(mistake), ARRAYS)
    assert [c.argument for c in comparisons if not c.ok] == wrong
    found = next(c for c in comparisons if not c.ok)
    if index is not None:
        assert found.index == index
    assert f"d{found.argument}" in str(found)
    assert "is wrong" in str(found)
    assert f"{found.analytic:.10g}" in str(found)
    assert f"{found.numeric:.10g}" in str(found)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("writes into x", "the op writes"),
        ("writes into dy", "the pullback writes"),
        ("remembers", "twice dW at its second call"),
        ("memoizes", "twice dx at its second call"),
        ("shared buffer", "after other calls of the op"),
        ("one short", "2 gradients for 3 arguments"),
        ("unsummed shape", r"db should be like b, \(2,\) float64; the pullback returns \(2, 2\)"),
        ("dtype", r"returns \(2,\) float32"),
        ("no gradient", "NoneType"),
        ("no pullback", r"should return \(value, pullback\), found ndarray"),
    ],
)
def test_a_broken_rule_is_named(mistake, words):
    with pytest.raises(GradientError, match=words):
        check_pullback(affine(mistake), ARRAYS)


def kl_off_by(more, noise=0.0):
    """KL(N(mean, σ²) ‖ N(0, 1)) with `more` added to its gradient, each value moved by up to `noise`
    roundoffs of 1 + |value|.
    """

    def kl(mean, log_var):
        value = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
        if noise:
            seed = [int(part) for part in np.concatenate([mean, log_var]).sum(axis=1).view(np.uint64)]
            signs = np.random.default_rng(seed).choice([-1.0, 1.0], len(value))
            value = value + noise * np.finfo(float).eps * (1 + np.abs(value)) * signs

        def pullback(dkl):
            return dkl[:, None] * mean, dkl[:, None] * (0.5 * np.expm1(log_var) + more)

        return value, pullback

    return kl


@pytest.mark.parametrize("noise", [0.0, 0.9])
@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (12, 1)], ids=str)
def test_gradients_that_vanish_are_right_at_a_minimum(shape, noise):
    """There a function is flat, and differences of it are rounding, which is no mistake; a gradient of 1e-5
    is one.
    """
    zero = np.zeros(shape)
    for seed in range(1 + 60 // zero.size):
        for more in (0.0, 1e-5):
            found = check_pullback(kl_off_by(more, noise), {"mean": zero, "log_var": zero}, seed=seed)
            assert [c.ok for c in found] == [True, not more], f"{found}, seed {seed}"


MASK = np.array([True, False, False])
BESIDE = {  # value beside which a small part of it is differentiated, as a function of x
    "nothing": lambda x: x**2,
    "a huge part": lambda x: (x**2, np.full(3, 1e16)),
    "a huge part that moves otherwise": lambda x: (x**2, np.array([1e16, -1e12])),
    "masked entries": lambda x: np.where(MASK, -1e30, x**2),
}


@pytest.mark.parametrize("factor", [1.0, 1.5, 0.0])
@pytest.mark.parametrize("name", BESIDE)
def test_a_huge_part_of_the_value_does_not_hide_a_small_one(name, factor):
    """The gradient of x² is 2x: a factor, or nothing, is a mistake whatever stands beside it."""
    value, keep = BESIDE[name], (~MASK if name == "masked entries" else 1.0)

    def op(x):
        return value(x), lambda *dy: dy[0] * keep * 2 * factor * x

    (found,) = check_pullback(op, {"x": np.array([0.3, 0.7, -1.1])})
    assert found.ok == (factor == 1)
    if factor != 1:
        assert "is wrong" in str(found)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.0, "cannot be judged (rounding of"), (1.01, "cannot be judged"), (9.0, "is wrong")],
)
def test_what_rounding_hides_is_not_called_right(factor, verdict):
    """Differences of x + 10¹³ know its slope of 1 to one digit."""

    def op(x):
        return x + 1e13, lambda dy: factor * dy

    (found,) = check_pullback(op, {"x": np.array([0.3, 0.7])})
    assert not found.ok
    assert verdict in str(found)
    assert found.rounding > 0.01


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (ARRAYS, {"tolerance": np.inf}, "tolerance should be positive, found inf"),
        (ARRAYS, {"tolerance": -1.0}, "tolerance should be positive, found -1.0"),
        (ARRAYS, {"step": 0.0}, "step should be positive, found 0.0"),
        (ARRAYS, {"step": np.nan}, "step should be positive, found nan"),
        (2.0, {}, "a mapping or a sequence of arrays, found a float"),
        ({**ARRAYS, "b": np.array([1j, 0])}, {}, "b should be real, found complex128"),
    ],
)
def test_what_cannot_be_checked_is_said(arguments, settings, words):
    with pytest.raises((InputError, GradientError), match=words):
        check_pullback(affine(None), arguments, **settings)


def test_rounding_does_not_hide_a_small_mistake_elsewhere():
    """Away from a minimum the allowance for rounding is far below the tolerance: a factor of 1 + 2e-6 is
    seen.
    """
    arrays = {"mean": np.full((3, 2), 0.7), "log_var": np.full((3, 2), -1.3)}
    slope = 0.5 * np.expm1(-1.3)
    for more in (0.0, 2e-6 * slope):
        assert [c.ok for c in check_pullback(kl_off_by(more, 0.9), arrays)] == [True, not more]


def test_derivatives_are_accurate_over_twelve_orders_of_magnitude():
    x = np.array([1e-6, 1e-3, 1.0, 1e3, 1e6])

    def op(x):
        return x**3, lambda dy: dy * 3 * x**2

    for entry in x:
        (c,) = check_pullback(op, [np.array([entry])])
        assert c.error < 1e-7 or abs(c.analytic - c.numeric) < 1e-9


def test_an_entry_is_compared_with_a_thousandth_of_the_largest_of_its_argument():
    """Both sides of the limit that the docstring states are tried.

    The tolerance is 1e-6, and rounding is some 1e-13.
    """
    for share, ok in ((0.95, True), (1.05, False)):

        def op(x, share=share):
            return x[0], lambda dy: dy * np.array([1.0, share * 1e-9])

        (found,) = check_pullback(op, {"x": np.array([0.5, 0.25])})
        assert found.ok == ok, found
        if not ok:
            assert found.index == (1,)
            assert found.error == pytest.approx(share * 1e-6, rel=1e-3)


@pytest.mark.parametrize(("share", "ok"), [(0.95, True), (1.0, False), (1.05, False)])
def test_gradients_of_nothing_are_compared_with_1e_10(share, ok):
    """A tolerance of ½ lets half of that pass, where rounding is some 1e-15; an error just at the tolerance
    is one.
    """

    unit = np.random.default_rng(0).standard_normal(())  # what the check draws for dy

    def op(x):
        return 0 * x[0], lambda dy: dy / unit * np.array([0.0, share * 0.5e-10])

    (found,) = check_pullback(op, {"x": np.array([0.5, 0.25])}, tolerance=0.5)
    assert found.error == pytest.approx(share / 2, rel=1e-12)
    assert found.ok == ok


@pytest.mark.parametrize("x", [0.5, -8.0])
def test_steps_are_halved_five_times_from_the_first(x):
    tried = []

    def op(a):
        tried.append(float(a[0] - x))
        return a**2, lambda dy: 2 * dy * a

    check_pullback(op, [np.array([x])], step=0.25)
    h = 0.25 * max(1, abs(x))
    assert sorted({abs(t) for t in tried} - {0.0}) == [h / 32, h / 16, h / 8, h / 4, h / 2, h]


GRID = np.linspace(-30, 30, 60_001)


def normal_log_density(variance):
    return lambda t: -0.5 * (t * t / variance + np.log(2 * np.pi * variance))


@pytest.mark.parametrize(
    ("scale", "shift", "log_prob", "wrong"),
    [
        (2.0, 0.0, normal_log_density(4.0), []),
        (4.0, 0.0, normal_log_density(4.0), ["variance"]),  # the variance taken for a standard deviation
        (2.0, 0.1, normal_log_density(4.0), ["mean"]),
        (2.0, 0.0, lambda t: normal_log_density(4.0)(t) + 0.01, ["total mass"]),
    ],
    ids=["right", "variance as deviation", "shifted", "unnormalized"],
)
def test_draws_that_do_not_follow_their_density_are_named(scale, shift, log_prob, wrong):
    draws = shift + scale * np.random.default_rng(0).standard_normal(100_000)
    moments = check_draws(draws, log_prob, GRID)
    failed = [m.name for m in moments if not m.ok]
    assert set(wrong) <= set(failed)
    assert bool(wrong) == bool(failed)
    assert all(("departs" in str(m)) == (not m.ok) for m in moments)


def test_draws_with_the_right_moments_and_the_wrong_shape_are_named():
    six = np.random.default_rng(0).choice([0.5, 1.4, 2.553], 100_000, p=[0.682, 0.272, 0.046])
    draws = 2 * six * np.random.default_rng(1).choice([-1.0, 1.0], 100_000)
    assert [m.name for m in check_draws(draws, normal_log_density(4.0), GRID) if not m.ok][-1].startswith(
        "largest gap"
    )


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_the_verdict_does_not_depend_on_the_unit(unit):
    draws = unit * np.random.default_rng(0).uniform(-(3**0.5), 3**0.5, 100_000)
    failed = [
        m.name
        for m in check_draws(draws, normal_log_density(unit**2), unit * np.linspace(-30, 30, 60_001))
        if not m.ok
    ]
    assert "mass beyond two standard deviations" in failed


def test_skewed_draws_of_the_right_mean_and_variance_are_named():
    draws = 2 * (np.random.default_rng(0).exponential(size=100_000) - 1)
    failed = [m.name for m in check_draws(draws, normal_log_density(4.0), GRID) if not m.ok]
    assert "skewness" in failed
    assert "mean" not in failed


def moments_by_hand(x, mean, variance, expected, spreads, extra):
    """name -> (sampled, expected, standard errors), from what the law's own formulas say."""
    sigma = np.sqrt(variance)
    functions = [
        x,
        (x - mean) ** 2,
        ((x - mean) / sigma) ** 3,
        x > mean + sigma,
        np.abs(x - mean) > 2 * sigma,
    ]
    names = [
        "mean",
        "variance",
        "skewness",
        "mass above one standard deviation",
        "mass beyond two standard deviations",
    ]
    rows = {}
    for name, function, value, spread in zip(names, functions, expected, spreads, strict=True):
        sampled = np.mean(function)
        error = spread / np.sqrt(len(x)) + (extra if "mass" in name else 0)
        rows[name] = (sampled, value, abs(sampled - value) / error)
    return rows


def assert_moments(found, rows, gap):
    named = {m.name: m for m in found}
    for name, (sampled, expected, apart) in rows.items():
        assert named[name].sampled == pytest.approx(sampled, rel=1e-9, abs=1e-9)
        # a grid cuts a tail at one of its points
        assert named[name].expected == pytest.approx(expected, rel=1e-3, abs=1e-3)
        assert named[name].standard_errors == pytest.approx(apart, rel=0.02, abs=0.02)
    assert named["total mass"].sampled == 1
    assert named["total mass"].expected == pytest.approx(1, abs=1e-9)
    last = found[-1]
    assert last.sampled == pytest.approx(gap, rel=1e-3)
    assert last.standard_errors == pytest.approx(last.sampled * np.sqrt(len(DRAWS)))


DRAWS = 0.3 + 2.1 * np.random.default_rng(5).standard_normal(4_000)


@pytest.mark.parametrize("scale", [1.0, 1.00005])
def test_each_moment_is_that_of_the_formulas_for_a_density(scale):
    """N(0.5, 4), of a total mass that is off by what is allowed: the variances of t, t², t³ are σ², 2σ⁴,
    15σ⁶.
    """
    log_prob = normal_log_density(4.0)
    found = check_draws(DRAWS, lambda t: log_prob(t - 0.5) + np.log(scale), GRID)
    above, beyond = stats.norm.sf(1), 2 * stats.norm.sf(2)
    expected = [0.5, 4.0, 0.0, above, beyond]
    spreads = [2.0, np.sqrt(2) * 4, np.sqrt(15), np.sqrt(above * (1 - above)), np.sqrt(beyond * (1 - beyond))]
    assert found[0].expected == pytest.approx(scale, abs=1e-9)
    assert found[0].standard_errors == pytest.approx((scale - 1) / 1e-4, abs=1e-4)
    found[0] = replace(found[0], expected=found[0].expected / scale)
    cell = 0.001 * stats.norm.pdf(0) / 2  # the most mass that a cell of the grid has
    gap = stats.kstest(DRAWS, stats.norm(0.5, 2).cdf).statistic
    below = np.searchsorted(np.sort(DRAWS), DRAWS, side="right") / len(DRAWS) - stats.norm(0.5, 2).cdf(DRAWS)
    assert np.abs(below).max() <= gap  # at the draws themselves, where the function has jumped
    assert_moments(found, moments_by_hand(DRAWS, 0.5, 4.0, expected, spreads, cell), np.abs(below).max())


def test_each_moment_is_that_of_the_formulas_for_counts():
    """A binomial law of ten coins of 0.3, whose support has no cells that a limit might cut."""
    law, k = stats.binom(10, 0.3), np.arange(11)
    x = np.random.default_rng(3).binomial(10, 0.33, len(DRAWS))
    found = check_draws(x, law.logpmf, k)
    p, sigma = law.pmf(k), np.sqrt(2.1)
    functions = [k, (k - 3) ** 2, ((k - 3) / sigma) ** 3, k > 3 + sigma, np.abs(k - 3) > 2 * sigma]
    expected = [p @ f for f in functions]
    assert expected[:2] == pytest.approx([3, 2.1])
    spreads = [np.sqrt(p @ (f - e) ** 2) for f, e in zip(functions, expected, strict=True)]
    gap = np.abs([np.mean(x <= i) - law.cdf(i) for i in range(11)]).max()
    assert_moments(found, moments_by_hand(x, 3.0, 2.1, expected, spreads, 0.0), gap)


@pytest.mark.parametrize(
    ("mass", "ok"), [(1.00009, True), (1.00011, False), (0.99991, True), (0.99989, False)]
)
def test_a_total_mass_is_right_to_within_a_ten_thousandth(mass, ok):
    log_prob = normal_log_density(4.0)
    assert check_draws(DRAWS, lambda t: log_prob(t) + np.log(mass), GRID)[0].ok == ok


@pytest.mark.parametrize("limit", [3.0, 5.0])
def test_limits_are_in_standard_errors_and_half_of_them_for_the_distribution_function(limit):
    n = 10_000
    for apart, ok in ((0.98 * limit, True), (1.02 * limit, False)):
        draws = stats.norm.ppf((np.arange(n) + 0.5) / n)
        draws += apart / np.sqrt(n) - draws.mean()
        mean = next(
            m for m in check_draws(draws, normal_log_density(1.0), GRID, limit=limit) if m.name == "mean"
        )
        assert mean.standard_errors == pytest.approx(apart, rel=1e-3)
        assert mean.ok == ok
        # so much less mass below every point than there should be, and a heap at the end
        low = apart / 2 / np.sqrt(n)
        draws = stats.norm.ppf(np.minimum((np.arange(n) + 0.5) / n + low, 1 - 0.5 / n))
        gap = check_draws(draws, normal_log_density(1.0), GRID, limit=limit)[-1]
        assert gap.standard_errors == pytest.approx(apart / 2, rel=0.03)
        assert gap.ok == (gap.standard_errors <= limit / 2)


def test_points_of_a_density_are_evenly_spaced():
    with pytest.raises(InputError, match="evenly spaced"):
        check_draws(DRAWS, normal_log_density(4.0), np.geomspace(0.1, 10, 50))


def test_discrete_draws():
    log_p = np.log([0.2, 0.5, 0.3])
    draws = np.random.default_rng(0).choice(3, 50_000, p=[0.2, 0.5, 0.3])
    assert all(m.ok for m in check_draws(draws, lambda k: log_p[k], np.arange(3)))
    assert not all(m.ok for m in check_draws(2 - draws, lambda k: log_p[k], np.arange(3)))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"x": (np.zeros((2, 3)), "B D"), "y": (np.zeros(2), "B D")},
            r"y should have shape \(B, D\) with B = 2 \(from x\)",
        ),
        ({"x": (np.zeros((2, 3)), "n n")}, r"x should have shape \(n, n\), found \(2, 3\)"),
        ({"x": (np.zeros((2, 3)), "B 4")}, r"x should have shape \(B, 4\)"),
        ({"x": (np.zeros(2), "B C ...")}, r"x should have shape \(B, C, \.\.\.\)"),
        ({"x": (3.0, "B")}, "of type float"),
    ],
)
def test_shape_errors_name_the_argument(arrays, words):
    with pytest.raises(InputError, match=words):
        require_shapes("here", **arrays)


def test_shapes_that_agree_give_their_sizes():
    assert require_shapes("here", x=(np.zeros((2, 3, 5)), "B C ..."), y=(np.zeros(3), "C")) == {
        "B": 2,
        "C": 3,
    }


def test_what_is_not_finite_is_counted_and_placed():
    with pytest.raises(
        InputError, match=r"x should be finite, found 2 other values, the first nan at \(0, 1\)"
    ):
        require_finite("here", "x", np.array([[0, np.nan], [np.inf, 1]]))
