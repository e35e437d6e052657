"""Layers: what initializers draw, what modes change, what is skipped, and that nothing of the caller's is
written to.
"""

import numpy as np
import pytest

from scratchvae import layers
from scratchvae.arrays import InputError
from scratchvae.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    Heads,
    Linear,
    Mode,
    ReLU,
    Residual,
    Sequential,
    WeightNorm,
    cast,
    named_buffers,
    named_parameters,
)

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


VARIANCES = {  # of the numbers that feed one output, and that one input feeds
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "pytorch": lambda fan_in, fan_out: 1 / (3 * fan_in),
}
FANS = {
    "Linear": (lambda init: Linear(300, 200, init=init, rng=0), 300, 200),
    "Conv2d": (lambda init: Conv2d(24, 40, 5, init=init, rng=0), 24 * 25, 40 * 25),
    "ConvTranspose2d": (lambda init: ConvTranspose2d(24, 40, 5, init=init, rng=0), 24 * 25, 40 * 25),
}


@pytest.mark.parametrize("init", VARIANCES)
@pytest.mark.parametrize("kind", FANS)
def test_initializers_have_their_variance(kind, init):
    build, fan_in, fan_out = FANS[kind]
    if kind == "ConvTranspose2d" and init == "pytorch":
        fan_in, fan_out = fan_out, fan_in  # PyTorch counts the weight's axis 1, which are the outputs here
    layer, variance = build(init), VARIANCES[init](fan_in, fan_out)
    weight = layer.weight.value
    assert weight.dtype == np.float32
    # five deviations of normal draws' variance
    assert weight.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / weight.size))
    assert abs(weight.mean()) < 5 * np.sqrt(variance / weight.size)
    uniform = init in ("glorot_uniform", "he_uniform", "pytorch")
    assert (np.abs(weight).max() < 1.001 * np.sqrt(3 * variance)) == uniform
    largest = np.abs(layer.bias.value).max()
    assert largest == 0 if init != "pytorch" else 0.5 / np.sqrt(fan_in) < largest < 1.001 / np.sqrt(fan_in)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_orthogonal_rows_or_columns(shape):
    W = layers.INITIALIZERS["orthogonal"](shape, 1, 1, np.random.default_rng(0))
    product = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (2, 3), (4, 2)])
def test_orthogonal_matrices_are_as_likely_with_either_sign(shape):
    """Each entry has the mean 0 and the variance 1 over the longer side.

    Uniformly drawn directions have both.
    """
    rng = np.random.default_rng(0)
    drawn = np.stack([layers.INITIALIZERS["orthogonal"](shape, 1, 1, rng) for _ in range(400)])
    variance = 1 / max(shape)
    assert np.abs(drawn.mean(axis=0)).max() < 5 * np.sqrt(variance / 400)
    assert np.abs((drawn**2).mean(axis=0) - variance).max() < 5 * np.sqrt(2 / 400) * variance


def test_biases_start_at_zero_but_for_pytorch():
    assert not Linear(3, 4, init="he_normal", rng=0).bias.value.any()
    assert Linear(3, 4, rng=0).bias.value.any()


def test_one_seed_gives_one_layer():
    np.testing.assert_array_equal(Linear(3, 4, rng=7).weight.value, Linear(3, 4, rng=7).weight.value)
    assert not np.array_equal(Linear(3, 4, rng=7).weight.value, Linear(3, 4, rng=8).weight.value)


def test_dropout_keeps_the_mean_and_the_rate_and_is_off_at_evaluation():
    x, layer = np.ones((400, 100), np.float32), Dropout(0.3)
    y, _ = layer(x, mode=Mode(np.random.default_rng(0)))
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    again, _ = layer(x, mode=Mode(np.random.default_rng(0)))
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(layer(x)[0], x)


def test_batch_norm_remembers_what_it_has_seen():
    layer = BatchNorm(4, momentum=0.25)
    layer(X, mode=Mode(np.random.default_rng(0)))
    np.testing.assert_allclose(layer.running_mean.value, 0.25 * X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.value, 0.75 + 0.25 * X.var(axis=0, ddof=1), rtol=1e-5)
    before = layer.running_mean.value.copy()
    layer(X)
    np.testing.assert_array_equal(layer.running_mean.value, before)
    assert set(named_buffers(layer)) == {"running_mean", "running_var"}


def test_a_batch_of_one_has_no_variance():
    with pytest.raises(InputError, match="at least two values per channel"):
        BatchNorm(4)(X[:1], mode=Mode(np.random.default_rng(0)))


def test_weight_norm_starts_at_the_layers_own_weight():
    plain = Conv2d(2, 3, 3, rng=0)
    x = np.random.default_rng(1).standard_normal((2, 2, 5, 5)).astype(np.float32)
    expected, _ = plain(x)
    normalized = WeightNorm(plain)
    np.testing.assert_allclose(normalized(x)[0], expected, rtol=1e-5, atol=1e-6)
    assert set(named_parameters(normalized)) == {"v", "g", "layer.bias"}
    with pytest.raises(InputError, match="found ReLU"):
        WeightNorm(ReLU())


def test_needs_dx_false_skips_only_what_nobody_asked_for():
    def gradients(needs_dx):
        branches = (Residual(Linear(3, 3, rng=1)), Heads(Linear(3, 2, rng=2), ReLU()))
        net = Sequential(Flatten(), Linear(4, 3, rng=0), ReLU(), *branches)
        y, pullback = net(X, needs_dx=needs_dx)
        dx = pullback(np.ones_like(y))
        return dx, {name: p.grad for name, p in named_parameters(net).items()}

    dx, full = gradients(True)
    nothing, same = gradients(False)
    assert dx.shape == X.shape
    assert nothing is None
    for name in full:
        np.testing.assert_array_equal(full[name], same[name])


@pytest.mark.parametrize(
    "first", [Heads(Linear(4, 2, rng=0)), Residual(Linear(4, 4, rng=0)), WeightNorm(Linear(4, 3, rng=0))]
)
def test_needs_dx_reaches_into_the_first_layer(first):
    y, pullback = Sequential(first)(X, needs_dx=False)
    assert pullback(np.ones_like(y)) is None
    assert all(p.grad is not None for p in named_parameters(first).values())


def test_gradients_add_up_over_calls_and_the_pullback_may_be_called_again():
    layer = Linear(4, 3, rng=0)
    y, pullback = layer(X)
    pullback(np.ones_like(y))
    once = layer.weight.grad.copy()
    pullback(np.ones_like(y))
    np.testing.assert_array_equal(layer.weight.grad, once + once)


def test_embedding_gives_rows_and_adds_up_their_gradients():
    layer = Embedding(5, 3, rng=0)
    y, pullback = layer(np.array([[1, 1, 4]]))
    np.testing.assert_array_equal(y[0, 0], layer.weight.value[1])
    pullback(np.ones_like(y))
    np.testing.assert_array_equal(layer.weight.grad[:, 0], [0, 2, 0, 0, 1])
    wide = Embedding(200, 3, rng=0)
    for kind in (np.uint8, np.int8, np.int64):  # the place of entry (127, 2) is no int8, as 127 · 3 is none
        y, pullback = wide(np.array([[127, 3]], kind))
        wide.weight.grad = None
        pullback(np.arange(6, dtype=y.dtype).reshape(y.shape))
        np.testing.assert_array_equal(wide.weight.grad[[127, 3]], [[0, 1, 2], [3, 4, 5]])
        assert np.count_nonzero(wide.weight.grad) == 5
        assert wide.weight.grad.dtype == y.dtype
    for wrong, words in ((np.array([5]), "0..4, found 5..5"), (np.array([0.5]), "integers")):
        with pytest.raises(InputError, match=words):
            layer(wrong)


def test_names_are_paths_and_a_shared_layer_is_counted_once():
    shared = Linear(4, 4, rng=0)
    net = Sequential(shared, ReLU(), shared, Heads(Linear(4, 1, rng=1), Residual(Linear(4, 4, rng=2))))
    assert list(named_parameters(net)) == [
        "0.weight",
        "0.bias",
        "3.0.weight",
        "3.0.bias",
        "3.1.layer.weight",
        "3.1.layer.bias",
    ]


def test_cast_converts_parameters_and_buffers():
    net = Sequential(Linear(4, 3, rng=0), BatchNorm(3))
    cast(net, np.float64)
    assert {p.value.dtype for p in (*named_parameters(net).values(), *named_buffers(net).values())} == {
        np.dtype(np.float64)
    }
    assert net(X.astype(np.float64))[0].dtype == np.float64


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Linear(4, 3, init="xavier"), "init should be one of glorot_normal, .*; found 'xavier'"),
        (lambda: Dropout(1.0), "below 1, found 1.0"),
        (lambda: layers.GELU("fast"), "approximate should be one of none, tanh"),
        (lambda: Linear(3, 2, rng=0)(X), r"W should have shape \(D, H\) with D = 4 \(from x\)"),
        (lambda: Conv2d(1, 2, 5)(np.zeros((1, 1, 3, 3))), "fit into the padded image, 3 x 3, found 5 x 5"),
        (lambda: Conv2d(1, 2, 5)(np.zeros((1, 1, 9, 3))), "9 x 3, found 5 x 5"),
        (lambda: layers.Reshape(5, 5)(X), r"fit the shape \(6, 5, 5\), found \(6, 4\)"),
        (lambda: layers.MaxPool2d(4)(np.zeros((1, 1, 3, 3))), "at most the image's 3 x 3"),
        (
            lambda: layers.ConvTranspose2d(1, 1, 2, output_padding=1)(np.zeros((1, 1, 2, 2))),
            "below stride; found 1",
        ),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
