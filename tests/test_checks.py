"""The checkers themselves: each planted mistake must be found, at the right argument and index."""

import numpy as np
import pytest

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
    """KL(N(mean, σ²) ‖ N(0, 1)) with `more` added to its gradient, each value moved by up to `noise` roundoffs of 1 + |value|."""

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
    """There a function is flat, and differences of it are rounding, which is no mistake; a gradient of 1e-5 is one."""
    zero = np.zeros(shape)
    for seed in range(1 + 60 // zero.size):
        for more in (0.0, 1e-5):
            found = check_pullback(kl_off_by(more, noise), {"mean": zero, "log_var": zero}, seed=seed)
            assert [c.ok for c in found] == [True, not more], f"{found}, seed {seed}"


def test_rounding_does_not_hide_a_small_mistake_elsewhere():
    """Away from a minimum the allowance for rounding is far below the tolerance: a factor of 1 + 2e-6 is seen."""
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
    assert [m.name for m in check_draws(draws, normal_log_density(4.0), GRID) if not m.ok][-1].startswith("largest gap")


@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_the_verdict_does_not_depend_on_the_unit(unit):
    draws = unit * np.random.default_rng(0).uniform(-(3**0.5), 3**0.5, 100_000)
    failed = [m.name for m in check_draws(draws, normal_log_density(unit**2), unit * np.linspace(-30, 30, 60_001)) if not m.ok]
    assert "mass beyond two standard deviations" in failed


def test_skewed_draws_of_the_right_mean_and_variance_are_named():
    draws = 2 * (np.random.default_rng(0).exponential(size=100_000) - 1)
    failed = [m.name for m in check_draws(draws, normal_log_density(4.0), GRID) if not m.ok]
    assert "skewness" in failed
    assert "mean" not in failed


def test_discrete_draws():
    log_p = np.log([0.2, 0.5, 0.3])
    draws = np.random.default_rng(0).choice(3, 50_000, p=[0.2, 0.5, 0.3])
    assert all(m.ok for m in check_draws(draws, lambda k: log_p[k], np.arange(3)))
    assert not all(m.ok for m in check_draws(2 - draws, lambda k: log_p[k], np.arange(3)))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": (np.zeros((2, 3)), "B D"), "y": (np.zeros(2), "B D")}, r"y should have shape \(B, D\) with B = 2 \(from x\)"),
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
    assert require_shapes("here", x=(np.zeros((2, 3, 5)), "B C ..."), y=(np.zeros(3), "C")) == {"B": 2, "C": 3}


def test_what_is_not_finite_is_counted_and_placed():
    with pytest.raises(InputError, match=r"x should be finite, found 2 other values, the first nan at \(0, 1\)"):
        require_finite("here", "x", np.array([[0, np.nan], [np.inf, 1]]))
