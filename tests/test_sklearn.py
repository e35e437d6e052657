"""scikit-learn's contract: its own checks of estimators, and its tools over ours:

pipelines, grids, workers, callbacks.
"""

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

from scratchvae import VAE, Autoencoder, ConditionalVAE, FactorAnalysis, mlp
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import RowNoise
from scratchvae.layers import Linear, named_parameters
from scratchvae.likelihoods import Gaussian
from scratchvae.models import ProbabilisticPCA, scikit_learn
from scratchvae.objectives import Elbo, Iwae, Ramp
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian, VampPrior
from scratchvae.training import SGD, Adam

sklearn = pytest.importorskip("sklearn", minversion="1.6")

import joblib  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils import estimator_checks, get_tags  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(90, 2))
X = 3 + Z @ RNG.normal(size=(2, 6)) * np.arange(1, 7) + 0.1 * RNG.normal(size=(90, 6))
LABELS = np.where(Z[:, 0] > 0, "right", "left")
SMALL = {"latent_dim": 2, "hidden": (4,), "epochs": 1}
ESTIMATORS = {
    "VAE": lambda: VAE(**SMALL),
    "Autoencoder": lambda: Autoencoder(**SMALL),
    "ConditionalVAE": lambda: ConditionalVAE(**SMALL),
    "FactorAnalysis": lambda: FactorAnalysis(1),
    "ProbabilisticPCA": lambda: ProbabilisticPCA(1),
}
NEEDS_SCIPYS_ARRAY_API = {"check_array_api_input"}  # skipped by scikit-learn unless SCIPY_ARRAY_API=1 is set


def ready(prior=None):
    """A model that is given its networks."""
    q, encoder = DiagonalGaussian(2), Linear(6, 4, rng=0)
    prior = prior(encoder, q) if prior else StandardGaussian(2)
    parts = {
        "encoder": encoder,
        "decoder": Linear(2, 6, rng=1),
        "posterior": q,
        "prior": prior,
        "likelihood": Gaussian(),
    }
    return VAE(event_shape=(6,), **parts)


def told(name):
    return {"y": LABELS} if name == "ConditionalVAE" else {}


DEFAULTS = {
    kind.__name__: kind for kind in (VAE, Autoencoder, ConditionalVAE, FactorAnalysis, ProbabilisticPCA)
}


@pytest.mark.parametrize("made", [ESTIMATORS, DEFAULTS], ids=["small", "default"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learns_own_checks_pass(name, made):
    with warnings.catch_warnings():
        # "does not inherit from BaseEstimator", as scikit-learn is optional here
        warnings.simplefilter("ignore")
        found = estimator_checks.check_estimator(
            made[name](), on_fail=None, on_skip=None, expected_failed_checks={}
        )
    wrong = {one["check_name"]: repr(one["exception"]) for one in found if one["status"] != "passed"}
    assert {check: wrong[check] for check in wrong.keys() - NEEDS_SCIPYS_ARRAY_API} == {}
    assert len(found) > 40


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
# which the checks provoke
@pytest.mark.filterwarnings("ignore:X (does not have|has) (valid )?feature names:UserWarning")
def test_scikit_learns_checks_of_data_frames_pass(name, library):
    pytest.importorskip(library)
    checks = [
        "check_set_output_transform",
        "check_get_feature_names_out_error",
        "check_transformer_get_feature_names_out",
    ]
    checks += [
        f"check_set_output_transform_{library}",
        {
            "pandas": "check_global_output_transform_pandas",
            "polars": "check_global_set_output_transform_polars",
        }[library],
    ]
    checks += ["check_n_features_in_after_fitting"]
    checks += [
        "check_dataframe_column_names_consistency",
        "check_transformer_get_feature_names_out_pandas",
    ] * (library == "pandas")
    for check in checks:
        getattr(estimator_checks, check)(name, ESTIMATORS[name]())


GIVEN = [
    {},
    {"latent_dim": 3, "hidden": [5, 4], "likelihood": "laplace", "beta": 0.5, "seed": 4, "epochs": 2},
    {
        "event_shape": [6],
        "posterior": "full_gaussian",
        "prior": Ramp(0, 1, 2),
        "hidden": {"no": "size"},
        "epochs": "many",
    },
    {
        "objective": Iwae(3),
        "optimizer": SGD(0.1),
        "standardize": True,
        "log_var_bounds": [-5, 5],
        "encoder": Linear(6, 4, rng=0),
    },
]


@pytest.mark.parametrize("given", GIVEN)
def test_the_constructor_keeps_what_it_is_given_and_says_nothing(given):
    model = VAE(**given)
    assert all(getattr(model, name) is value for name, value in given.items())
    params = model.get_params()
    assert params.keys() == inspect.signature(VAE).parameters.keys()
    copied = clone(model)
    assert copied is not model
    assert repr(copied) == repr(model)
    assert VAE().set_params(**given).get_params() == params


def test_a_repr_says_what_differs_from_the_defaults():
    assert repr(VAE()) == "VAE()"
    assert (
        repr(VAE(latent_dim=2, likelihood="laplace", hidden=(400,)))
        == "VAE(latent_dim=2, likelihood='laplace')"
    )
    assert repr(FactorAnalysis(3, ddof=1)) == "FactorAnalysis(latent_dim=3, ddof=1)"
    assert "encoder=Linear(weight (6, 4), bias (4,))" in repr(ready())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fit_leaves_the_parameters_and_a_clone_is_not_fitted(name):
    model = ESTIMATORS[name]()
    before = model.get_params()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.transform(X)
    model.fit(X, **told(name))
    check_is_fitted(model)
    assert all(model.get_params()[parameter] is value for parameter, value in before.items())
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(model))
    np.testing.assert_array_equal(clone(model).fit(X, **told(name)).transform(X), model.transform(X))
    assert model.n_features_in_ == 6
    assert list(model.get_feature_names_out()) == [
        f"{name.lower()}{j}" for j in range(model.transform(X).shape[1])
    ]


@pytest.mark.parametrize("fill", ["zero", "learned", "zero_and_mask"])
def test_what_fit_builds_is_the_recipe_mlp(fill):
    x = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    settings = {
        "latent_dim": 3,
        "hidden": [5, 4],
        "likelihood": "gaussian(learned=True)",
        "prior": "vamp(components=3)",
        "seed": 4,
    }
    settings |= {"fill": fill, "standardize": True, "posterior": "full_gaussian", "activation": "tanh"}
    built = VAE(**settings, epochs=2, batch_size=32, learning_rate=0.01).fit(x)
    made = mlp(6, **settings).fit(x, epochs=2, batch_size=32, learning_rate=0.01, seed=4)
    np.testing.assert_array_equal(built.transform(x), made.transform(x))
    assert (
        named_parameters(built).keys()
        == named_parameters(made).keys()
        == named_parameters(built.model_).keys()
    )
    built.fit(x)  # another fit begins anew
    np.testing.assert_array_equal(built.transform(x), made.transform(x))
    auto = Autoencoder(latent_dim=2, hidden=5, code_activation="tanh", epochs=2, batch_size=32).fit(X)
    assert np.abs(auto.transform(X)).max() < 1
    like = {"model": "autoencoder", "likelihood": "gaussian", "standardize": True}
    recipe = mlp(6, latent_dim=2, hidden=5, code_activation="tanh", **like)
    np.testing.assert_array_equal(auto.transform(X), recipe.fit(X, epochs=2, batch_size=32).transform(X))


def test_a_model_with_networks_of_its_own_trains_these_and_its_clone_starts_from_the_first_weights():
    model = ready(lambda encoder, q: VampPrior((6,), encoder, q, components=2, rng=2))
    first = model.encoder.weight.value.copy()
    fresh = clone(model.fit(X, epochs=1, seed=3))
    assert (model.encoder.weight.value != first).any()
    assert model.model_ is model
    np.testing.assert_array_equal(fresh.encoder.weight.value, first)
    assert fresh.prior.encoder is fresh.encoder is not model.encoder  # what was shared is shared
    np.testing.assert_array_equal(fresh.fit(X, epochs=1, seed=3).transform(X), model.transform(X))
    partly = VAE(
        encoder=Linear(6, 4, rng=0),
        decoder=Linear(2, 6, rng=1),
        latent_dim=2,
        epochs=1,
        seed=3,
        standardize=False,
    ).fit(X)
    np.testing.assert_array_equal(partly.transform(X), ready().fit(X, epochs=1, seed=3).transform(X))


def test_settings_of_fit_take_the_place_of_the_constructors():
    model = VAE(**SMALL, learning_rate=1e-2, batch_size=30).fit(X)
    assert len(model.history) == 1
    assert model.history[0]["step"] == 3
    assert model.history[0]["learning_rate"] == 1e-2
    assert len(model.fit(X, epochs=2, batch_size=90, optimizer=Adam(1e-4)).history) == 2
    assert model.history[0] | {"step": 1, "learning_rate": 1e-4} == model.history[0]
    again = model.transform(X)
    assert (model.fit(X, epochs=2, batch_size=90, warm_start=True).transform(X) != again).any()
    assert type(VAE(beta=Ramp(0, 2, 3)).fit(X, epochs=1).default_objective().beta) is Ramp


@pytest.mark.slow
def test_a_grid_over_a_pipeline_finds_the_better_beta(tmp_path):
    pipeline = make_pipeline(StandardScaler(), VAE(hidden=8, epochs=30, learning_rate=0.02, batch_size=30))
    grid = {"vae__beta": [0.5, 50.0], "vae__latent_dim": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X)
    assert search.best_params_ == {"vae__beta": 0.5, "vae__latent_dim": 2}
    scores = dict(
        zip(map(str, search.cv_results_["params"]), search.cv_results_["mean_test_score"], strict=True)
    )
    assert (
        scores[str({"vae__beta": 0.5, "vae__latent_dim": 2})]
        > scores[str({"vae__beta": 50.0, "vae__latent_dim": 2})] + 0.5
    )
    serial = cross_val_score(search.best_estimator_, X, cv=2)
    assert serial.mean() == search.best_score_
    joblib.dump(search.best_estimator_, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.score_samples(X), search.best_estimator_.score_samples(X))
    np.testing.assert_array_equal(
        again.inverse_transform(again.transform(X)),
        search.best_estimator_.inverse_transform(again.transform(X)),
    )


@pytest.mark.parametrize("name", ["VAE", "Autoencoder", "ConditionalVAE"])
def test_neighbours_change_no_code_that_is_seen(name):
    """Of float64 examples: ten thousand steps of float64, while float32 would be off by 1e-7."""
    model = ESTIMATORS[name]().set_params(hidden=200).fit(X, **told(name))
    order = np.random.default_rng(2).permutation(len(X))
    codes = model.transform(X)
    assert codes.dtype == np.float64
    np.testing.assert_allclose(
        model.transform(X[order]), codes[order], rtol=0, atol=2e-12 * np.abs(codes).max()
    )
    np.testing.assert_allclose(model.transform(X[:1]), codes[:1], rtol=0, atol=2e-12 * np.abs(codes).max())
    np.testing.assert_array_equal(
        model.score_samples(X[order], LABELS[order]), model.score_samples(X, LABELS)[order]
    )
    assert model.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("name", ["VAE", "ConditionalVAE"])
@pytest.mark.parametrize("verb", ["score_samples", "impute"])
def test_what_is_estimated_of_a_row_depends_on_the_row_alone(name, verb):
    x = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    y = LABELS if name == "ConditionalVAE" else None
    model = ESTIMATORS[name]().fit(x, y)
    whole = getattr(model, verb)(x, y, samples=20)
    order = np.random.default_rng(2).permutation(len(x))
    np.testing.assert_array_equal(
        getattr(model, verb)(x[order], None if y is None else y[order], samples=20), whole[order]
    )
    alone = [
        getattr(model, verb)(x[i : i + 1], None if y is None else y[i : i + 1], samples=20) for i in range(5)
    ]
    np.testing.assert_array_equal(np.concatenate(alone), whole[:5])
    twice = getattr(model, verb)(x[[7, 7]], None if y is None else y[[7, 7]], samples=20)
    np.testing.assert_array_equal(twice[0], twice[1])
    assert (getattr(model, verb)(x, y, samples=20, seed=1) != whole).any()


def test_noise_is_a_function_of_all_that_a_row_holds():
    x = np.array([[0.0, 1.0]])
    rows = [
        Batch(x),
        Batch(x + 1),
        Batch(x, y=np.array([0])),
        Batch(x, y=np.array([1])),
        Batch(x, observed=x > 0),
    ]
    first = [RowNoise(seed).of(row).random() for row in rows for seed in (0, 1)]
    assert len(set(first)) == 10
    assert [RowNoise(0).of(row).random() for row in (Batch(-x * -1), Batch(np.array([[-0.0, 1.0]])))] == [
        first[0]
    ] * 2


def test_noise_of_different_rows_is_independent():
    """With one draw the estimates scatter about their mean, and those of different rows do not scatter
    together.

    The correlation of 400 independent pairs has a standard deviation of 1/√400 = 0.05: 0.25 is five of them.
    """
    model = VAE(**SMALL).fit(X)
    pairs = np.array([model.score_samples(X[:2], samples=1, seed=seed) for seed in range(400)])
    assert pairs.std(axis=0).min() > 0.1
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.25


def test_labels_of_any_kind_and_labels_that_are_hidden():
    model = ConditionalVAE(latent_dim=2, hidden=8, epochs=80, learning_rate=0.02).fit(X / 10, LABELS)
    assert list(model.classes_) == ["left", "right"]
    np.testing.assert_array_equal(model.class_prior_, [(LABELS == "left").mean(), (LABELS == "right").mean()])
    x = X[:10] / 10
    of_class = np.stack([model.score_samples(x, np.full(10, label)) for label in model.classes_], axis=1)
    joint = of_class + np.log(model.class_prior_)
    expected = np.log(np.exp(joint - joint.max(axis=1, keepdims=True)).sum(axis=1)) + joint.max(axis=1)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-12)
    codes = np.stack([model.encode(x, label) for label in model.classes_])
    assert (model.transform(x) >= codes.min(axis=0) - 1e-5).all()  # float32 averages of numbers of order 1
    assert (model.transform(x) <= codes.max(axis=0) + 1e-5).all()
    np.testing.assert_array_equal(model.sample(3, 0, y="left"), model.sample(3, 0, y=["left"] * 3))
    assert (model.sample(3, 0, y="left") != model.sample(3, 0, y="right")).any()
    numbered = ConditionalVAE(latent_dim=2, hidden=8, epochs=1).fit(X, np.where(LABELS == "left", 7, -2))
    assert list(numbered.classes_) == [-2, 7]
    real = ConditionalVAE(latent_dim=2, hidden=8, epochs=1, condition_dim=2).fit(X, Z)
    assert real.transform(X, Z).shape == (90, 2)
    assert get_tags(real).target_tags.required


CONDITIONAL = ConditionalVAE(**SMALL)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: VAE(latent_dim=0).fit(X), "VAE: latent_dim should be at least 1, found 0"),
        (
            lambda: VAE(hidden="4").fit(X),
            "VAE: hidden should be a whole number, or whole numbers in parentheses",
        ),
        (lambda: VAE(seed=-1).fit(X), "VAE: seed should be a whole number, at least 0; found -1"),
        (lambda: VAE(likelihood="gauss").fit(X), "likelihood should be one of .*found 'gauss'"),
        (lambda: VAE(epochs=0).fit(X), "epochs should be at least 1, found 0"),
        (
            lambda: VAE(beta=4, objective=Elbo()).fit(X),
            "VAE: beta is the weight of the ELBO's KL, .* found beta 4 beside",
        ),
        (
            lambda: ready().set_params(beta=4, objective=Elbo()).fit(X),
            "VAE: beta is the weight of the ELBO's KL",
        ),
        (
            lambda: VAE(encoder="mine").fit(X),
            "VAE: encoder should be a Layer, or None to have it built; found 'mine'",
        ),
        (lambda: VAE(event_shape=5).fit(X), r"X has 6 features, but VAE is expecting 5 features as input"),
        (lambda: VAE().set_params(depth=3), "VAE: a parameter should be one of .*; found 'depth'"),
        (
            lambda: VAE().set_output(transform="list"),
            "transform should be one of default, pandas, polars; found 'list'",
        ),
        (
            lambda: VAE(**SMALL).fit(X).decode("abc"),
            "VAE.decode: z should be an array of examples; found the text 'abc'",
        ),
        (
            lambda: FactorAnalysis(1).fit(X).inverse_transform("abc"),
            "inverse_transform: z should be",
        ),
        (
            lambda: FactorAnalysis(1).fit(X).sample(2, "x"),
            "FactorAnalysis.sample: rng should be .*; found 'x'",
        ),
        (
            lambda: FactorAnalysis(1, method="em").partial_fit(X),
            "examples should be complete, for the method profile; found the method em",
        ),
        (lambda: CONDITIONAL.fit(X), "requires y to be passed, but the target y is None"),
        (lambda: CONDITIONAL.fit(X, Z), "y should be a 1d array"),
        (
            lambda: CONDITIONAL.fit(X, np.where(Z[:, 0] > 0, 1.0, np.nan)),
            "y should hold the label of each example; found NaN",
        ),
        (
            lambda: CONDITIONAL.fit(X, LABELS).sample(1, 0, y="up"),
            "one of the labels .*'left', 'right'; found .*'up'",
        ),
        (lambda: CONDITIONAL.fit(X, LABELS).score_samples(X, np.zeros(90)), "one of the labels"),
        (
            lambda: ConditionalVAE(classes=2, condition_dim=2).fit(X, LABELS),
            "one parameter should say what y is; found classes and",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize("name", ["VAE", "Autoencoder", "ConditionalVAE"])
def test_partial_fit_goes_on(name):
    model = ESTIMATORS[name]().set_params(learning_rate=0.02)
    for _ in range(2):
        for part in (slice(0, 50), slice(50, 90)):
            model.partial_fit(X[part], **({"y": LABELS[part]} if name == "ConditionalVAE" else {}))
    assert [record["step"] for record in model.history] == [1, 2, 3, 4]
    losses = [record["train"]["loss"] for record in model.history]
    assert losses[2] < losses[0]
    assert losses[3] < losses[1]
    twice = clone(model).partial_fit(X, **told(name)).partial_fit(X, **told(name))
    np.testing.assert_array_equal(
        twice.transform(X), clone(model).fit(X, epochs=2, **told(name)).transform(X)
    )


@pytest.mark.parametrize("kind", [FactorAnalysis, ProbabilisticPCA])
def test_parts_of_the_data_give_the_fit_of_all(kind):
    whole, model = kind(2, ddof=1).fit(X), kind(2, ddof=1)
    for part in (slice(0, 40), slice(40, 47), slice(47, 90)):
        model.partial_fit(X[part])
    # both maximize one likelihood of one covariance, which the parts give to some ulps; L-BFGS stops at
    # gradients of 1e-12
    np.testing.assert_allclose(model.score_samples(X), whole.score_samples(X), rtol=1e-6)
    np.testing.assert_allclose(
        model.components_, whole.components_, atol=1e-4 * np.abs(whole.components_).max()
    )
    continued = kind(2, ddof=1).fit(X[:40]).partial_fit(X[40:])
    np.testing.assert_allclose(continued.score_samples(X), whole.score_samples(X), rtol=1e-6)


def test_fitted_attributes_are_scikit_learns():
    from sklearn.decomposition import PCA
    from sklearn.decomposition import FactorAnalysis as Theirs

    theirs, ours = PCA(2).fit(X), ProbabilisticPCA(2, ddof=1).fit(X)
    assert ours.noise_variance_ == pytest.approx(theirs.noise_variance_, rel=1e-9)
    np.testing.assert_allclose(ours.mean_, theirs.mean_, rtol=1e-12)
    assert ours.components_.shape == theirs.components_.shape
    assert (
        Theirs(2).fit(X).noise_variance_.shape
        == FactorAnalysis(2, min_noise_variance=1e-3).fit(X).noise_variance_.shape
    )
    with pytest.raises(AttributeError):
        FactorAnalysis(2).components_  # noqa: B018


class Stop:
    """A callback of scikit-learn that stops after two epochs, and keeps what it was told."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        score = fitted_estimator.score(X) if context.task_name == "epoch" else None
        self.told.append((context.task_name, score))
        return context.task_id == 1


def test_scikit_learns_callbacks_are_told_of_epochs():
    pytest.importorskip("sklearn.callback")
    stop = Stop()
    model = VAE(latent_dim=2, hidden=4, epochs=5).set_callbacks(stop)
    assert len(model.fit(X).history) == 2
    scores = [told[1] for told in stop.told if told[0] == "epoch"]
    begins = ["setup", "begin fit", "begin epoch", ("epoch", scores[0]), "begin epoch", ("epoch", scores[1])]
    assert stop.told == [*begins, ("fit", None), "teardown"]
    assert scores[0] < scores[1] == model.score(X)
    stop.told.clear()
    with pytest.raises(InputError):
        model.fit(X, batch_size=-1)
    assert stop.told[-1] == "teardown"
    with pytest.raises(TypeError, match="FitCallback"):
        model.set_callbacks("stop")


def test_the_package_does_without_scikit_learn():
    code = """
import sys
import numpy as np
from scratchvae import VAE, FactorAnalysis
X = np.random.default_rng(0).normal(size=(20, 3))
VAE(hidden=4, latent_dim=2, epochs=1).fit(X).transform(X); FactorAnalysis(1).fit(X).transform(X)
assert "sklearn" not in sys.modules
sys.modules["sklearn"] = sys.modules["sklearn.exceptions"] = None
try:
    VAE().transform(X)
except ValueError as error:
    assert isinstance(error, AttributeError) and "fit the model first" in str(error)
    print(type(error).__name__)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "NotFittedError\n"


def test_what_is_raised_before_fit_can_be_sent_from_a_worker():
    import pickle

    error = scikit_learn.not_fitted("VAE")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_images_are_flat_columns_for_scikit_learn_and_images_for_us():
    small = Dataset(
        "squares", np.random.default_rng(0).integers(0, 256, (20, 1, 3, 4), np.uint8), kind="pixels"
    )
    model = VAE(latent_dim=2, hidden=4, epochs=1, likelihood="bernoulli").fit(small)
    assert model.n_features_in_ == np.prod(small.event_shape)
    assert model.sample(2, 0).shape == (2, *small.event_shape)
