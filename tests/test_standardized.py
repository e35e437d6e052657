"""Columns in units of their own: log p(x) stays one of x, what comes out is in its units, and folders know
them.
"""

import numpy as np
import pytest

from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import evidence, log_likelihood
from scratchvae.layers import Linear, cast
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    GaussianDiagonal,
    GaussianPerPixel,
    Laplace,
    LogNormal,
    Multinomial,
    Poisson,
    Standardized,
    column_moments,
)
from scratchvae.models import VAE, FactorAnalysis, ProbabilisticPCA
from scratchvae.models.linear_vae import linear_vae
from scratchvae.objectives import Elbo, sigma_points
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import convolutional, mlp
from scratchvae.runs import Run
from scratchvae.training import minimize

MEAN, SCALE = np.array([3.0, -200.0, 0.5, 1e4]), np.array([0.2, 50.0, 7.0, 900.0])
RNG = np.random.default_rng(0)
TABLE = MEAN + SCALE * (RNG.normal(size=(300, 2)) @ RNG.normal(size=(2, 4)) + 0.5 * RNG.normal(size=(300, 4)))


def test_a_linear_model_of_standardized_columns_has_the_log_p_of_factor_analysis():
    """x = z W + m + ε is x̃ = z W/s + (m − mean)/s + ε/s, so that log p̃(x̃) − Σ log s is log p(x), for any
    mean and s.
    """
    fa = FactorAnalysis(2).fit(TABLE)
    law = Standardized(
        GaussianDiagonal(fa.noise_variance / SCALE**2, min_variance=0), 4, mean=MEAN, scale=SCALE
    )
    vae = linear_vae(fa.weight / SCALE, (fa.mean - MEAN) / SCALE, fa.noise_variance / SCALE**2, law)
    law.column_mean.value, law.column_scale.value = MEAN, SCALE
    law.likelihood.log_excess.value = np.log(fa.noise_variance / SCALE**2)  # to all digits of float64
    np.testing.assert_allclose(vae.score_samples(TABLE, samples=1), fa.score_samples(TABLE), rtol=1e-10)
    np.testing.assert_allclose(vae.transform(TABLE), fa.transform(TABLE), atol=1e-10)
    np.testing.assert_allclose(vae.reconstruct(TABLE), fa.inverse_transform(fa.transform(TABLE)), rtol=1e-10)


def small_vae(law):
    vae = VAE(
        event_shape=(4,),
        encoder=Linear(4, 2, rng=0),
        posterior=DiagonalGaussian(1),
        prior=StandardGaussian(1),
        decoder=Linear(1, law.n_params((4,)), rng=1),
        likelihood=law,
    )
    cast(vae, np.float64)
    vae.encoder.weight.value *= 0.05  # so that q(z|x) lies within the grid of quadrature
    return vae


def test_the_evidence_by_quadrature_differs_by_the_jacobian_alone():
    plain, own = small_vae(Laplace(0.8)), small_vae(Standardized(Laplace(0.8), 4, mean=MEAN, scale=SCALE))
    own.likelihood.column_mean.value, own.likelihood.column_scale.value = MEAN, SCALE
    found, expected = evidence(own, TABLE[:5]), evidence(plain, ((TABLE - MEAN) / SCALE)[:5])
    np.testing.assert_allclose(found.log_px, expected.log_px - np.log(SCALE).sum(), rtol=1e-12)
    mass = np.exp(expected.log_q).sum(axis=1) * expected.grid.cell  # 1, as the grid sees it
    np.testing.assert_allclose(found.bound, expected.bound - mass * np.log(SCALE).sum(), rtol=1e-12)
    np.testing.assert_allclose(found.kl_to_posterior, expected.kl_to_posterior, atol=1e-12)


@pytest.mark.parametrize(
    "law", [Gaussian(0.7), Laplace(0.4), GaussianPerPixel()], ids=lambda law: type(law).__name__
)
def test_the_density_integrates_to_one_in_the_units_of_x(law):
    own = Standardized(law, 1, mean=[-30.0], scale=[12.5])
    grid = np.linspace(-530, 470, 400_001)[:, None]
    x_params = np.tile([0.3, -0.5][: law.n_params((1,))], (len(grid), 1))
    log_px, _ = own.log_prob(x_params, x=grid)
    # the kink of Laplace costs h²/8 times the jump of the slope, 2/(2 s²): 6e-6 · h = 0.0025
    assert np.exp(log_px).sum() * (grid[1, 0] - grid[0, 0]) == pytest.approx(1, abs=1e-6)
    mean = (np.exp(log_px) * grid[:, 0]).sum() * (grid[1, 0] - grid[0, 0])
    assert mean == pytest.approx(own.mean(x_params[:1])[0, 0], abs=1e-4)


def test_moments_are_those_of_numpy_over_what_was_observed():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1203, 5)) * [1, 1e-3, 1e6, 1, 0] + [0, 5, -1e5, 0, 0.1]
    mean, deviation = column_moments(Dataset("x", x))  # in three pieces
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(deviation[:4], x.std(axis=0)[:4], rtol=1e-10)
    assert deviation[4] == 0  # though the mean of a thousand 0.1 is not 0.1
    observed = (rng.random(x.shape) < 0.6).astype(float)
    observed[:, 3] = 0
    holes = np.where(observed != 0, x, np.nan)
    mean, deviation = column_moments(Batch(holes, observed=observed))
    kept = [0, 1, 2, 4]
    np.testing.assert_allclose(mean[kept], np.nanmean(holes[:, kept], axis=0), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(deviation[:3], np.nanstd(holes[:, :3], axis=0), rtol=1e-10)
    assert (mean[3], deviation[3], deviation[4]) == (0, 0, 0)
    law = Standardized(Gaussian(), 5)
    assert not law.measured
    law.measure(Batch(holes, observed=observed))
    assert law.measured
    np.testing.assert_array_equal(law.column_scale.value[3:], 1)
    assert law.column_mean.value[3] == 0


def test_nothing_is_said_in_units_that_nobody_has_measured():
    model = mlp((4,), latent_dim=2, hidden=(3,), likelihood="gaussian", standardize=True, seed=0)
    for call in (
        lambda: model.score_samples(TABLE),
        lambda: model.transform(TABLE),
        lambda: model.sample(2, 0),
        lambda: model.decode(np.zeros((1, 2))),
        lambda: model.impute(TABLE),
    ):
        with pytest.raises(
            InputError, match="deviations of the columns should be known; found none measured: fit the model"
        ):
            call()
    # whose last batch, of one example, is tried before anything is known
    model.fit(TABLE, epochs=1, batch_size=len(TABLE) - 1)
    assert np.isfinite(model.score(TABLE))


def test_missing_entries_add_nothing_whatever_stands_there():
    """log p of what is observed is that of a model of those columns alone, and its Jacobian is theirs."""
    observed = np.array([[1.0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]])
    x_params = np.random.default_rng(2).normal(size=(6, 4))
    law = Standardized(Gaussian(0.7), 4, mean=MEAN, scale=SCALE)
    results = []
    for hidden in (0.0, np.nan, -np.inf, 1e300):
        x = np.where(observed != 0, TABLE[:3], hidden)
        log_px, pullback = law.log_prob(x_params, x=x, observed=observed, draws=2)
        results.append((log_px, pullback(np.ones(6))))
    for log_px, dx_params in results[1:]:
        np.testing.assert_array_equal(log_px, results[0][0])
        np.testing.assert_array_equal(dx_params, results[0][1])
    for row, seen in enumerate(observed != 0):
        if seen.any():
            alone = Standardized(Gaussian(0.7), int(seen.sum()), mean=MEAN[seen], scale=SCALE[seen])
            log_px, _ = alone.log_prob(
                x_params[2 * row : 2 * row + 2, seen], x=TABLE[row : row + 1, seen], draws=2
            )
            np.testing.assert_allclose(results[0][0][2 * row : 2 * row + 2], log_px, rtol=1e-12)
    np.testing.assert_array_equal(results[0][0][4:], 0)


def test_the_encoder_sees_standardized_columns_and_the_mean_for_what_is_missing():
    vae = small_vae(Standardized(Gaussian(), 4, mean=MEAN, scale=SCALE))
    observed = np.tile([1.0, 0, 1, 1], (5, 1))
    x = np.where(observed != 0, TABLE[:5], np.nan)
    expected = np.where(observed != 0, (TABLE[:5] - MEAN) / SCALE, 0)
    # s is kept in float32
    np.testing.assert_allclose(vae.seen(Batch(x, observed=observed)), expected, atol=1e-5)
    shown = np.where(observed != 0, 0.0, x)
    seen = vae.seen(Batch(TABLE[:5], observed=observed, shown=shown))
    np.testing.assert_allclose(seen[:, 2], -0.5 / 7)


@pytest.mark.parametrize(
    ("law", "columns"),
    [
        (Bernoulli(), 4),
        (Categorical(3), 4),
        (LogNormal(4), 4),  # of any number above 0
        (Multinomial(), 4),
        (Poisson(), 4),
        (Standardized(Gaussian(), 4), 4),
    ],
    ids=lambda law: type(law).__name__,
)
def test_only_real_values_have_units(law, columns):
    with pytest.raises(InputError, match=f"should be one of real values, .* found a {type(law).__name__}"):
        Standardized(law, columns)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Standardized(Gaussian(), 3, scale=[1, 0, 1]),
            "every scale should be positive and finite, found 0",
        ),
        (lambda: Standardized(Gaussian(), 3, scale=[1, 2]), r"scale should have shape \(3,\), found \(2,\)"),
        (lambda: Standardized(Gaussian(), 3, mean=[1, np.nan, 2]), "mean should be finite"),
        (lambda: Standardized(Gaussian(), 3).n_params((4,)), "a column for each entry, D = 4; found 3"),
        (lambda: Standardized(Gaussian(), 3).standardize(np.ones((2, 4))), r"x should have shape \(B, 3\)"),
        (
            lambda: Standardized(Gaussian(), 1).measure(Dataset("x", [[1e6], [1e6 + 1.0]])),
            "float32, whose steps are 0.12 there",
        ),
        (
            lambda: Standardized(Gaussian(), 1).measure(Dataset("x", [[1e-60], [2e-60]])),
            "standard deviation 5e-61",
        ),
        (lambda: mlp((3,), standardize=True), "found a Bernoulli"),
    ],
)
def test_what_cannot_be_standardized_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_what_float32_cannot_tell_apart_float64_can():
    law = Standardized(Gaussian(), 1)
    cast(law, np.float64)
    law.measure(Dataset("x", np.array([[1e6], [1e6 + 1.0]])))
    np.testing.assert_allclose(law.standardize(np.array([[1e6]])), [[-1.0]])


def table_vae(**settings):
    settings = {"likelihood": "gaussian_optimal", "standardize": True, **settings}
    return mlp((4,), latent_dim=2, hidden=(16,), seed=1, **settings)


@pytest.mark.parametrize("kind", ["vae", "autoencoder"])
def test_fit_measures_and_everything_comes_back_in_the_units_of_the_data(kind):
    model = table_vae(model=kind).fit(TABLE, epochs=60, batch_size=50, learning_rate=1e-2)
    np.testing.assert_allclose(model.likelihood.column_mean.value, TABLE.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(model.likelihood.column_scale.value, TABLE.std(axis=0), rtol=1e-6)
    residual = (model.reconstruct(TABLE) - TABLE) / TABLE.std(axis=0)
    assert (residual.std(axis=0) < 0.8).all()
    if kind == "vae":
        drawn = model.sample(2000, 0, mean=False)
        assert (np.abs(drawn.mean(axis=0) - TABLE.mean(axis=0)) < 0.3 * TABLE.std(axis=0)).all()
        best = FactorAnalysis(2).fit(TABLE).score(TABLE)
        # nats: the same units, and nearly as good a model
        assert best - 1.5 < model.score(TABLE) < best + 0.5
    codes = model.transform(TABLE[:3])
    np.testing.assert_array_equal(model.inverse_transform(codes), model.decode(codes))


def test_a_new_fit_measures_anew_and_a_warm_start_keeps_what_the_weights_were_learned_in():
    model = table_vae().fit(TABLE, epochs=1)
    model.fit(10 * TABLE, epochs=1, warm_start=True)
    np.testing.assert_allclose(model.likelihood.column_scale.value, TABLE.std(axis=0), rtol=1e-6)
    model.fit(10 * TABLE, epochs=1)
    np.testing.assert_allclose(model.likelihood.column_scale.value, 10 * TABLE.std(axis=0), rtol=1e-6)
    fresh = table_vae().fit(10 * TABLE, epochs=1)
    np.testing.assert_array_equal(fresh.decode(np.zeros((1, 2))), model.decode(np.zeros((1, 2))))


def test_minimize_measures_too_and_finds_the_log_p_of_principal_components():
    """A linear VAE at its optimum is probabilistic PCA of the standardized columns: as good as it, less
    Σ log s.
    """
    law = Standardized(Gaussian(0.5, learned=True), 4)
    encoder, decoder = Linear(4, 4, rng=0), Linear(2, 4, rng=1)
    parts = {"posterior": DiagonalGaussian(2), "prior": StandardGaussian(2), "likelihood": law}
    vae = VAE(event_shape=(4,), encoder=encoder, decoder=decoder, **parts)
    cast(vae, np.float64)
    table = TABLE[:40]
    found = minimize(vae, Elbo(), *sigma_points(Batch(table), 2))
    np.testing.assert_allclose(law.column_scale.value, table.std(axis=0))
    standardized = (table - table.mean(axis=0)) / table.std(axis=0)
    best = ProbabilisticPCA(2).fit(standardized).score(standardized) - np.log(table.std(axis=0)).sum()
    assert -found.report.loss == pytest.approx(best, abs=1e-6)


def test_in_other_units_the_same_model_is_learned():
    """With s x instead of x the codes are the same, and log p(x) is less by Σ log s.

    Powers of 2 round nothing.
    """
    units = np.array([4.0, 0.25, 1024.0, 1.0])
    one, other = table_vae().fit(TABLE, epochs=3), table_vae().fit(TABLE * units, epochs=3)
    np.testing.assert_allclose(other.transform(TABLE * units), one.transform(TABLE), rtol=1e-5, atol=1e-6)
    scores = [
        log_likelihood(model, data, samples=100, rng=np.random.default_rng(0))  # with the same noise for both
        for model, data in ((one, Dataset("one", TABLE)), (other, Dataset("other", TABLE * units)))
    ]
    difference = scores[0] - scores[1]
    np.testing.assert_allclose(difference, np.log(units).sum(), atol=1e-4)


def test_images_too_may_be_standardized():
    images = np.random.default_rng(3).integers(0, 256, (20, 1, 8, 8), np.uint8)
    images[:, :, 0, 0] = 7  # a pixel that is always the same
    settings = {"channels": (2,), "hidden": 4, "latent_dim": 2, "likelihood": "gaussian"}
    model = convolutional((1, 8, 8), standardize=True, **settings).fit(images, epochs=1)
    assert model.likelihood.column_scale.value[0] == 1
    assert model.sample(2, 0).shape == (2, 1, 8, 8)


def test_a_folder_knows_its_units(tmp_path, capsys):
    np.save(tmp_path / "x.npy", TABLE)
    argv = [
        "train",
        "--data",
        tmp_path / "x.npy",
        "--out",
        tmp_path / "run",
        "--likelihood",
        "gaussian_optimal",
        "--standardize",
    ]
    argv += [
        "--latent-dim",
        "2",
        "--hidden",
        "8",
        "--epochs",
        "2",
        "--log-var-bounds",
        "-8",
        "6",
        "--quiet",
        "--no-figures",
        "--held-out-last",
    ]
    assert main([str(a) for a in argv]) == 0
    model = Run.open(tmp_path / "run").model
    trained_on = TABLE[:270]  # a tenth is held out, and measures nothing
    np.testing.assert_allclose(model.likelihood.column_mean.value, trained_on.mean(axis=0), rtol=1e-6)
    assert (model.encoder.layers[-1].low, model.encoder.layers[-1].high) == (-8, 6)
    for epochs in ("3", "4"):
        assert (
            main(["train", "--resume", str(tmp_path / "run"), "--epochs", epochs, "--quiet", "--no-figures"])
            == 0
        )
    again = [str(a) for a in argv]
    again[again.index(str(tmp_path / "run"))] = str(tmp_path / "whole")
    again[again.index("--epochs") + 1] = "4"
    assert main(again) == 0
    whole, resumed = Run.open(tmp_path / "whole").model, Run.open(tmp_path / "run").model
    np.testing.assert_array_equal(whole.reconstruct(TABLE), resumed.reconstruct(TABLE))
    (tmp_path / "x.npy").unlink()  # the folder holds its own units, not the data
    np.testing.assert_array_equal(
        Run.open(tmp_path / "run").model.reconstruct(TABLE), resumed.reconstruct(TABLE)
    )
    assert main(["sample", str(tmp_path / "run"), "-n", "3", "--out", str(tmp_path / "drawn.npy")]) == 0
    drawn = np.load(tmp_path / "drawn.npy")
    assert (np.abs(drawn - TABLE.mean(axis=0)) < 6 * TABLE.std(axis=0)).all()
    capsys.readouterr()
