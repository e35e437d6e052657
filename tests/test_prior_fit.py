"""A mixture fitted to codes: expectation maximization beside its own definition, scikit-learn, and a law that
is known.
"""

import numpy as np
import pytest

from scratchvae import VAE, Autoencoder, ConditionalVAE, mlp
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.distributions import mixture
from scratchvae.models import fit_prior
from scratchvae.priors import GaussianMixture, fit_mixture
from scratchvae.priors.mixture_fit import _first_means

RNG = np.random.default_rng(0)
K = 3
CENTRES = np.array([[0, 0], [5, 1], [-4, 3]], float)
Z = np.repeat(CENTRES, (60, 90, 30), axis=0) + RNG.normal(size=(180, 2)) * [[0.5, 1.0]]


def step_by_definition(z, shares, means, variances):
    """One step of EM from the shares of each component in each code."""
    log_joint = np.log(shares) - 0.5 * (
        ((z[:, None] - means) ** 2 / variances) + np.log(2 * np.pi * variances)
    ).sum(2)
    log_pz = np.logaddexp.reduce(log_joint, axis=1)
    r = np.exp(log_joint - log_pz[:, None])
    counts = r.sum(0)
    new = r.T @ z / counts[:, None]
    spread = np.einsum("nk,nkd->kd", r, (z[:, None] - new) ** 2) / counts[:, None]
    return log_pz.mean(), counts / len(z), new, spread


def parts(prior):
    return np.exp(prior.logits.value), prior.means.value, np.exp(prior.log_vars.value)


def test_the_steps_are_those_of_the_definition():
    first, gained = fit_mixture(Z, K, max_steps=1)
    assert len(gained) == 1
    then, _ = fit_mixture(Z, K, max_steps=2, tolerance=0)
    start = np.full(K, 1 / K), _first_means(Z, K, np.random.default_rng(0)), np.tile(Z.var(axis=0), (K, 1))
    for before, after in ((start, first), (parts(first), then)):
        for found, expected in zip(parts(after), step_by_definition(Z, *before)[1:], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_likelihood_never_falls_and_the_centres_are_found():
    rough = RNG.normal(size=(300, 3)) ** 3  # which no mixture of five fits exactly
    for z, components in ((Z, K), (rough, 5), (rough.astype(np.float32), 20)):
        _, gained = fit_mixture(z, components, tolerance=0, max_steps=60)
        assert np.all(np.diff(gained) > -1e-12 * np.abs(gained[0]))
    found, _ = fit_mixture(Z, K)
    shares, means, _ = parts(found)
    order = np.argsort(means[:, 0])
    np.testing.assert_allclose(means[order], CENTRES[[2, 0, 1]], atol=1)  # five standard errors of 30 codes
    np.testing.assert_allclose(shares[order], [30 / 180, 60 / 180, 90 / 180], atol=0.02)
    np.testing.assert_allclose(found.log_prob(Z)[0].mean(), gained_at_end(Z), rtol=1e-6)


def gained_at_end(z):
    return fit_mixture(z, K)[1][-1]


def test_scikit_learn_finds_the_same():
    sklearn = pytest.importorskip("sklearn.mixture")
    first, _ = fit_mixture(Z, K, max_steps=1)
    shares, means, variances = parts(first)
    settings = {"covariance_type": "diag", "reg_covar": 0.0, "tol": 1e-12, "max_iter": 500}
    start = {"weights_init": shares / shares.sum(), "means_init": means, "precisions_init": 1 / variances}
    theirs = sklearn.GaussianMixture(K, **settings, **start).fit(Z)
    ours, _ = fit_mixture(Z, K, tolerance=1e-13, max_steps=500)
    shares, means, variances = parts(ours)
    # both stop where a step gains 1e-12 of a log-likelihood
    np.testing.assert_allclose(means, theirs.means_, atol=1e-4)
    np.testing.assert_allclose(variances, theirs.covariances_, atol=1e-4)
    np.testing.assert_allclose(shares, theirs.weights_, atol=1e-4)
    assert ours.log_prob(Z)[0].mean() == pytest.approx(theirs.score(Z), abs=1e-9)


def test_codes_that_are_all_equal_have_the_least_variance():
    found, gained = fit_mixture(np.full((8, 2), 3.0), 2, min_variance=0.01)
    np.testing.assert_allclose(found.log_vars.value, np.log(0.01))
    np.testing.assert_allclose(found.means.value, 3)
    assert np.isfinite(gained).all()


def test_the_first_means_are_codes_that_are_far_from_each_other():
    """None of four codes that each occur fifty times can be drawn again.

    A code is at distance 0 from its copies.
    """
    places = np.array([[0.0, 0], [1, 0], [0, 1], [7, 7]])
    for seed in range(5):
        found = _first_means(np.repeat(places, 50, axis=0), 4, np.random.default_rng(seed))
        np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(places, axis=0))


def test_codes_whose_squared_distances_are_the_least_number_are_fitted():
    """A share of the least number above 0 is rounded to all of it, and the place beyond the last is no code."""
    z = np.array([[0.0], [2e-162]])  # whose square is 5e-324
    for seed in range(8):
        found, _ = fit_mixture(z, 2, seed=seed)
        assert np.abs(found.means.value).max() <= 2e-162


def test_the_seed_decides_and_the_dtype_stays():
    same = [fit_mixture(Z.astype(np.float32), K, seed=4)[0] for _ in range(2)]
    np.testing.assert_array_equal(same[0].means.value, same[1].means.value)
    assert same[0].means.value.dtype == np.float32
    starts = [fit_mixture(Z, 2, seed=seed, max_steps=1)[0].means.value for seed in (0, 1)]
    assert not np.array_equal(*starts)


def test_an_autoencoder_samples_from_the_prior_that_was_fitted(tmp_path):
    x = (np.repeat(RNG.normal(size=(4, 9)), 25, axis=0) + 0.05 * RNG.normal(size=(100, 9))).astype(np.float32)
    model = Autoencoder(latent_dim=2, hidden=16, epochs=30, learning_rate=0.01).fit(x)
    gained = fit_prior(model, x, components=4)
    z = model.transform(x)
    assert isinstance(model.model_.prior, GaussianMixture)
    log_pz, _ = mixture.log_prob(
        z, *(part.value for part in vars(model.model_.prior).values() if hasattr(part, "value"))
    )
    assert log_pz.mean() == pytest.approx(gained[-1], abs=1e-3)
    drawn = model.sample(50, 0)
    nearest = np.linalg.norm(drawn[:, None] - x, axis=2).min(axis=1)
    model.save(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(Autoencoder.load(tmp_path / "a.safetensors").sample(50, 0), drawn)
    model.model_.prior = type(Autoencoder(latent_dim=2).fit(x, epochs=1).model_.prior)(2)
    unfitted = np.linalg.norm(model.sample(50, 0)[:, None] - x, axis=2).min(axis=1)
    assert np.median(nearest) < np.median(unfitted)


def test_the_command_line_samples_by_a_fitted_prior(tmp_path):
    np.save(tmp_path / "x.npy", RNG.random((30, 1, 4, 4)))
    run = [
        "--data",
        str(tmp_path / "x.npy"),
        "--out",
        str(tmp_path / "run"),
        "--quiet",
        "--no-figures",
        "--epochs",
        "1",
    ]
    assert main(["train", "--model", "rae-l2", "--hidden", "4", "--latent-dim", "2", *run]) == 0
    for options in ([], ["--fit-prior", "3"]):
        argv = ["sample", str(tmp_path / "run"), "-n", "5", "--out", str(tmp_path / f"{len(options)}.npy")]
        assert main([*argv, *options]) == 0
    plain, fitted = (np.load(tmp_path / f"{k}.npy") for k in (0, 2))
    assert plain.shape == fitted.shape == (5, 1, 4, 4)
    assert not np.array_equal(plain, fitted)


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda: fit_mixture(Z[:2], 3), "3 components, found 2 codes"),
        (lambda: fit_mixture(Z, 0), "components"),
        (lambda: fit_mixture(Z * np.nan, 2), "finite"),
        (lambda: fit_prior(ConditionalVAE(epochs=1).fit(Z, np.zeros(180, int)), Z), "not be told y"),
    ],
)
def test_what_can_not_be_fitted_is_refused(fit, words):
    with pytest.raises(InputError, match=words):
        fit()


PATHS = [
    ("partial_fit", "fit"),
    ("partial_fit", "partial_fit", "fit", "fit"),
    ("fit", "prior 3", "fit"),
    ("fit", "prior 3", "partial_fit", "fit"),
    ("fit", "prior 3", "partial_fit", "prior 5", "partial_fit", "fit", "partial_fit"),
    ("partial_fit", "prior 3", "partial_fit", "prior 5", "partial_fit"),
    ("partial_fit", "prior 3", "save", "partial_fit", "fit"),
]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("kind", ["mlp", "VAE", "Autoencoder"])
def test_fits_and_fitted_priors_follow_each_other_in_any_order(kind, path, tmp_path):
    """A fitted prior has Parameters of other names or shapes, and another KL, than the prior before it."""
    makers = {"VAE": VAE, "Autoencoder": Autoencoder}
    settings = {"latent_dim": 2, "hidden": 4, "likelihood": "gaussian"}
    model = mlp(2, **settings) if kind == "mlp" else makers[kind](**settings, epochs=1)
    for verb in path:
        if verb.startswith("prior"):
            fit_prior(model, Z, components=int(verb[-1]))
        elif verb == "save":
            model.save(tmp_path / "model.safetensors")
            model = type(model).load(tmp_path / "model.safetensors")
        elif verb == "fit":
            model.fit(Z, epochs=1)
        else:
            model.partial_fit(Z)
        assert np.isfinite(model.sample(2, 0)).all()
    assert np.isfinite(model.history[-1]["train"]["loss"])
