"""Models in files: what is saved comes back, and whatever else is in a file is refused in one sentence."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from scratchvae import VAE, Autoencoder, ConditionalVAE, FactorAnalysis, convolutional, mlp
from scratchvae.arrays import InputError
from scratchvae.layers import (
    BatchNorm,
    Layer,
    Linear,
    ReLU,
    Residual,
    Sequential,
    WeightNorm,
    named_parameters,
    save_state_dict,
)
from scratchvae.likelihoods import Gaussian
from scratchvae.models import Estimator, HelmholtzMachine, ProbabilisticPCA
from scratchvae.objectives import Elbo, Ramp
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import belief_net
from scratchvae.training import SGD, Adam, Training, save_checkpoint

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4)).astype(np.float32)
LABELS = np.array(["a", "b", "c"])[np.arange(30) % 3]
IMAGES = RNG.integers(0, 256, (6, 1, 8, 8), np.uint8)
SMALL = {"latent_dim": 2, "hidden": 3, "epochs": 1}


def network():
    """Layers within layers, some of which remember, and one that shares its weights."""
    encoder = Sequential(
        Linear(4, 5, rng=0),
        BatchNorm(5),
        Residual(Sequential(ReLU(), WeightNorm(Linear(5, 5, rng=1)))),
        Linear(5, 4, rng=2),
    )
    roles = {
        "posterior": DiagonalGaussian(2),
        "prior": StandardGaussian(2),
        "likelihood": Gaussian(learned=True),
    }
    return VAE(event_shape=(4,), encoder=encoder, decoder=Linear(2, 4, rng=3), **roles).fit(X, epochs=1)


MODELS = {
    "a VAE": lambda: (VAE(**SMALL, standardize=True, beta=Ramp(0, 1, 3), max_norm=2).fit(X), X),
    "one with an objective": lambda: (
        VAE(**SMALL, objective=Elbo(free_bits=0.1), optimizer=Adam(1e-2)).fit(X),
        X,
    ),
    "one with parts that are named": lambda: (
        VAE(
            **SMALL,
            posterior="full_gaussian",
            prior="vamp(components=3)",
            likelihood="laplace(learned=True)",
            fill="learned",
        ).fit(X),
        X,
    ),
    "networks of one's own": lambda: (network(), X),
    "a recipe's": lambda: (mlp(4, latent_dim=2, hidden=3, prior="gaussian_mixture"), np.abs(X) / 5),
    "convolutions": lambda: (
        convolutional((1, 8, 8), channels=(2,), hidden=4, latent_dim=2),
        IMAGES / np.float32(255),
    ),
    "an autoencoder": lambda: (Autoencoder(**SMALL, code_activation="leaky_relu").fit(X), X),
    "labels": lambda: (ConditionalVAE(**SMALL).fit(X, LABELS), X),
    "numbered labels": lambda: (
        ConditionalVAE(**SMALL, prior="conditional_gaussian").fit(X, np.arange(30) % 3 - 1),
        X,
    ),
    "a Helmholtz machine": lambda: (
        belief_net(4, layers=(3, 2), algorithm="reweighted_wake_sleep").fit(X > 0, epochs=1),
        X > 0,
    ),
    "factor analysis": lambda: (FactorAnalysis(1).fit(X), X),
    "probabilistic PCA": lambda: (ProbabilisticPCA(2, ddof=1).fit(X), X),
}


def described(path):
    """The metadata, whose order safetensors does not keep."""
    with safe_open(path, "numpy") as file:
        return dict(file.metadata())


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_comes_back(name, tmp_path):
    model, x = MODELS[name]()
    model.save(tmp_path / "model.safetensors")
    again = type(model).load(str(tmp_path / "model.safetensors"))
    assert repr(again) == repr(model)
    assert {k: repr(v) for k, v in again.get_params().items()} == {
        k: repr(v) for k, v in model.get_params().items()
    }
    np.testing.assert_array_equal(again.transform(x), model.transform(x))
    np.testing.assert_array_equal(again.score_samples(x), model.score_samples(x))
    np.testing.assert_array_equal(
        again.sample(3, 0, **({"y": model.classes_[0]} if hasattr(model, "classes_") else {})).shape[0], 3
    )
    assert again.history == model.history
    assert vars(again).get("n_features_in_") == vars(model).get("n_features_in_")
    again.save(tmp_path / "again.safetensors")
    assert described(tmp_path / "again.safetensors") == described(tmp_path / "model.safetensors")
    if isinstance(model, Estimator):
        assert {n: p.value.dtype for n, p in named_parameters(again).items()} == {
            n: p.value.dtype for n, p in named_parameters(model).items()
        }


def test_a_loaded_model_can_be_trained_on(tmp_path):
    model = VAE(**SMALL).fit(X)
    model.save(tmp_path / "m.safetensors")
    again = VAE.load(tmp_path / "m.safetensors")
    # from the first weights of its seed
    np.testing.assert_array_equal(again.fit(X).transform(X), model.transform(X))
    losses = [
        VAE.load(tmp_path / "m.safetensors").partial_fit(X).history[-1]["train"]["loss"] for _ in range(2)
    ]
    assert losses[0] == losses[1] < model.history[-1]["train"]["loss"] + 1
    FactorAnalysis(1).fit(X).save(tmp_path / "f.safetensors")
    loaded = FactorAnalysis.load(tmp_path / "f.safetensors")
    with pytest.raises(InputError, match="examples of the last fit are not kept"):
        loaded.partial_fit(X)


def test_columns_with_names_are_saved_with_them(tmp_path):
    class Column:
        """What a column of one has."""

        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return self.values

    class Frame:
        """What a DataFrame has."""

        columns = ("a", "b", "c", "d")
        dtypes = dict.fromkeys(columns, "float64")

        def __getitem__(self, name):
            return Column(X[:, self.columns.index(name)])

        def to_numpy(self):
            return X

    model = VAE(**SMALL).fit(Frame())
    model.save(tmp_path / "m.safetensors")
    assert list(VAE.load(tmp_path / "m.safetensors").feature_names_in_) == ["a", "b", "c", "d"]
    with pytest.warns(
        UserWarning, match="X does not have valid feature names, but VAE was fitted with feature names"
    ):
        model.transform(X)


class Own(Layer):
    """A layer that the library does not know."""

    def __call__(self, x, *, mode=None, needs_dx=True):
        return x, lambda dy: dy


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            lambda: VAE(**SMALL, beta=lambda step: 1.0).fit(X),
            "VAE.save: beta should be made of .*; found <function",
        ),
        (
            lambda: mlp(4, hidden=3).set_params(encoder=Own()),
            "VAE.save: encoder should be made of .*, a Own. state_dict keeps",
        ),
    ],
)
def test_what_can_not_be_saved_is_said(model, words, tmp_path):
    with pytest.raises(InputError, match=words):
        model().save(tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    model = mlp(4, hidden=3)
    model.encoder.layers[0].weight.value[0, 0] = np.nan
    with pytest.raises(
        InputError, match=r"every weight should be finite; found others in encoder\.layers\.0\.weight"
    ):
        model.save(tmp_path / "m.safetensors")


def changed(path, change):
    """Write the file again after change(arrays, metadata, model), the model's JSON parsed."""
    arrays = load_file(path)
    metadata = described(path)
    content = json.loads(metadata["model"])
    change(arrays, metadata, content)
    save_file(arrays, path, metadata | ({"model": json.dumps(content)} if "model" in metadata else {}))


def attributes(content, name):
    """Those of the first object of a class."""
    return next(entry["attributes"] for entry in content["objects"] if entry["class"] == name)


FAULTS = {
    "newer": (
        lambda a, m, c: m.update(version="2"),
        "of version 1, found version '2': a newer scratchvae may read it",
    ),
    "another format": (
        lambda a, m, c: m.update(format="scratchvae checkpoint"),
        "should be a saved model, .* found a scratchvae checkpoint",
    ),
    "no format": (lambda a, m, c: m.pop("format"), "found a safetensors file of another kind"),
    "no model": (lambda a, m, c: m.pop("model"), "should be JSON"),
    "no objects": (lambda a, m, c: c.pop("objects"), "objects should be a list, found nothing"),
    "a class of nobody's": (
        lambda a, m, c: c["objects"][1].update({"class": "os.system"}),
        "found an object .*os.system",
    ),
    "a function as a class": (
        lambda a, m, c: c["objects"][1].update({"class": "layers.cast"}),
        "found an object",
    ),
    "an abstract class": (
        lambda a, m, c: c["objects"][1].update({"class": "layers.Layer"}),
        "found an object",
    ),
    "a room's own import": (
        lambda a, m, c: c["objects"][1].update({"class": "models.Linear"}),
        "found an object",
    ),
    "a reference to nothing": (lambda a, m, c: c.update(top={"object": 99}), "found an entry {'object': 99}"),
    "another top": (lambda a, m, c: c.update(top=1), "should be a saved model; found none in it"),
    "an op of nobody's": (
        lambda a, m, c: attributes(c, "layers.ReLU").update(op={"op": "__builtins__"}),
        "found an entry",
    ),
    "a number that is none": (
        lambda a, m, c: attributes(c, "posteriors.DiagonalGaussian").update(latent_dim={"float": "ten"}),
        "found an entry {'float': 'ten'}",
    ),
    "an array less": (lambda a, m, c: a.pop("_built.decoder.layers.0.weight"), "found an entry {'parameter'"),
    "an array more": (
        lambda a, m, c: a.update(more=np.zeros(1)),
        "the arrays of a VAE and no other; found 'more'",
    ),
    "an array of another shape": (
        lambda a, m, c: a.update({"_built.decoder.layers.0.weight": np.zeros((3, 3), np.float32)}),
        "it does not work",
    ),
    "NaN": (
        lambda a, m, c: a["_built.decoder.layers.0.weight"].fill(np.nan),
        "every weight should be finite; found others in",
    ),
    "a Parameter that is missing": (
        lambda a, m, c: (attributes(c, "layers.Linear").pop("bias"), a.pop("_built.encoder.layers.0.bias")),
        "it does not work",
    ),
    "a text for a number": (
        lambda a, m, c: attributes(c, "posteriors.DiagonalGaussian").update(latent_dim="two"),
        "it does not work",
    ),
    "a dimension too many": (
        lambda a, m, c: attributes(c, "posteriors.DiagonalGaussian").update(latent_dim=3),
        "it does not work",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_damaged_file_is_refused_in_one_sentence(name, tmp_path):
    change, words = FAULTS[name]
    path = tmp_path / "m.safetensors"
    VAE(**SMALL).fit(X).save(path)
    changed(path, change)
    with pytest.raises(InputError, match=words) as caught:
        VAE.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    VAE(**SMALL).fit(X).save(path)
    whole = path.read_bytes()
    for content in (
        b"",
        whole[:100],
        whole[:-1],
        b"PK\x03\x04" + whole,
        whole.replace(b"objects", b"object\xff"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"m\.safetensors"):
            VAE.load(path)
    path.unlink()
    with pytest.raises(InputError, match="should be a saved model, found no such file"):
        VAE.load(path)


def test_another_class_is_named(tmp_path):
    path = tmp_path / "m.safetensors"
    FactorAnalysis(1).fit(X).save(path)
    with pytest.raises(
        InputError, match=r"holds a FactorAnalysis, which FactorAnalysis\.load reads; VAE\.load does not"
    ):
        VAE.load(path)
    ConditionalVAE(**SMALL).fit(X, LABELS).save(path)
    assert type(VAE.load(path)) is ConditionalVAE  # which is a VAE
    with pytest.raises(InputError, match=r"holds a ConditionalVAE"):
        HelmholtzMachine.load(path)
    model = mlp(4, hidden=3)
    save_state_dict(model, path)
    with pytest.raises(InputError, match="of another kind"):
        VAE.load(path)
    save_checkpoint(
        path, Training(model, model.phases(SGD(0.1)), model._dataset(np.zeros((2, 4))), epochs=1), {}
    )
    with pytest.raises(InputError, match="found a scratchvae checkpoint"):
        VAE.load(path)


def test_weights_go_to_pytorch_and_back():
    """As `nn.Linear` has them: (out, in)."""
    built, made = (
        VAE(**SMALL, seed=1, standardize=False).fit(X),
        mlp(4, latent_dim=2, hidden=3, likelihood="gaussian"),
    )
    arrays = built.to_torch_state_dict()
    assert {name: array.shape for name, array in arrays.items()} == {
        "encoder.0.weight": (3, 4),
        "encoder.0.bias": (3,),
        "encoder.2.weight": (4, 3),
        "encoder.2.bias": (4,),
        "decoder.0.weight": (3, 2),
        "decoder.0.bias": (3,),
        "decoder.2.weight": (4, 3),
        "decoder.2.bias": (4,),
        "likelihood.log_var": (1,),
    }
    np.testing.assert_array_equal(made.load_torch_state_dict(arrays).transform(X), built.transform(X))
    with pytest.raises(InputError, match=r"encoder.0.weight should have shape \(3, 4\), found \(4, 3\)"):
        made.load_torch_state_dict(arrays | {"encoder.0.weight": arrays["encoder.0.weight"].T})


def test_a_summary_has_every_layer_and_counts_every_number_once():
    model = convolutional((1, 8, 8), channels=(2,), hidden=4, latent_dim=2, prior="vamp(components=3)")
    found = model.summary()
    assert [(row.name, row.kind, row.output) for row in found.rows][:5] == [
        ("encoder.0", "Reshape", "(N, 1, 8, 8)"),
        ("encoder.1", "Conv2d", "(N, 2, 4, 4)"),
        ("encoder.2", "ReLU", "(N, 2, 4, 4)"),
        ("encoder.3", "Flatten", "(N, 32)"),
        ("encoder.4", "Linear", "(N, 4)"),
    ]
    assert (
        found.total
        == sum(p.value.size for p in named_parameters(model).values())
        == sum(row.parameters for row in found.rows)
    )
    text = str(found)
    assert text.splitlines()[0] == "VAE"
    assert text.splitlines()[-1] == f"{found.total:,} numbers are learned"
    assert "and 10 that are remembered" in str(network().summary())
    told = ConditionalVAE(**SMALL).fit(X, LABELS).summary()
    assert told.rows[0].parameters == (4 + 3) * 3 + 3
    assert [row.output for row in FactorAnalysis(1).fit(X).summary().rows] == ["(1, 4)", "(4,)", "(4,)"]
    assert belief_net(4, layers=3).summary().total == 34
