"""A likelihood over blocks of columns: each column has exactly its own law, and what is missing has none."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, softmax
from test_tables import Frame

from scratchvae import data
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Column, Dataset, TableSchema
from scratchvae.layers import Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.likelihoods import (
    Bernoulli,
    Blocks,
    Categories,
    Encoded,
    Gaussian,
    GaussianDiagonal,
    LogNormal,
    Poisson,
    Standardized,
    of_schema,
)
from scratchvae.models import VAE
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import mlp
from scratchvae.reference.cases.tables import MIXED, MIXED_OBSERVED, MIXED_SCHEMA
from scratchvae.training import Adam, Training

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(5, 4))
OBSERVED = RNG.random((5, 4)) < 0.6


def mixed():
    law = of_schema(MIXED_SCHEMA)
    cast(law, np.float64)
    law.measure(Batch(MIXED))
    return law


# ------------------------------------------------------------------------------------------------------------
# the law


def diagonal(variance):
    return GaussianDiagonal(variance, min_variance=0)


@pytest.mark.parametrize("observed", [None, OBSERVED], ids=["complete", "missing"])
@pytest.mark.parametrize("draws", [1, 3])
def test_blocks_of_gaussians_are_the_gaussian(observed, draws):
    variance = np.array([0.3, 1.7, 0.9, 4.0])
    whole, order = diagonal(variance), [2, 0, 1, 3]
    blocks = Blocks(
        [((2, 0), diagonal(variance[[2, 0]])), ((1,), diagonal(variance[1:2])), ((3,), Gaussian(4.0))]
    )
    for law in (whole, blocks):
        cast(law, np.float64)
    x_params, seed = np.random.default_rng(1).normal(size=(5 * draws, 4)), np.arange(1.0, 5 * draws + 1)
    expected, expected_pullback = whole.log_prob(x_params, x=REAL, observed=observed, draws=draws)
    found, pullback = blocks.log_prob(x_params[:, order], x=REAL, observed=observed, draws=draws)
    # each law rounds log σ² once; a sum of four terms below 40 rounds to some 1e-14
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(pullback(seed), expected_pullback(seed)[:, order], rtol=1e-12)
    gradients = [p.grad for p in named_parameters(blocks).values()]
    np.testing.assert_allclose(np.concatenate(gradients), whole.log_excess.grad[[2, 0, 1]], rtol=1e-12)
    np.testing.assert_array_equal(blocks.mean(x_params[:, order]), whole.mean(x_params))


def by_scipy(law, x_params, x):
    """log p of each column of MIXED_SCHEMA (B, 7), in their order in the table, by scipy's laws of the
    block's parameters.
    """
    real, _, _, ordered, _, above = law.laws
    parts = np.split(x_params, np.cumsum(law.sizes)[:-1], axis=1)
    found = np.empty(x.shape)
    m, s = real.column_mean.value, real.column_scale.value
    found[:, [0, 6]] = stats.norm.logpdf(
        x[:, [0, 6]], m + s * parts[0], s * np.sqrt(real.likelihood.variance)
    )
    mean, r = np.exp(parts[1][:, 0]) * MIXED[:, 1].mean(), np.exp(law.laws[1].likelihood.log_dispersion.value)
    found[:, 1] = stats.nbinom.logpmf(x[:, 1], r, r / (r + mean))
    found[:, 2] = np.log(softmax(parts[2], axis=1)[np.arange(len(x)), x[:, 2].astype(int)])
    cuts = np.cumsum(
        np.concatenate(
            [ordered.likelihood.thresholds.value[0, :1], np.exp(ordered.likelihood.thresholds.value[0, 1:])]
        )
    )
    below = np.concatenate([np.zeros((len(x), 1)), expit(cuts - parts[3]), np.ones((len(x), 1))], axis=1)
    found[:, 3] = np.log(np.diff(below, axis=1)[np.arange(len(x)), x[:, 3].astype(int)])
    found[:, 4] = stats.bernoulli.logpmf(x[:, 4], expit(parts[4][:, 0]))
    m, s = above.of_log.column_mean.value, above.of_log.column_scale.value
    sigma = s * np.sqrt(above.of_log.likelihood.variance)
    found[:, 5] = stats.lognorm.logpdf(x[:, 5], sigma, scale=np.exp(m + s * parts[5][:, 0]))
    return found


def test_each_column_has_the_density_that_scipy_gives_it():
    law = mixed()
    assert [type(one).__name__ for one in law.laws] == [
        "Standardized",
        "Encoded",
        "Categories",
        "Encoded",
        "Encoded",
        "LogNormal",
    ]
    x_params = np.random.default_rng(2).normal(size=(3, sum(law.sizes)))
    expected = by_scipy(law, x_params, MIXED)
    found, _ = law.log_prob(x_params, x=MIXED)
    np.testing.assert_allclose(found, expected.sum(axis=1), rtol=1e-12)
    dirty = np.where(MIXED_OBSERVED == 1, MIXED, np.nan)
    some, pullback = law.log_prob(x_params, x=dirty, observed=MIXED_OBSERVED)
    np.testing.assert_allclose(some, (expected * MIXED_OBSERVED).sum(axis=1), rtol=1e-12)
    dx_params = np.split(pullback(np.ones(3)), np.cumsum(law.sizes)[:-1], axis=1)
    for columns, part in zip(law.columns, dx_params, strict=True):
        seen = MIXED_OBSERVED[:, columns] == 1
        by_column = part.reshape(3, -1, len(columns))  # parameter by parameter
        assert (np.abs(by_column).max(axis=1) != 0)[seen].all()
        assert not by_column.transpose(0, 2, 1)[~seen].any()


def test_probabilities_of_levels_sum_to_one_and_gradients_reach_thresholds():
    law = mixed()
    x_params = np.random.default_rng(3).normal(size=(1, sum(law.sizes)))
    for column, levels in ((2, 3), (3, 3), (4, 2)):
        rows = np.tile(MIXED[0], (levels, 1))
        rows[:, column] = np.arange(levels)
        only = np.tile(np.arange(7) == column, (levels, 1))
        log_px, pullback = law.log_prob(np.tile(x_params, (levels, 1)), x=rows, observed=only)
        assert np.exp(log_px).sum() == pytest.approx(1, abs=1e-14)
        total = pullback(np.exp(log_px)).sum(axis=0)  # Σ_c p_c ∂log p_c, the slope of a sum that is 1
        assert np.abs(total).max() < 1e-14
    law.log_prob(x_params, x=MIXED[:1])[1](np.ones(1))
    assert (named_parameters(law)["3.thresholds"].grad != 0).any()


def test_a_block_has_the_columns_of_one_kind_and_one_number_of_levels():
    levels = {
        "o3": "abc",
        "c4": "abcd",
        "o2": "ab",
        "c2": "ab",
        "o1": "a",
        "p3": "xyz",
        "b2": "no",
        "b1": "n",
    }
    kinds = {"o": "ordered", "p": "ordered", "c": "categorical", "b": "binary"}
    columns = tuple(Column(name, kinds[name[0]], "text", tuple(letters)) for name, letters in levels.items())
    law = of_schema(TableSchema(columns))
    blocks = [[columns[i].name for i in block] for block in law.columns]
    assert blocks == [["o3", "p3"], ["c4"], ["o2"], ["c2"], ["o1"], ["b2", "b1"]]
    assert law.n_params((8,)) == 2 + 4 + 1 + 2 + 1 + 2
    x = np.array([[2, 3, 1, 1, 0, 2, 1, 0.0]])
    log_px, pullback = law.log_prob(np.random.default_rng(0).normal(size=(1, 12)), x=x)
    assert np.isfinite(log_px).all()
    assert pullback(np.ones(1))[0, 9] == 0  # of one level there is nothing to learn


FLOORS = {  # the Gaussian noise of a law: the least variance that it may have
    "real columns of a table": (lambda: mixed().laws[0].likelihood, 1e-4),
    "positive columns of a table": (lambda: mixed().laws[5].of_log.likelihood, 1e-4),
    "LogNormal": (lambda: LogNormal(2).of_log.likelihood, 1e-4),  # a hundredth of the column's deviation
    "GaussianDiagonal": (lambda: GaussianDiagonal([1.0, 2.0]), 1e-6),  # in units of x², as they come
}


@pytest.mark.parametrize("name", FLOORS)
def test_a_variance_falls_to_its_lower_bound_and_no_further(name):
    noise, least = FLOORS[name][0](), FLOORS[name][1]
    noise.log_excess.value = np.full_like(noise.log_excess.value, -np.inf)
    np.testing.assert_allclose(noise.variance, least, rtol=1e-6)


def test_the_names_of_parameters_say_which_block_they_are_of():
    assert list(named_parameters(mixed())) == [
        "0.log_excess",
        "1.log_dispersion",
        "3.thresholds",
        "5.of_log.log_excess",
    ]


# --------------------------------------------------------------------------------------------------------
# what the encoder sees


def test_what_the_encoder_sees_has_one_scale_and_0_where_nothing_is_known():
    law = mixed()
    seen, known = law.features(MIXED, None)
    assert known is None

    def standardized(v):
        return (v - v.mean(axis=0)) / v.std(axis=0)

    np.testing.assert_allclose(seen[:, :2], standardized(MIXED[:, [0, 6]]), atol=1e-12)
    np.testing.assert_allclose(seen[:, 2], standardized(np.log1p(MIXED[:, 1])), atol=1e-12)
    np.testing.assert_array_equal(seen[:, 3:6], np.eye(3)[[2, 0, 1]])
    np.testing.assert_allclose(seen[:, 6:8], standardized(MIXED[:, [3, 4]]), atol=1e-12)
    np.testing.assert_allclose(seen[:, 8], standardized(np.log(MIXED[:, 5])), atol=1e-12)
    dirty = np.where(MIXED_OBSERVED == 1, MIXED, -1e300)
    model = mlp((7,), latent_dim=2, hidden=(3,), schema=MIXED_SCHEMA, fill="zero_and_mask")
    model.likelihood = law
    both = model.seen(Batch(dirty, observed=MIXED_OBSERVED))
    expected = MIXED_OBSERVED[:, [0, 6, 1, 2, 2, 2, 3, 4, 5]]
    np.testing.assert_array_equal(both[:, 9:], expected)
    np.testing.assert_allclose(both[:, :9], np.where(expected == 1, seen, 0), atol=1e-12)
    assert model.encoder.layers[0].weight.value.shape[0] == 18


def test_categories_are_seen_level_by_level():
    seen, known = Categories(3).features(np.array([[2.0, 0.0], [1.0, np.nan]]), np.array([[1, 1], [1, 0]]))
    np.testing.assert_array_equal(seen[0].reshape(3, 2), [[0, 1], [0, 0], [1, 0]])
    np.testing.assert_array_equal(seen[1].reshape(3, 2)[:, 0], [0, 1, 0])
    np.testing.assert_array_equal(known.reshape(2, 3, 2), [[[1, 1]] * 3, [[1, 0]] * 3])
    x_params = np.array([[0.1, 2.0, 1.5, -1.0, 0.3, 0.7]])
    p = Categories(3).expected(x_params)
    np.testing.assert_allclose(p.reshape(3, 2), softmax(x_params.reshape(3, 2), axis=0), rtol=1e-12)
    np.testing.assert_array_equal(Categories(3).settled(p), [[1, 0]])
    log_px, pullback = Categories(3).log_prob(x_params, x=np.array([[2.0, 0.0]]))
    assert log_px[0] == pytest.approx(np.log(p[0, 4] * p[0, 1]))
    np.testing.assert_allclose(pullback(np.ones(1)), [0, 1, 0, 0, 1, 0] - p, rtol=1e-12)


def test_a_corrupted_entry_is_no_error():
    law = mixed()
    seen, known = law.features(np.where(np.arange(7) == 5, -1.0, MIXED + 0.3), None)
    assert np.isfinite(seen[:, :8]).all()
    # a number without a logarithm counts as missing
    np.testing.assert_array_equal(known, np.tile(np.arange(9) != 8, (3, 1)))


@pytest.mark.parametrize("mean", [0.0, 0.3, 408.0, 1e6])
def test_counts_start_at_their_own_mean(mean):
    x = np.full((50, 1), mean) if mean == 0 else np.random.default_rng(0).poisson(mean, (50, 1)).astype(float)
    law = Encoded(Poisson(), 1, counts=True)
    law.measure(Batch(x))
    expected = x.mean() if mean else 0.01  # half a count in all
    np.testing.assert_allclose(law.mean(np.zeros((1, 1), np.float32)), expected, rtol=1e-6)
    np.testing.assert_allclose(law.mean(np.ones((1, 1), np.float32)), np.e * expected, rtol=1e-6)
    table = Dataset("counts", x, schema=TableSchema((Column("n", "count"),)))
    model = mlp((1,), latent_dim=1, hidden=(8,), schema=table.schema).fit(table, epochs=3)
    assert np.isfinite(model.history[-1]["train"]["loss"])


def test_a_law_that_is_measured_stays_as_it_is():
    table = Dataset("mixed", MIXED, schema=MIXED_SCHEMA)
    model = mlp((7,), latent_dim=2, hidden=(3,), schema=MIXED_SCHEMA)
    assert not model.likelihood.measured
    Training(model, model.phases(Adam()), table, epochs=1).look_ahead()
    assert model.likelihood.measured
    before = model.likelihood.laws[0].column_mean.value
    Training(model, model.phases(Adam()), table.subset([0, 1]), epochs=1).look_ahead()
    assert model.likelihood.laws[0].column_mean.value is before


# -------------------------------------------------------------------------------------------------------- out
# of the model


def constant(law, x_params, columns):
    """A model whose decoder puts out x_params for every z."""
    decoder = Linear(1, len(x_params), rng=0)
    q = DiagonalGaussian(1)
    model = VAE(
        event_shape=(columns,),
        encoder=Linear(law.features(np.ones((1, columns)), None)[0].shape[1], 2, rng=0),
        posterior=q,
        prior=StandardGaussian(1),
        decoder=decoder,
        likelihood=law,
    )
    cast(model, np.float64)
    model.encoder.weight.value *= 0
    model.encoder.bias.value *= 0
    decoder.weight.value *= 0
    decoder.bias.value = np.asarray(x_params, np.float64)
    return model


def test_what_is_missing_becomes_the_mean_or_the_likeliest_level():
    law = mixed()
    x_params = np.array([0.5, -1.0, 0.2, 0.1, 0.3, -2.0, 0.7, -0.4, 0.8])
    model = constant(law, x_params, 7)
    law = model.likelihood
    law.measure(Batch(MIXED))
    holes = np.where(np.arange(7) == np.arange(7)[:, None], np.nan, MIXED[0])
    filled = np.diag(model.impute(holes, samples=3))
    sigma = MIXED[:, 5:6].copy()
    log_mean, log_std = np.log(sigma).mean(), np.log(sigma).std()
    real = law.laws[0]
    cuts = np.cumsum(
        [law.laws[3].likelihood.thresholds.value[0, 0], np.exp(law.laws[3].likelihood.thresholds.value[0, 1])]
    )
    expected = [
        real.column_mean.value[0] + 0.5 * real.column_scale.value[0],
        MIXED[:, 1].mean() * np.exp(0.2),
        1,
        expit(0.7 - cuts).sum(),
        expit(-0.4),
        stats.lognorm.mean(
            log_std * np.sqrt(law.laws[5].of_log.likelihood.variance[0]),
            scale=np.exp(log_mean + 0.8 * log_std),
        ),
        real.column_mean.value[1] - real.column_scale.value[1],
    ]
    np.testing.assert_allclose(filled, expected, rtol=1e-6)
    np.testing.assert_allclose(model.reconstruct(MIXED)[0], expected, rtol=1e-6)
    np.testing.assert_allclose(model.sample(1, 0)[0], expected, rtol=1e-6)


def test_probabilities_are_averaged_over_z_before_a_level_is_chosen():
    """Of z < 0 category 0 is likeliest, of z > 0 category 2; of both together it is 1, which no z says."""
    model = constant(Categories(3), np.log([0.275, 0.45, 0.275]), 1)
    slope = np.log(0.55 / 1e-9) / 2
    model.decoder = Sequential(Linear(1, 1, rng=0), Tanh(), Linear(1, 3, rng=0))
    cast(model, np.float64)
    first, _, last = model.decoder.layers
    first.weight.value, first.bias.value = np.array([[1e6]]), np.zeros(1)
    last.weight.value, last.bias.value = (
        np.array([[-slope, 0, slope]]),
        np.log([np.sqrt(0.55e-9), 0.45, np.sqrt(0.55e-9)]),
    )
    assert set(model.inverse_transform(np.array([[-1.0], [1.0]])).ravel()) == {0, 2}
    filled = model.impute(np.full((4, 1), np.nan), samples=1000)
    np.testing.assert_array_equal(filled, 1)
    # of equal rows, whose draws are independent
    several = model.impute(np.full((500, 1), np.nan), samples=100, draws=2)
    shares = np.bincount(several.astype(int).ravel()) / 1000
    # five standard errors: 1 of a million fails
    assert np.abs(shares - [0.275, 0.45, 0.275]).max() < 5 * np.sqrt(0.25 / 1000)


def test_draws_keep_to_the_kinds_of_their_columns():
    model = mlp((7,), latent_dim=2, hidden=(3,), schema=MIXED_SCHEMA).fit(
        Dataset("mixed", MIXED, schema=MIXED_SCHEMA), epochs=1
    )
    x = model.sample(200, 0, mean=False)
    model.likelihood.require_support(x)
    assert x[:, 5].min() > 0
    assert set(x[:, 2]) <= {0, 1, 2}
    assert set(x[:, 3]) <= {0, 1, 2}
    assert set(x[:, 4]) <= {0, 1}
    cells = MIXED_SCHEMA.to_columns(x)
    assert set(cells["country"]) <= {"at", "ch", "de"}
    assert cells["visits"].dtype == np.int64


# ------------------------------------------------------------------------------------------------------------
# from Python


def test_a_model_of_a_table_takes_the_frame_itself():
    rng = np.random.default_rng(0)
    frame = Frame(
        {"n": rng.poisson(3, 60), "t": list(rng.choice(["a", "b", "c"], 60)), "r": rng.normal(size=60)}
    )
    frame.cells["t"][5] = None
    table = data.as_table(frame)
    model = mlp(table.event_shape, latent_dim=2, hidden=(8,), schema=table.schema)
    weights = [p.value.copy() for p in named_parameters(model.fit(table, epochs=2)).values()]
    for one, two in zip(weights, named_parameters(model.fit(frame, epochs=2)).values(), strict=True):
        np.testing.assert_array_equal(one, two.value)
    np.testing.assert_array_equal(model.transform(frame), model.transform(table))
    filled = table.schema.to_columns(model.impute(frame, samples=20), like=frame)
    assert filled["t"].to_numpy()[5] in {"a", "b", "c"}
    assert filled["t"].to_numpy().tolist()[6:] == frame.cells["t"][6:]
    with pytest.raises(InputError, match="yet now missing:\n- r"):
        model.transform(Frame({"n": [1], "t": ["a"]}))
    frame.cells["t"][7] = "d"
    with pytest.raises(InputError, match="one of its levels, a, b, c; found 'd' in row 8"):
        model.transform(frame)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Blocks([]), "should be in one block, found none"),
        (lambda: Blocks([((0, 2), Gaussian())]), "should be in one block, found 0, 2"),
        (
            lambda: Blocks([((0, 1), Gaussian()), ((1,), Bernoulli())]),
            "should be in one block, found 0, 1, 1",
        ),
        (lambda: Blocks([((0,), Gaussian())], MIXED_SCHEMA), "each of the schema's 7, found 1"),
        (lambda: of_schema(MIXED_SCHEMA).n_params((3,)), "a column for each entry, D = 3; found 7"),
        (lambda: mixed().log_prob(np.zeros((2, 3)), x=MIXED[:2]), r"x_params should have shape \(2, 9\)"),
        (
            lambda: mixed().require_support(np.where(np.arange(7) == 1, 0.5, MIXED)),
            "counts 0, 1, 2, …,? found 0.5|counts",
        ),
        (lambda: Categories(0), "levels should be at least 1"),
        (lambda: Categories(3).require_support(np.array([[3.0]])), "categories 0 … 2, found 3"),
        (lambda: Categories(3).require_support(np.array([[0.5]])), "categories 0 … 2, found 0.5"),
        (lambda: LogNormal(1).require_support(np.array([[-1.0]])), "finite numbers above 0, found -1"),
        (lambda: LogNormal(1).require_support(np.array([[np.nan]])), "finite numbers above 0, found nan"),
        (
            lambda: LogNormal(1).log_prob(np.zeros((1, 1)), x=np.zeros((1, 1))),
            "finite numbers above 0, found 0",
        ),
        (lambda: mlp((7,), schema=MIXED_SCHEMA, standardize=True), "each law of which does it"),
        (lambda: mlp((7,), schema=MIXED_SCHEMA, likelihood="gaussian"), "found the levels of country, grade"),
        (lambda: mlp((7,), schema=MIXED_SCHEMA).fit(Dataset("d", MIXED[:, :2])), "should have shape"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_table_of_other_columns_is_named():
    model = mlp(
        (2,), latent_dim=1, hidden=(3,), schema=TableSchema((Column("a", "real"), Column("b", "count")))
    )
    other = TableSchema((Column("a", "real"), Column("b", "categorical", "text", ("x", "y"))))
    with pytest.raises(InputError, match=r"column 1 should be b, count; found b \(x, y\), categorical, in d"):
        model.fit(Dataset("d", np.zeros((3, 2)), schema=other))


def test_a_table_of_numbers_may_have_any_likelihood():
    schema = TableSchema((Column("a", "real"), Column("b", "count")))
    model = mlp(
        (2,), latent_dim=1, hidden=(3,), schema=schema, likelihood="gaussian_optimal", standardize=True
    )
    assert isinstance(model.likelihood, Standardized)
