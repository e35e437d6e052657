"""Regularity of a latent space:

pushforwards, continuity along paths, density, coverage, and the MMD two-sample test.
"""

import itertools

import numpy as np
import pytest
from scipy.stats import kstest

from scratchvae import layers, likelihoods
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.evaluation import (
    completeness,
    continuity,
    density_and_coverage,
    expected_coverage,
    median_distance,
    mmd2,
    regularity,
    two_sample_test,
    two_samples,
)
from scratchvae.evaluation.decoding import mean_tangents
from scratchvae.layers import (
    Embedding,
    Layer,
    Linear,
    Mode,
    ReLU,
    Sequential,
    Tanh,
    cast,
    named_buffers,
    named_parameters,
    pushforward,
)
from scratchvae.layers.tangents import RULES
from scratchvae.models import Autoencoder
from scratchvae.reference.cases import layers as layer_cases
from scratchvae.reference.cases.case import layer_case

# ------------------------------------------------------------------------------------------------------------
# pushforwards


def layer_of(case):
    """The layer that a row of the case table runs, with the row's values in its Parameters and odd numbers in
    its Buffers.
    """
    layer = next(cell.cell_contents for cell in case.op.__closure__ if isinstance(cell.cell_contents, Layer))
    cast(layer, np.float64)
    for name, parameter in named_parameters(layer).items():
        parameter.value = case.arrays[name]
    for i, buffer in enumerate(named_buffers(layer).values()):
        buffer.value = np.random.default_rng(i).uniform(0.5, 2, buffer.value.shape)
    return layer


IMAGES = np.random.default_rng(0).standard_normal((2, 2, 5, 4))
ROWS = [  # beside the case table: settings that are not the defaults
    *layer_cases.cases(),
    layer_case("LayerNorm: large ε", layers.LayerNorm((2, 5, 4), eps=0.5), IMAGES),
    layer_case("BatchNorm: large ε", layers.BatchNorm(2, eps=0.5), IMAGES),
    layer_case("MaxPool2d: overlapping windows", layers.MaxPool2d(3, 1), IMAGES),
]


@pytest.fixture(params=ROWS, ids=lambda case: case.name)
def layer_and_x(request):
    return layer_of(request.param), request.param.arrays["x"]


def test_a_pushforward_is_the_slope_of_a_small_step(layer_and_x):
    layer, x = layer_and_x
    dx, h = np.random.default_rng(1).standard_normal(x.shape), 1e-4
    y, dy = pushforward(layer, x, dx)
    np.testing.assert_array_equal(y, layer(x)[0])
    ahead, behind, twice_ahead, twice_behind = (layer(x + k * h * dx)[0] for k in (1, -1, 2, -2))
    slope = (8 * (ahead - behind) - (twice_ahead - twice_behind)) / (12 * h)  # an error of h⁴
    np.testing.assert_allclose(dy, slope, rtol=1e-8, atol=1e-9)


def test_a_pushforward_is_the_transpose_of_the_pullback(layer_and_x):
    layer, x = layer_and_x
    y, pullback = layer(x)
    rng = np.random.default_rng(2)
    dx, u = rng.standard_normal(x.shape), rng.standard_normal(y.shape)
    _, dy = pushforward(layer, x, dx)
    # ⟨u, J dx⟩ = ⟨Jᵀ u, dx⟩
    assert (u * dy).sum() == pytest.approx((pullback(u) * dx).sum(), rel=1e-12, abs=1e-12)


def test_a_pushforward_keeps_float32_and_leaves_the_layer_alone(layer_and_x):
    layer, x = layer_and_x
    for parameter in named_parameters(layer).values():
        parameter.grad = None
    before = {name: parameter.value.copy() for name, parameter in named_parameters(layer).items()}
    _, exact = pushforward(layer, x, x[::-1])
    assert all(parameter.grad is None for parameter in named_parameters(layer).values())
    assert all((parameter.value == before[name]).all() for name, parameter in named_parameters(layer).items())
    cast(layer, np.float32)
    y, dy = pushforward(layer, x.astype(np.float32), x[::-1].astype(np.float32))
    assert y.dtype == dy.dtype == np.float32
    np.testing.assert_allclose(dy, exact, rtol=1e-4, atol=1e-5)


def test_every_layer_has_a_rule():
    kinds = {getattr(layers, name) for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    # integers can't move by a small step, and Experts is what two layers share
    kinds = {kind for kind in kinds if issubclass(kind, Layer)} - {Layer, Embedding, layers.Experts}
    assert {next(k for k in kind.__mro__ if "__call__" in vars(k)) for kind in kinds} == RULES.keys()


class Doubled(Linear):
    """A layer of the user's own, whose __call__ is not Linear's."""

    def __call__(self, x, *, mode=Mode(), needs_dx=True):  # noqa: B008
        y, pullback = super().__call__(x, mode=mode)
        return 2 * y, lambda dy: pullback(2 * dy)


@pytest.mark.parametrize(
    ("layer", "x", "dx", "words"),
    [
        (
            Embedding(3, 2, rng=0),
            np.array([1]),
            np.array([1]),
            "rules for Activation, AvgPool2d.*; found Embedding",
        ),
        (Sequential(Tanh(), Doubled(2, 2, rng=0)), np.ones((1, 2)), np.ones((1, 2)), "found Doubled"),
        (
            Linear(2, 2, rng=0),
            np.ones((1, 2)),
            np.ones(2),
            r"dx should have the shape of x, \(1, 2\), found \(2,\)",
        ),
    ],
)
def test_a_pushforward_that_there_is_not_is_named(layer, x, dx, words):
    with pytest.raises(InputError, match=words):
        pushforward(layer, x, dx)


# ------------------------------------------------------------------------------------------------------------
# data units


def bernoulli_slope(l, dl):
    p = 1 / (1 + np.exp(-l))
    return p * (1 - p) * dl


def categorical_slope(l, dl):
    l, dl = (a.reshape(len(a), 3, -1) for a in (l, dl))
    p = np.exp(l) / np.exp(l).sum(axis=1, keepdims=True)
    levels = np.array([0, 0.5, 1])[:, None]
    # Cov under p of level and dl
    return (p * levels * (dl - (p * dl).sum(axis=1, keepdims=True))).sum(axis=1)


SLOPES = {  # of E[x|z], by hand
    "Bernoulli": (likelihoods.Bernoulli(), bernoulli_slope),
    "Categorical": (likelihoods.Categorical(3), categorical_slope),
    "Gaussian": (likelihoods.Gaussian(0.3), lambda l, dl: dl),
    "GaussianDiagonal": (likelihoods.GaussianDiagonal(np.ones(6)), lambda l, dl: dl),
    "GaussianOptimal": (likelihoods.GaussianOptimal(), lambda l, dl: dl),
    "Standardized": (
        likelihoods.Standardized(likelihoods.Gaussian(), 6, scale=[1, 2, 3, 4, 5, 6]),
        lambda l, dl: dl * np.arange(1, 7),
    ),
    "GaussianPerPixel": (likelihoods.GaussianPerPixel(), lambda l, dl: dl[:, :3]),
    "Laplace": (likelihoods.Laplace(0.3), lambda l, dl: dl),
}


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
@pytest.mark.parametrize("name", SLOPES)
def test_the_mean_moves_as_its_closed_form_says(name, scale):
    likelihood, slope = SLOPES[name]
    rng = np.random.default_rng(0)
    l, dl = 3 * rng.standard_normal((4, 6)), scale * rng.standard_normal((4, 6))
    dl[2] = 0
    np.testing.assert_allclose(mean_tangents(likelihood, l, dl), slope(l, dl), rtol=1e-9, atol=1e-11 * scale)


# ------------------------------------------------------------------------------------------------------------
# continuity


def model_with(decoder, Z=2, D=3, likelihood=None):
    """A model in float64 whose decoder is the one given; its encoder copies the first Z of D entries."""
    encoder = Linear(D, Z, bias=False)
    encoder.weight.value = np.eye(D, Z)
    one = Autoencoder(
        event_shape=(D,),
        latent_dim=Z,
        encoder=encoder,
        decoder=decoder,
        likelihood=likelihood or likelihoods.Gaussian(),
    )
    cast(one, np.float64)
    return one


def linear_decoder(W, b=0.0):
    layer = Linear(*W.shape)
    layer.weight.value, layer.bias.value = W, np.full(W.shape[1], b)
    return layer


def smooth_model():
    decoder = Sequential(Linear(2, 8, rng=0), Tanh(), Linear(8, 3, rng=1))
    for parameter in named_parameters(decoder).values():
        parameter.value = 3 * parameter.value
    return model_with(decoder, likelihood=likelihoods.Bernoulli())


CODES = np.random.default_rng(3).standard_normal((2, 6, 2))


def test_a_linear_decoder_moves_straight_and_evenly_at_the_speed_of_its_matrix():
    W = np.random.default_rng(0).standard_normal((2, 3))
    found = continuity(model_with(linear_decoder(W, 0.7)), *CODES, steps=5)
    moved = np.linalg.norm((CODES[1] - CODES[0]) @ W, axis=1)
    np.testing.assert_allclose(found.distances, np.linalg.norm(CODES[1] - CODES[0], axis=1))
    np.testing.assert_allclose(found.ends, moved)
    np.testing.assert_allclose(found.speeds, np.repeat((moved / found.distances)[:, None], 6, axis=1))
    np.testing.assert_allclose(found.steps, np.repeat(moved[:, None] / 5, 5, axis=1))
    np.testing.assert_allclose(found.lengths, moved)
    np.testing.assert_allclose(found.lengths_by_tangents, moved)
    np.testing.assert_allclose((found.detours, found.jumps), 1)


def test_tangents_and_steps_measure_the_same_motion_to_the_square_of_the_step():
    differences = []
    for steps in (20, 40, 80):
        found = continuity(smooth_model(), *CODES, steps=steps)
        differences.append(np.abs(found.lengths - found.lengths_by_tangents).max() / found.lengths.max())
    assert differences[2] < 1e-3
    assert differences[0] / differences[1] == pytest.approx(4, rel=0.15)
    assert differences[1] / differences[2] == pytest.approx(4, rel=0.05)


def test_the_length_of_a_bent_path_is_that_of_its_curve():
    """One latent moves σ(s z) from 0 to 1 and another σ(−s z) back: x = (p, 1 − p), whose length is √2 times
    the change of p.
    """
    decoder = linear_decoder(np.array([[4.0, -4.0]]))
    a, b = np.array([[-1.0]]), np.array([[0.5]])
    found = continuity(model_with(decoder, Z=1, D=2, likelihood=likelihoods.Bernoulli()), a, b, steps=200)
    p = 1 / (1 + np.exp(-4 * np.array([-1, 0.5])))
    np.testing.assert_allclose(found.lengths, np.sqrt(2) * (p[1] - p[0]), rtol=1e-12)
    np.testing.assert_allclose(found.lengths_by_tangents, found.lengths, rtol=1e-4)
    largest = np.sqrt(2) * 4 * 0.25  # where p = 1/2, at z = 0
    assert found.speeds.max() == pytest.approx(largest, rel=1e-4)
    assert found.jumps[0] == pytest.approx(largest * 1.5 / found.lengths[0], rel=1e-3)


def test_a_tear_is_one_step_as_large_as_all_and_no_tangent_sees_it():
    torn = model_with(Sequential(linear_decoder(np.array([[1e9], [0.0]]), 0.123), Tanh()), D=1)
    a, b = np.array([[-1.0, 0.0]]), np.array([[2.0, 0.0]])
    for steps in (10, 100):
        found = continuity(torn, a, b, steps=steps)
        np.testing.assert_allclose(found.jumps, steps)
        np.testing.assert_allclose(found.lengths, 2)
        np.testing.assert_allclose(found.lengths_by_tangents, 0)


def test_paths_that_go_nowhere_have_no_jumps_and_a_way_back_is_an_endless_detour():
    a, b = CODES
    still = continuity(model_with(linear_decoder(np.zeros((2, 3)))), a, b)
    assert not still.speeds.any()
    assert (still.jumps == 1).all()
    assert (still.detours == 1).all()
    stay = continuity(smooth_model(), a, a)
    assert not np.concatenate([stay.speeds, stay.steps], axis=1).any()
    assert (stay.detours == 1).all()
    there_and_back = Sequential(
        linear_decoder(np.array([[1.0, -1.0]])), ReLU(), linear_decoder(np.ones((2, 1)))
    )
    found = continuity(model_with(there_and_back, Z=1, D=1), np.array([[-1.0]]), np.array([[1.0]]), steps=10)
    np.testing.assert_allclose(found.lengths, 2)
    assert found.detours[0] == np.inf


def test_a_float32_model_is_measured_as_its_float64_copy():
    one = smooth_model()
    exact = continuity(one, *CODES, steps=16)
    cast(one, np.float32)
    single = continuity(one, *CODES, steps=16)
    for name in ("speeds", "steps", "ends"):
        np.testing.assert_allclose(getattr(single, name), getattr(exact, name), rtol=2e-4, atol=2e-6)


# ------------------------------------------------------------------------------------------------------
# density and coverage


def naive_density_and_coverage(data, samples, k):
    N, M = len(data), len(samples)
    hits = np.zeros((N, M))
    for i in range(N):
        radius = sorted(np.linalg.norm(data[i] - data[j]) for j in range(N) if j != i)[k - 1]
        for j in range(M):
            hits[i, j] = np.linalg.norm(data[i] - samples[j]) <= radius
    return hits.sum() / (k * M), hits.any(axis=1).mean()


@pytest.mark.parametrize("k", [1, 3, 11])
def test_density_and_coverage_are_those_of_a_double_loop(k, monkeypatch):
    rng = np.random.default_rng(k)
    data, samples = rng.standard_normal((12, 3)), 0.7 * rng.standard_normal((17, 3)) + 0.2
    expected = naive_density_and_coverage(data, samples, k)
    assert density_and_coverage(data, samples, k=k) == pytest.approx(expected)
    monkeypatch.setattr(completeness, "AT_ONCE", 40)  # two rows at a time
    assert density_and_coverage(data, samples, k=k) == pytest.approx(expected)


@pytest.mark.parametrize(("N", "M", "k"), [(30, 30, 5), (20, 50, 3), (40, 10, 1)])
def test_one_law_gives_the_expected_density_and_coverage(N, M, k):
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found.append(density_and_coverage(rng.standard_normal((N, 2)), rng.standard_normal((M, 2)), k=k))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - (1, expected_coverage(N, M, k=k))) < 4 * error).all()


def test_expected_coverage_by_counting_all_orders():
    """Of N − 1 data and M samples around a point in all orders, those whose k nearest are all data leave it
    uncovered.
    """
    N, M, k = 4, 3, 2
    orders = list(itertools.permutations(["data"] * (N - 1) + ["sample"] * M))
    uncovered = np.mean([order[:k] == ("data",) * k for order in orders])
    assert expected_coverage(N, M, k=k) == pytest.approx(1 - uncovered, rel=1e-12)


def test_samples_elsewhere_in_one_place_and_copies():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((50, 4))
    assert density_and_coverage(data, data + 100) == (0, 0)
    _, in_one_place = density_and_coverage(data, np.repeat(data[:1], 30, axis=0))
    assert in_one_place < 0.5
    assert density_and_coverage(data, data)[1] == 1
    same = np.ones((8, 4))
    # each sample lies in all 8 balls, which are points
    assert density_and_coverage(same, same[:3], k=2) == (8 / 2, 1)
    assert density_and_coverage(same, same[:3] + 1e-6, k=2) == (0, 0)


# ---------------------------------------------------------------------------------------------------------
# the MMD and its test


def naive_mmd2(x, y, sigma, unbiased):
    def mean(a, b, skip):
        kept = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (skip and i == j)]
        return np.mean([np.exp(-((a[i] - b[j]) ** 2).sum() / (2 * sigma**2)) for i, j in kept])

    return mean(x, x, unbiased) - 2 * mean(x, y, False) + mean(y, y, unbiased)


@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_is_that_of_a_double_loop(unbiased):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 3)), 1 + rng.standard_normal((5, 3))
    assert mmd2(x, y, bandwidth=1.3, unbiased=unbiased) == pytest.approx(
        naive_mmd2(x, y, 1.3, unbiased), rel=1e-12
    )
    assert mmd2(x, x, bandwidth=1.3, unbiased=False) == pytest.approx(0, abs=1e-15)


def test_mmd_of_gaussians_is_its_closed_form():
    D, shift, s, sigma = 2, 0.5, 1.4, 1.2

    def expected_kernel(variance, distance):  # ∫ k(a, b) N(a − b; distance in each entry, variance I)
        return (sigma**2 / (sigma**2 + variance)) ** (D / 2) * np.exp(
            -D * distance**2 / 2 / (sigma**2 + variance)
        )

    truth = expected_kernel(2, 0) - 2 * expected_kernel(1 + s**2, shift) + expected_kernel(2 * s**2, 0)
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found.append(
            mmd2(rng.standard_normal((60, D)), shift + s * rng.standard_normal((50, D)), bandwidth=sigma)
        )
    assert np.mean(found) == pytest.approx(truth, abs=4 * np.std(found) / np.sqrt(len(found)))


def test_the_bandwidth_is_the_median_distance_of_points_that_are_apart():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 2))
    apart = [np.linalg.norm(a - b) for a, b in itertools.combinations(x, 2)]
    assert median_distance(x) == pytest.approx(np.median(apart), rel=1e-12)
    assert median_distance(np.array([[0.0], [0.0], [0.0], [3.0]])) == 3
    assert median_distance(np.ones((4, 2))) == median_distance(np.ones((1, 2))) == 1
    assert two_sample_test(x[:4], x[4:], rng=rng, permutations=1).bandwidth == pytest.approx(
        np.median(apart), rel=1e-12
    )


def test_the_p_value_is_the_rank_among_all_ways_to_deal(monkeypatch):
    """Of 4 + 3 examples there are 35 ways, enumerated; the p-value of many random shuffles is their share."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 2)), 0.8 + rng.standard_normal((3, 2))
    together, sigma = np.concatenate([x, y]), median_distance(np.concatenate([x, y]))
    ways = [(list(c), [i for i in range(7) if i not in c]) for c in itertools.combinations(range(7), 4)]
    all_of_them = np.array([naive_mmd2(together[a], together[b], sigma, True) for a, b in ways])
    found = two_sample_test(x, y, rng=rng, permutations=20_000)
    assert found.mmd2 == pytest.approx(all_of_them[0], rel=1e-12)
    share = (all_of_them >= all_of_them[0] - 1e-12).mean()
    assert found.p_value == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))
    monkeypatch.setattr(two_samples, "AT_ONCE", 50)
    chunked = two_sample_test(x, y, rng=np.random.default_rng(1), permutations=999)
    assert chunked.p_value == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 999))


def test_p_values_are_uniform_under_one_law_and_small_under_two():
    def p_values(shift, n):
        for seed in range(n):
            rng = np.random.default_rng(seed)
            x, y = rng.standard_normal((15, 2)), shift + rng.standard_normal((20, 2))
            yield two_sample_test(x, y, rng=rng, permutations=99).p_value

    under_one = np.array(list(p_values(0.0, 500)))
    assert set(np.round(100 * under_one)) <= set(range(1, 101))
    assert kstest(under_one - 0.005, "uniform").pvalue > 0.01
    assert (under_one <= 0.05).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 500))
    assert np.mean(np.array(list(p_values(1.5, 40))) <= 0.05) > 0.9


def test_identical_points_can_not_be_told_apart():
    same = np.ones((5, 3))
    found = two_sample_test(same, same, rng=np.random.default_rng(0), permutations=19)
    assert found.p_value == 1
    assert found.mmd2 == pytest.approx(0, abs=1e-12)
    apart = two_sample_test(same, same + 1, rng=np.random.default_rng(0), permutations=999)
    assert apart.p_value < 0.05
    assert apart.mmd2 == pytest.approx(2 - 2 * np.exp(-0.5), rel=1e-9)


# ------------------------------------------------------------------------------------------------------- a
# model as a whole


def perfect_model(Z=2, D=3):
    """E[x|z] = z in the first Z entries: where data are N(0, I) there, prior samples have the data's law."""
    return model_with(linear_decoder(np.eye(Z, D)), Z=Z, D=D)


def normal_data(n, scale=1.0):
    x = np.random.default_rng(5).standard_normal((n, 3)) * [scale, scale, 0]
    return Dataset("normal", x)


def test_regularity_of_a_model_whose_codes_follow_the_prior_and_of_one_whose_do_not():
    good = regularity(
        perfect_model(), normal_data(400), rng=np.random.default_rng(0), pairs=10, steps=8, permutations=99
    )
    bad = regularity(
        perfect_model(),
        normal_data(400, 5.0),
        rng=np.random.default_rng(0),
        pairs=10,
        steps=8,
        permutations=99,
    )
    assert good.continuity.steps.shape == (10, 8)
    np.testing.assert_allclose(good.continuity.speeds, 1)
    for found in (good.to_data, good.to_decoded):
        assert found.expected_coverage == expected_coverage(400, 400)
        assert found.coverage == pytest.approx(found.expected_coverage, abs=0.03)
        assert found.density == pytest.approx(1, abs=0.15)
        assert found.test.p_value > 0.05
    for found in (bad.to_data, bad.to_decoded):
        assert found.coverage < 0.3
        assert found.test.p_value == 0.01
    words = str(good)
    assert "continuity on 10 paths of 8 steps between codes" in words
    assert f"{good.to_data.coverage:.3g}" in words
    assert all(len(line) <= 100 for line in words.splitlines())


def test_draws_have_the_noise_that_means_lack():
    """Data with noise of variance 1 in every entry: E[x|z] lies in their middle, x ~ p(x|z) among them."""
    x = np.random.default_rng(5).standard_normal((400, 8)) + np.random.default_rng(6).standard_normal(
        (400, 2)
    ) @ np.eye(2, 8)
    one = perfect_model(D=8)
    settings = {"pairs": 2, "steps": 2, "permutations": 99}
    means, drawn = (
        regularity(one, Dataset("noisy", x), rng=np.random.default_rng(0), draws=draws, **settings)
        for draws in (False, True)
    )
    assert means.to_data.density > 2
    assert means.to_data.test.p_value == 0.01
    assert drawn.to_data.density == pytest.approx(1, abs=0.2)
    assert drawn.to_data.test.p_value > 0.05
    # where means are held against means either way
    assert drawn.to_decoded.density == means.to_decoded.density


def test_a_constant_decoder_covers_nothing_and_moves_nowhere():
    one = model_with(linear_decoder(np.zeros((2, 3)), 0.5))
    found = regularity(one, normal_data(50), rng=np.random.default_rng(0), pairs=3, permutations=19)
    assert not found.continuity.speeds.any()
    assert found.to_data.coverage < 0.2
    assert found.to_data.test.p_value == 0.05
    assert found.to_decoded.test.p_value == 1  # one point against itself
    assert found.to_decoded.coverage == 1
    assert str(found)


def test_one_seed_gives_one_regularity_and_two_examples_are_enough_with_one_neighbour():
    one = smooth_model()
    x = Dataset("few", np.random.default_rng(0).random((2, 3)))
    first, again = (regularity(one, x, rng=np.random.default_rng(3), k=1, permutations=9) for _ in range(2))
    assert str(first) == str(again)
    assert first.continuity.steps.shape == (1, 64)


NAN = np.full((3, 2), np.nan)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: regularity(perfect_model(), normal_data(5), rng=None), "more than k = 5, found 1000 and 5"),
        (
            lambda: regularity(perfect_model(), normal_data(1), rng=None, k=1),
            "more than k = 1, found 1000 and 1",
        ),
        (
            lambda: regularity(smooth_model(), normal_data(9), rng=np.random.default_rng(0)),
            "x should be numbers in",
        ),
        (
            lambda: regularity(perfect_model(), normal_data(9), rng=None, pairs=0),
            "pairs should be at least 1, found 0",
        ),
        (
            lambda: continuity(perfect_model(), CODES[0], CODES[1][:2]),
            r"b should have shape \(R, Z\) with R = 6",
        ),
        (
            lambda: continuity(perfect_model(), CODES[0][:0], CODES[1][:0]),
            "number of paths should be at least 1, found 0",
        ),
        (lambda: continuity(perfect_model(), *CODES, steps=0), "steps should be at least 1, found 0"),
        (lambda: continuity(perfect_model(), NAN, NAN), "a should be finite"),
        (
            lambda: density_and_coverage(np.zeros((5, 2)), np.zeros((5, 2))),
            "more than k data.*k = 5, 5 data and 5 samples",
        ),
        (lambda: density_and_coverage(np.zeros((9, 2)), np.zeros((0, 2))), "at least one sample"),
        (lambda: density_and_coverage(np.zeros((9, 2)), np.zeros((9, 2)), k=0), "k should be at least 1"),
        (
            lambda: density_and_coverage(np.zeros((9, 2)), np.zeros((9, 3))),
            r"samples should have shape \(M, D\) with D = 2",
        ),
        (lambda: density_and_coverage(np.zeros((9, 2)), NAN), "samples should be finite"),
        (lambda: expected_coverage(3, 3, k=3), "found k = 3, 3 data"),
        (
            lambda: mmd2(np.zeros((1, 2)), np.zeros((3, 2)), bandwidth=1.0),
            "x should hold at least 2 examples, found 1",
        ),
        (
            lambda: mmd2(np.zeros((3, 2)), np.zeros((3, 2)), bandwidth=0.0),
            "bandwidth should be positive, found 0.0",
        ),
        (
            lambda: median_distance(np.zeros(3)),
            r"median_distance: x should have shape \(N, D\), found \(3,\)",
        ),
        (lambda: median_distance(NAN), "x should be finite"),
        (lambda: two_sample_test(np.zeros((3, 2)), NAN, rng=None), "y should be finite"),
        (
            lambda: two_sample_test(np.zeros((3, 2)), np.zeros((1, 2)), rng=None),
            "y should hold at least 2 examples",
        ),
        (
            lambda: two_sample_test(np.zeros((3, 2)), np.zeros((3, 1)), rng=None),
            r"y should have shape \(N, D\) with D = 2",
        ),
        (
            lambda: two_sample_test(1e155 * np.eye(3), -1e155 * np.eye(3), rng=None),
            "found overflow; take other units",
        ),
        (
            lambda: two_sample_test(np.eye(3), np.eye(3), rng=None, permutations=0),
            "permutations should be at least 1",
        ),
    ],
)
def test_what_can_not_be_measured_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
