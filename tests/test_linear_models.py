"""Factor analysis and probabilistic PCA: exact, equal to scikit-learn's, true where entries are missing and
data degenerate.
"""

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.stats import multivariate_normal, norm
from sklearn import datasets, decomposition

from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.models import FactorAnalysis, ProbabilisticPCA
from scratchvae.models.likelihood_maximum import nearly_singular

RNG = np.random.default_rng(0)
MODELS = [FactorAnalysis, ProbabilisticPCA]


def factors(n, d, z, seed, noise=0.5):
    """n examples of z factors in d entries whose noise differs."""
    rng = np.random.default_rng(seed)
    scale = noise * np.linspace(0.5, 2, d)
    return (
        rng.normal(size=(n, z)) @ rng.normal(size=(z, d))
        + rng.normal(size=d)
        + scale * rng.normal(size=(n, d))
    )


def with_holes(x, share, seed=0):
    holes = np.random.default_rng(seed).random(x.shape) < share
    holes[np.arange(len(x)), np.arange(len(x)) % x.shape[1]] = False  # an entry left in every row and column
    return np.where(holes, np.nan, x)


X = factors(200, 6, 2, seed=3)
HOLED = with_holes(X, 0.3)
DATA = {
    "iris": datasets.load_iris().data,
    "wine": datasets.load_wine().data,
    "diabetes": datasets.load_diabetes().data,
    "digits": datasets.load_digits().data,
    "factors": X,
}
FEW = factors(12, 30, 3, seed=4)


def log_density(model, x):
    """scipy.stats' log-density of the observed entries of each row."""
    C = model.weight.T @ model.weight + np.diag(model.noise_variance)
    rows = [(row[o], model.mean[o], C[np.ix_(o, o)]) for row in x for o in [~np.isnan(row)]]
    return np.array([multivariate_normal.logpdf(*parts) if len(parts[0]) else 0.0 for parts in rows])


# ------------------------------------------------------------------------------------------------------------
# scikit-learn


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
@pytest.mark.parametrize("name", DATA)
def test_probabilistic_pca_is_scikit_learns_pca(name, latent_dim):
    x = DATA[name]
    ours, theirs = (
        ProbabilisticPCA(latent_dim, ddof=1).fit(x),
        decomposition.PCA(latent_dim, svd_solver="full").fit(x),
    )
    np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(
        ours.get_covariance(), theirs.get_covariance(), atol=1e-10 * np.abs(x).max() ** 2
    )
    np.testing.assert_allclose(ours.noise_variance, theirs.noise_variance_, rtol=1e-10)
    # scikit-learn divides by N − 1, we by N
    shrunk = x.mean(axis=0) + (x - x.mean(axis=0)) * np.sqrt(1 - 1 / len(x))
    theirs.fit(shrunk)
    ours = ProbabilisticPCA(latent_dim).fit(x)
    np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=1e-9, atol=1e-8)


def scikit_learns(x, latent_dim):
    """Its FactorAnalysis, started again where it stopped: rounding of a log-likelihood summed over N ends it
    1e-6 too early.
    """
    noise_variance = None
    for _ in range(60):
        model = decomposition.FactorAnalysis(
            latent_dim, tol=1e-12, max_iter=1000, svd_method="lapack", noise_variance_init=noise_variance
        ).fit(x)
        noise_variance = model.noise_variance_
    return model


@pytest.mark.filterwarnings("ignore:FactorAnalysis did not converge")
@pytest.mark.parametrize(
    ("x", "latent_dim"),
    [
        (DATA["wine"] / DATA["wine"].std(axis=0), 1),
        (DATA["wine"] / DATA["wine"].std(axis=0), 2),
        (factors(300, 8, 1, seed=5, noise=1.0), 1),
        (factors(400, 9, 2, seed=5, noise=1.0), 2),
        (factors(400, 12, 3, seed=7, noise=1.0), 3),
        (factors(1000, 20, 4, seed=5, noise=1.0), 4),
    ],
    ids=["wine 1", "wine 2", "8 of 1", "9 of 2", "12 of 3", "20 of 4"],
)
def test_factor_analysis_is_scikit_learns(x, latent_dim):
    theirs, ours = scikit_learns(x, latent_dim), FactorAnalysis(latent_dim).fit(x)
    assert ours.converged
    np.testing.assert_allclose(ours.score_samples(x), theirs.score_samples(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.noise_variance, theirs.noise_variance_, rtol=1e-6)
    np.testing.assert_allclose(ours.get_covariance(), theirs.get_covariance(), atol=1e-6 * x.var())


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_factor_analysis_is_never_worse_than_scikit_learns(name):
    theirs = decomposition.FactorAnalysis(3, tol=1e-3, max_iter=20_000, svd_method="lapack").fit(DATA[name])
    assert FactorAnalysis(3).fit(DATA[name]).score(DATA[name]) >= theirs.score(DATA[name])


# ----------------------------------------------------------------------------------------------------------
# exact quantities


@pytest.mark.parametrize("x", [X, HOLED], ids=["complete", "holed"])
@pytest.mark.parametrize("model", MODELS)
def test_log_p_is_the_gaussian_of_what_is_observed(model, x):
    fitted = model(2).fit(x)
    unseen = np.concatenate([x[:20], np.full((1, 6), np.nan)])
    np.testing.assert_allclose(
        fitted.score_samples(unseen), log_density(fitted, unseen), rtol=1e-11, atol=1e-11
    )
    assert fitted.score(x) == pytest.approx(log_density(fitted, x).mean(), rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_log_p_and_posterior_are_integrals_over_the_latent(model):
    fitted = model(1).fit(HOLED)
    mean, covariance = fitted.posterior(HOLED[:5])
    for n, row in enumerate(HOLED[:5]):
        o = ~np.isnan(row)

        def joint(z, row=row, o=o):
            log_px = norm.logpdf(
                row[o], z * fitted.weight[0, o] + fitted.mean[o], np.sqrt(fitted.noise_variance[o])
            ).sum()
            return np.exp(log_px + norm.logpdf(z))

        moments = [
            integrate.quad(lambda z, k=k: z**k * joint(z), -9, 9, epsabs=0, epsrel=1e-11, limit=200)[0]
            for k in range(3)
        ]
        assert fitted.score_samples(HOLED[n : n + 1])[0] == pytest.approx(np.log(moments[0]), rel=1e-9)
        assert mean[n, 0] == pytest.approx(moments[1] / moments[0], rel=1e-8)
        assert covariance[n, 0, 0] == pytest.approx(
            moments[2] / moments[0] - (moments[1] / moments[0]) ** 2, rel=1e-7
        )


@pytest.mark.parametrize("model", MODELS)
def test_posterior_and_imputation_are_conditionals_of_the_joint_gaussian(model):
    fitted = model(2).fit(HOLED)
    mean, covariance = fitted.posterior(HOLED)
    filled = fitted.impute(HOLED)
    W, C = fitted.weight, fitted.get_covariance()
    np.testing.assert_array_equal(fitted.transform(HOLED), mean)
    np.testing.assert_allclose(fitted.inverse_transform(mean), mean @ W + fitted.mean)
    np.testing.assert_allclose(C @ fitted.get_precision(), np.eye(6), atol=1e-11)
    for n, row in enumerate(HOLED[:20]):
        o = ~np.isnan(row)
        to_observed = np.linalg.solve(C[np.ix_(o, o)], row[o] - fitted.mean[o])
        np.testing.assert_allclose(mean[n], W[:, o] @ to_observed, atol=1e-11)
        np.testing.assert_allclose(
            covariance[n], np.eye(2) - W[:, o] @ np.linalg.solve(C[np.ix_(o, o)], W[:, o].T), atol=1e-11
        )
        np.testing.assert_allclose(
            filled[n], np.where(o, row, fitted.mean + C[:, o] @ to_observed), atol=1e-11
        )


@pytest.mark.parametrize("model", MODELS)
def test_samples_have_the_models_moments(model):
    fitted = model(2).fit(X)
    drawn = fitted.sample(100_000, 0)
    C = fitted.get_covariance()
    error = np.sqrt((np.outer(np.diag(C), np.diag(C)) + C**2) / len(drawn))
    assert (np.abs(np.cov(drawn.T) - C) < 5 * error).all()
    assert (np.abs(drawn.mean(axis=0) - fitted.mean) < 5 * np.sqrt(np.diag(C) / len(drawn))).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_weight_is_canonical(model):
    weight, noise = (fitted := model(2).fit(X)).weight, fitted.noise_variance
    metric = (weight / noise) @ weight.T
    assert metric[0, 0] > metric[1, 1] > 0
    assert abs(metric[0, 1]) < 1e-9 * metric[0, 0]
    assert all(row[np.abs(row).argmax()] > 0 for row in weight)


@pytest.mark.parametrize("method", ["first", "em"])
@pytest.mark.parametrize("model", MODELS)
def test_the_largest_entry_of_each_row_is_positive_whatever_a_decomposition_gives(model, method):
    """An eigenvector has either sign: of 24 rows, some would be of the other one by chance."""
    for seed in range(8):
        settings = {} if method == "first" else {"method": "em", "max_steps": 3, "seed": seed}
        weight = model(3, **settings).fit(factors(40, 8, 3, seed=seed)).weight
        assert all(row[np.abs(row).argmax()] > 0 for row in weight)


def test_the_search_over_noise_is_told_the_loss_and_its_slope(monkeypatch):
    """−⟨log p(x)⟩ less ½ D log 2π, at any ψ, by SciPy's density of the best W that there is; and its
    differences.
    """
    told = {}
    search = optimize.minimize

    def watched(function, start, **settings):
        told.update(function=function, start=start)
        return search(function, start, **settings)

    monkeypatch.setattr(optimize, "minimize", watched)
    fitted = FactorAnalysis(2).fit(X)
    end = np.log(fitted.noise_variance)
    loss, _ = told["function"](end)
    assert loss + 3 * np.log(2 * np.pi) == pytest.approx(-log_density(fitted, X).mean(), rel=1e-12)
    for at in (told["start"], end, end + 0.3 * np.random.default_rng(1).normal(size=6)):
        _, slope = told["function"](at)
        for d in range(6):
            h = np.zeros(6)
            h[d] = 1e-5
            difference = (told["function"](at + h)[0] - told["function"](at - h)[0]) / 2e-5
            assert slope[d] == pytest.approx(difference, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("model", MODELS)
def test_em_takes_as_many_steps_as_it_is_allowed(model, steps):
    fitted = model(2, method="em", max_steps=steps, tolerance=0).fit(X)
    assert [record["step"] for record in fitted.history] == list(range(1, steps + 1))
    assert not fitted.converged


@pytest.mark.parametrize("share", [5e-12, 2e-11])
@pytest.mark.parametrize("model", MODELS)
def test_columns_are_copies_of_each_other_to_within_1e_11_of_their_variance(model, share):
    """Two columns z + ε have a correlation of 1 less `share`, whatever their units; above 1e-11 there is a
    maximum.
    """
    one = model(1)
    one.mean = np.zeros(2)
    one.weight, one.noise_variance = np.array([[1.0, 1e3]]), share * np.array([1.0, 1e6])
    assert nearly_singular(one.weight, one.noise_variance) == (share < 1e-11)


def test_the_least_noise_is_rounding_of_the_mean_variance_or_of_each_columns():
    """1e-12 of it, where data of rank two and a floor next to nothing leave nothing else."""
    x = factors(50, 6, 2, seed=1, noise=0.0)
    variance = x.var(axis=0)
    found = ProbabilisticPCA(2, min_noise_variance=1e-300).fit(x).noise_variance
    np.testing.assert_allclose(found, 1e-12 * variance.mean(), rtol=1e-9)
    np.testing.assert_allclose(FactorAnalysis(2)._lowest_noise(x), 1e-12 * variance, rtol=1e-9)
    np.testing.assert_allclose(FactorAnalysis(2, min_noise_variance=0.5)._lowest_noise(x), 0.5)


@pytest.mark.parametrize("value", [0.1, 1e-3, 1e9 + 0.3])
@pytest.mark.parametrize("method", [None, "em"])
def test_a_constant_column_is_one_whatever_its_variance_is_rounded_to(value, method):
    """The variance of ten times 0.1 comes out as 2e-34."""
    constant = np.full((10, 3), value)
    for model, x in (
        (ProbabilisticPCA, constant),
        (FactorAnalysis, np.hstack([X[:10, :3], constant[:, :1]])),
    ):
        with pytest.raises(InputError, match="has no maximum"):
            model(1, method=method).fit(x)


# ------------------------------------------------------------------------------------------------------------
# EM


@pytest.mark.parametrize("x", [X, HOLED], ids=["complete", "holed"])
@pytest.mark.parametrize("model", MODELS)
def test_em_never_loses_likelihood(model, x):
    fitted = model(2, method="em").fit(x)
    curve = [record["log_px"] for record in fitted.history]
    assert np.diff(curve).min() > -1e-12 * abs(curve[-1])
    assert fitted.converged
    assert fitted.score(x) == pytest.approx(curve[-1], rel=1e-12)
    assert curve[0] < curve[-1] - 1
    assert not model(2, method="em", max_steps=3).fit(x).converged


@pytest.mark.parametrize("model", MODELS)
def test_em_comes_to_the_closed_form(model):
    exact, stepwise = model(2).fit(X), model(2, method="em", tolerance=1e-13, max_steps=5000).fit(X)
    np.testing.assert_allclose(stepwise.score_samples(X), exact.score_samples(X), atol=2e-5)
    np.testing.assert_allclose(stepwise.get_covariance(), exact.get_covariance(), atol=1e-5)
    np.testing.assert_allclose(stepwise.weight, exact.weight, atol=1e-4)
    assert stepwise.score(X) <= exact.score(X) + 1e-12


@pytest.mark.parametrize("model", MODELS)
def test_ddof_scales_the_covariance_of_the_maximum(model):
    for x in (X, HOLED):
        scaled = model(2, ddof=2, max_steps=50).fit(x).get_covariance()
        np.testing.assert_allclose(scaled, model(2, max_steps=50).fit(x).get_covariance() * 200 / 198)


@pytest.mark.parametrize("model", MODELS)
def test_em_with_missing_entries_comes_to_the_maximum_of_their_likelihood(model):
    x = with_holes(factors(60, 4, 1, seed=10, noise=0.8), 0.25)
    fitted = model(1, tolerance=1e-13, max_steps=5000).fit(x)
    n_noise = 4 if model is FactorAnalysis else 1

    def loss(theta):
        weight, mean, noise = theta[:4], theta[4:8], np.exp(theta[8:]) * np.ones(4)
        C = np.outer(weight, weight) + np.diag(noise)
        rows = [(row[o], mean[o], C[np.ix_(o, o)]) for row in x for o in [~np.isnan(row)]]
        return -np.mean([multivariate_normal.logpdf(*parts) for parts in rows])

    found = [fitted.weight[0], fitted.mean, np.log(fitted.noise_variance[:n_noise])]
    at = np.concatenate(found)
    assert fitted.score(x) == pytest.approx(-loss(at), rel=1e-12)
    steps = 1e-4 * np.eye(len(at))
    gradient = [(loss(at + step) - loss(at - step)) / 2e-4 for step in steps]
    assert np.abs(gradient).max() < 1e-5
    best = optimize.minimize(loss, at + 0.3, method="BFGS")
    assert fitted.score(x) >= -best.fun - 1e-8


def test_hidden_entries_are_filled_in_better_than_by_their_means():
    x = factors(500, 10, 2, seed=9, noise=0.2)
    holed = with_holes(x, 0.4)
    holes = np.isnan(holed)
    for model in MODELS:
        filled = model(2, tolerance=1e-4).fit(holed).impute(holed)
        means = np.broadcast_to(np.nanmean(holed, axis=0), x.shape)
        assert ((filled - x)[holes] ** 2).mean() < 0.1 * ((means - x)[holes] ** 2).mean()
        np.testing.assert_array_equal(filled[~holes], x[~holes])


# ----------------------------------------------------------------------------------------------------------
# degenerate inputs

CONSTANT = np.concatenate([X, np.full((200, 1), 0.1)], axis=1)
COPIED = np.concatenate([X, X[:, :1]], axis=1)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("latent_dim", [6, 9])
def test_as_many_latents_as_entries_give_the_covariance_of_the_data(model, latent_dim):
    np.testing.assert_allclose(model(latent_dim).fit(X).get_covariance(), np.cov(X.T, bias=True), atol=2e-6)
    assert model(latent_dim).fit(X).transform(X).shape == (200, latent_dim)


@pytest.mark.parametrize("method", [None, "em"])
@pytest.mark.parametrize("model", MODELS)
def test_one_example_has_a_limit_given_some_noise(model, method):
    one = X[:1]
    fitted = model(2, method=method, min_noise_variance=0.25).fit(one)
    np.testing.assert_allclose(fitted.get_covariance(), 0.25 * np.eye(6), atol=1e-12)
    np.testing.assert_allclose(fitted.mean, one[0])
    assert fitted.score(one) == pytest.approx(-0.5 * 6 * np.log(2 * np.pi * 0.25))


def test_constant_columns():
    plain = ProbabilisticPCA(2).fit(CONSTANT)
    theirs = decomposition.PCA(2).fit(CONSTANT)
    np.testing.assert_allclose(
        ProbabilisticPCA(2, ddof=1).fit(CONSTANT).score_samples(X7), theirs.score_samples(X7), atol=1e-8
    )
    assert np.abs(plain.weight[:, 6]).max() < 1e-12
    floored, without = (FactorAnalysis(2, min_noise_variance=1e-3).fit(x) for x in (CONSTANT, X))
    assert floored.noise_variance[6] == pytest.approx(1e-3)
    np.testing.assert_allclose(floored.get_covariance()[:6, :6], without.get_covariance(), atol=1e-6)
    np.testing.assert_allclose(floored.get_covariance()[6, :6], 0, atol=1e-9)


X7 = CONSTANT[:10] + 0.01


def test_copied_columns_and_few_examples_are_no_trouble_while_noise_is_left():
    for x, latent_dim in ((COPIED, 2), (X[:4], 2), (FEW, 10)):
        fitted = ProbabilisticPCA(latent_dim).fit(x)
        eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))
        assert fitted.noise_variance[0] == pytest.approx(
            eigenvalues[: x.shape[1] - latent_dim].mean(), rel=1e-9
        )
        assert np.isfinite(fitted.score(x))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("scale", "offset"), [(1e-100, 0), (1e100, 0), (1, 1e6)])
def test_units_and_offsets_change_nothing_but_the_volume(model, scale, offset):
    for x in (X, HOLED):
        plain, changed = model(2).fit(x), model(2).fit(scale * x + offset)
        volume = np.log(scale) * (~np.isnan(x)).sum(axis=1)
        np.testing.assert_allclose(
            changed.score_samples(scale * x + offset) + volume, plain.score_samples(x), atol=1e-6
        )


@pytest.mark.parametrize("method", [None, "em"])
@pytest.mark.parametrize("model", MODELS)
def test_one_entry_is_a_gaussian(model, method):
    fitted = model(2, method=method, tolerance=1e-12).fit(X[:, :1])
    assert fitted.get_covariance() == pytest.approx(X[:, :1].var(), rel=1e-5)
    assert fitted.mean == pytest.approx(X[:, 0].mean())


def test_rows_of_which_nothing_is_observed_change_nothing():
    empty = np.full((3, 6), np.nan)
    for model in MODELS:
        fitted, other = (
            model(2, max_steps=20).fit(np.concatenate([HOLED, empty])),
            model(2, max_steps=20).fit(HOLED),
        )
        np.testing.assert_allclose(fitted.score_samples(empty), 0, atol=1e-12)
        np.testing.assert_allclose(fitted.transform(empty), 0, atol=1e-12)
        np.testing.assert_allclose(fitted.impute(empty), np.tile(fitted.mean, (3, 1)))
        np.testing.assert_allclose(fitted.posterior(empty)[1], np.tile(np.eye(2), (3, 1, 1)))
        assert fitted.score(HOLED) == pytest.approx(other.score(HOLED), abs=0.05)


@pytest.mark.parametrize(
    ("model", "x", "settings"),
    [
        (FactorAnalysis, X[:1], {}),
        (ProbabilisticPCA, X[:1], {}),
        (ProbabilisticPCA, X[:1], {"method": "em"}),
        (FactorAnalysis, np.ones((9, 4)), {}),
        (ProbabilisticPCA, np.full((9, 4), 0.1), {}),
        (FactorAnalysis, CONSTANT, {}),
        (FactorAnalysis, CONSTANT, {"method": "em"}),
        (FactorAnalysis, COPIED, {}),
        (FactorAnalysis, COPIED, {"method": "em"}),
        (ProbabilisticPCA, X[:3], {"method": "em"}),
        (ProbabilisticPCA, X[:3], {}),
        (ProbabilisticPCA, np.outer(X[:, 0], np.ones(4)), {}),
        (FactorAnalysis, np.outer(X[:, 0], np.ones(4)), {}),
    ],
)
def test_data_without_a_most_likely_model_are_refused(model, x, settings):
    with pytest.raises(InputError, match="has no maximum, as noise variances fall to 0"):
        (refused := model(2, **settings)).fit(x)
    with pytest.raises(InputError, match="fit the model first"):
        refused.score(x)
    floored = model(2, **settings, min_noise_variance=0.01).fit(x)
    assert np.isfinite(floored.score(x))
    assert floored.noise_variance.min() >= 0.01 * (1 - 1e-12)


PPCA = ProbabilisticPCA(2).fit(X)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ProbabilisticPCA(0).fit(X), "latent_dim should be at least 1"),
        (
            lambda: FactorAnalysis(2, min_noise_variance=-1.0).fit(X),
            "min_noise_variance should be at least 0",
        ),
        (lambda: FactorAnalysis(2, max_steps=0).fit(X), "max_steps should be at least 1"),
        (lambda: FactorAnalysis(2, tolerance=np.nan).fit(X), "tolerance should be at least 0"),
        (lambda: FactorAnalysis(2, method="svd").fit(X), "method should be one of profile, em; found 'svd'"),
        (
            lambda: ProbabilisticPCA(2, ddof=-1).fit(X),
            r"ddof should be in 0\.\.199, below the number of examples; found -1",
        ),
        (lambda: FactorAnalysis(2, ddof=1).fit(X[:1]), "ddof should be in 0..0"),
        (
            lambda: ProbabilisticPCA(2, method="closed_form").fit(HOLED),
            "needs complete data, found NaN, which 'em' takes",
        ),
        (lambda: FactorAnalysis(2).fit(np.where(np.arange(6) == 4, np.nan, X)), "found no entry of column 4"),
        (lambda: FactorAnalysis(2).fit(np.zeros((0, 4))), "at least one example; found float64"),
        (lambda: FactorAnalysis(2).fit(np.zeros(4)), r"found float64 of shape \(4,\)"),
        (lambda: FactorAnalysis(2).fit(np.ones((5, 3), int)), "column 0, column 1, column 2 are constant"),
        (
            lambda: FactorAnalysis(2).fit(np.full((5, 3), np.inf)),
            "found 15 infinite values, the first inf in column 0",
        ),
        (
            lambda: FactorAnalysis(2).fit(1e200 * X),
            r"1e\+150 at most, .*column 0 of example 0 is -?6.*e\+200",
        ),
        (lambda: FactorAnalysis(2).score(X), "fit the model first"),
        (lambda: PPCA.score(X[:, :5]), r"x should have shape \(N, 6\), found \(200, 5\)"),
        (lambda: PPCA.inverse_transform(np.zeros((3, 4))), "z should have shape"),
        (lambda: PPCA.inverse_transform(np.full((3, 2), np.nan)), "z should be finite"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_what_is_no_use_for_y_ignores_it_and_what_would_be_told_it_refuses_it():
    """As scikit-learn's pipelines hand y on to whatever takes examples; of codes and draws no class can be
    had.
    """
    y = np.arange(len(X))
    for verb in ("transform", "score_samples", "score", "impute"):
        np.testing.assert_array_equal(getattr(PPCA, verb)(X, y), getattr(PPCA, verb)(X))
    for call in (lambda: PPCA.sample(3, y=1), lambda: PPCA.inverse_transform(np.zeros((3, 2)), y[:3])):
        with pytest.raises(
            InputError, match=r"ProbabilisticPCA\.\w+: y should be None, since the model is not told it"
        ):
            call()


def test_verbs_take_data_sets_and_float32():
    pixels = Dataset("pixels", RNG.integers(0, 256, (50, 1, 2, 3), np.uint8), kind="pixels")
    rows = pixels.batch(slice(None), np.float64).x
    for model in MODELS:
        z = model(2).fit_transform(pixels)
        np.testing.assert_array_equal(z, model(2).fit(rows).transform(rows))
        np.testing.assert_allclose(
            model(2).fit(rows.astype(np.float32)).transform(rows.astype(np.float32)), z, atol=1e-2
        )
