"""Numbers between two bounds: their limits, their slopes at the bounds, and the log-variances that they keep
finite.
"""

import numpy as np
import pytest

from scratchvae import kernels, ops
from scratchvae.arrays import InputError
from scratchvae.layers import BoundedLogVar, Linear, Parameter, Sequential, pushforward
from scratchvae.recipes import convolutional, mlp

FORMS = {"clamp": ops.clamp, "softplus": ops.softplus_clamp, "tanh": ops.tanh_clamp}
LOW, HIGH = -7.0, 3.0


def value_and_slope(op, x, low=LOW, high=HIGH):
    x = np.asarray(x, np.float64)
    y, pullback = op(x, low=low, high=high)
    return y, pullback(np.ones_like(x))


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMS)
def test_no_number_leaves_the_bounds(form, dtype, twin):
    """The softplus form may pass the upper one by log(1 + e^(low − high)), and each by its rounding."""
    far = np.finfo(dtype).max
    x = np.array([-np.inf, -far, -1e6, -90, -1, 0, 1, 90, 1e6, far, np.inf], dtype)
    with kernels.using(twin):
        y, pullback = FORMS[form](x, low=LOW, high=HIGH)
        slope = pullback(np.ones_like(x))
    assert y.dtype == slope.dtype == dtype
    rounding = 4 * np.finfo(dtype).eps * 7
    beyond = np.log1p(np.exp(LOW - HIGH)) if form == "softplus" else 0.0
    assert (y >= LOW - rounding).all()
    assert (y <= HIGH + beyond + rounding).all()
    np.testing.assert_allclose(y[[0, 1, -2, -1]], [LOW, LOW, HIGH + beyond, HIGH + beyond], atol=rounding)
    assert (np.diff(y) >= 0).all()
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(slope[[0, 1, 2, -3, -2, -1]], 0)
    assert (slope >= 0).all()
    assert (slope <= 1).all()


SLOPES = {  # by hand, as functions of the distances to the bounds, each of which may be negative
    "clamp": lambda above_low, below_high: ((above_low >= 0) & (below_high >= 0)).astype(float),
    # σ(u − low) σ(high − x), where e^−(u − low) = e^−(x − low) (1 + e^−(high − x))
    "softplus": lambda above_low, below_high: (
        1 / (1 + np.exp(-above_low) * (1 + np.exp(-below_high))) / (1 + np.exp(-below_high))
    ),
    # tanh′(a) = 4 / (eᵃ + e⁻ᵃ)², a = (x − middle) / radius
    "tanh": lambda above_low, below_high: (
        4 / (np.exp(d := (above_low - below_high) / (above_low + below_high)) + np.exp(-d)) ** 2
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_slopes_are_those_stated(form):
    """At both bounds: 1, about ½, and 1 − tanh² 1 = 0.42; at the middle 1, or nearly."""
    x = np.array([LOW, (LOW + HIGH) / 2, HIGH, LOW - 2, HIGH + 2, 1.5])
    _, slope = value_and_slope(FORMS[form], x)
    np.testing.assert_allclose(slope, SLOPES[form](x - LOW, HIGH - x), rtol=1e-12)
    np.testing.assert_allclose(slope[[0, 2]], {"clamp": 1, "softplus": 0.5, "tanh": 0.41997}[form], atol=1e-4)
    assert slope[1] == pytest.approx(1, abs=0.02)


def test_a_clamp_has_no_slope_beyond_its_bounds():
    y, slope = value_and_slope(ops.clamp, [np.nextafter(LOW, -9), np.nextafter(HIGH, 9), 0.5])
    np.testing.assert_array_equal(y, [LOW, HIGH, 0.5])
    np.testing.assert_array_equal(slope, [0, 0, 1])


def test_between_distant_bounds_the_softplus_form_changes_next_to_nothing():
    x = np.linspace(-5, 5, 11)
    y, _ = value_and_slope(ops.softplus_clamp, x, -30.0, 30.0)
    assert (np.abs(y - x) <= 2 * np.exp(-(30 - np.abs(x))) + 60 * np.finfo(float).eps).all()


@pytest.mark.parametrize("form", FORMS)
def test_the_layer_leaves_means_alone_and_bounds_the_rest(form):
    x = np.array([[1e3, -1e3, 1e3, -1e3], [0.5, 0.2, -1.0, 2.0]])
    y, pullback = BoundedLogVar(LOW, HIGH, form=form)(x)
    expected, slope = value_and_slope(FORMS[form], x[:, 2:])
    np.testing.assert_array_equal(y, np.hstack([x[:, :2], expected]))
    dy = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(pullback(dy), np.hstack([dy[:, :2], slope * dy[:, 2:]]))
    _, moved = pushforward(BoundedLogVar(LOW, HIGH, form=form), x, dy)
    np.testing.assert_array_equal(moved, pullback(dy))


def test_a_smooth_bound_lets_a_log_variance_come_back_and_a_clamp_does_not():
    """Gradient descent on ½ (log σ² − 0)² from beyond the upper bound."""
    ends = {}
    for form in FORMS:
        layer = Sequential(Linear(1, 2, rng=0), BoundedLogVar(-4.0, 4.0, form=form))
        bias = layer.layers[0].bias = Parameter(np.array([0.0, 6.0]))
        for _ in range(2000):
            y, pullback = layer(np.zeros((1, 1)))
            bias.grad = None
            pullback(np.array([[0.0, y[0, 1]]]))
            bias.value = bias.value - 0.1 * bias.grad
        ends[form] = bias.value[1]
    assert ends["clamp"] == 6
    assert abs(ends["tanh"]) < 0.1
    assert abs(ends["softplus"]) < 0.1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: BoundedLogVar(3, -3),
            "BoundedLogVar: the bounds should be two finite numbers, the lower one first; found 3 and -3",
        ),
        (lambda: BoundedLogVar(0, np.inf), "found 0 and inf"),
        (lambda: BoundedLogVar("0", 1), "found '0' and 1"),
        (lambda: BoundedLogVar(form="relu"), "form should be one of clamp, softplus, tanh; found 'relu'"),
        (lambda: BoundedLogVar()(np.zeros(4)), r"x should have shape \(B, P\)"),
        (lambda: ops.clamp(np.zeros(3), low=1.0, high=1.0), "clamp: the bounds"),
        (lambda: ops.softplus_clamp(np.zeros(3), low=np.nan, high=1.0), "softplus_clamp: the bounds"),
        (lambda: ops.tanh_clamp(np.zeros(3), low=2.0, high=1.0), "tanh_clamp: the bounds"),
        (
            lambda: mlp((4,), log_var_bounds=(-1, 1), posterior="full_gaussian"),
            "log_var_bounds are for .* found a FullGaussian",
        ),
        (lambda: mlp((4,), log_var_bounds=(-1, 1), model="autoencoder"), "found a Point"),
        (lambda: mlp((4,), log_var_bounds=(1,)), r"two numbers, low and high; found \(1,\)"),
        (lambda: mlp((4,), log_var_bounds=(2, 1)), "the lower one first; found 2 and 1"),
        (
            lambda: mlp((4,), log_var_bounds=(-1, 1), code_activation="tanh"),
            "code_activation is for a model whose encoder puts out codes, the autoencoder",
        ),
    ],
)
def test_what_bounds_are_not(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize("recipe", [mlp, convolutional])
def test_recipes_keep_log_variances_between_bounds(recipe):
    model = recipe((1, 8, 8), latent_dim=3, likelihood="gaussian", log_var_bounds=(-2, 1))
    q_params, _ = model.encoder(np.full((2, 64), 1e4, np.float32))
    log_var = q_params[:, 3:]
    assert (np.abs(q_params[:, :3]) > 10).any()
    assert (log_var >= -2 - 1e-5).all()
    assert (log_var <= 1 + np.log1p(np.exp(-3)) + 1e-5).all()
