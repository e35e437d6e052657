"""Models and recipes: the verbs, what they accept, and that every recipe builds what it says."""

import numpy as np
import pytest
from supported import supported, takes

from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.layers import named_parameters
from scratchvae.objectives import Elbo, Iwae, SampledElbo
from scratchvae.recipes import LIKELIHOODS, PRIORS, RECIPES, convolutional, mlp
from scratchvae.training import SGD

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (20, 1, 8, 9), np.uint8)
IMAGES = BYTES / np.float32(255)


@pytest.mark.parametrize("model", ["autoencoder", "vae"])
@pytest.mark.parametrize("recipe", ["convolutional", "mlp"])
@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, "gaussian(learned=True)", "laplace(learned=True)"])
def test_every_recipe_trains_with_every_likelihood(recipe, likelihood, model):
    small = {"channels": (2, 3), "hidden": 5} if recipe == "convolutional" else {"hidden": (5,)}
    settings = {"likelihood": likelihood, "model": model, **small}
    one = RECIPES[recipe](IMAGES.shape[1:], latent_dim=2, activation="silu", **settings)
    first = {name: p.value for name, p in named_parameters(one).items()}
    images = takes(one.likelihood, IMAGES / 255)
    examples = (
        IMAGES if images else supported(likelihood, IMAGES.shape, np.random.default_rng(1)).astype(np.float32)
    )
    one.fit(examples, epochs=1, batch_size=8)
    moved = [name for name, p in named_parameters(one).items() if not np.array_equal(p.value, first[name])]
    # the last bias moves all logits alike, which changes nothing
    if (recipe, likelihood) == ("convolutional", "multinomial"):
        last = "decoder.7.bias"
        np.testing.assert_allclose(named_parameters(one)[last].grad, 0, atol=1e-4)
        moved, first = [[name for name in names if name != last] for names in (moved, first)]
    assert moved == list(first)
    z = one.transform(examples)
    assert z.shape == (20, 2)
    for images in (
        one.inverse_transform(z),
        one.reconstruct(examples),
        one.sample(20, 0),
        one.sample(20, 0, mean=False),
    ):
        assert images.shape == IMAGES.shape
        assert images.dtype == np.float32
        assert np.isfinite(images).all()
    scores = one.score_samples(examples[:3])
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("prior", sorted(PRIORS))
def test_the_default_objective_fits_the_prior(prior):
    told = {"model": "conditional_vae", "classes": 2} if prior == "conditional_gaussian" else {}
    over = {
        "autoregressive": "vq(codes=3, depth=2)",
        "codes": "vq(codes=3)",
        "one_hot": "gumbel_softmax(2, straight_through=True)",
        "concrete": "concrete(2)",
    }
    over |= {
        "product": "joint(2, straight_through=True)",
        "uniform_sphere": "von_mises_fisher",
        "hierarchical": "ladder(sizes=(1, 1))",
    }
    width = 3 if prior == "product" else 2
    told |= {"posterior": over[prior]} if prior in over else {}
    one = mlp((6,), latent_dim=width, hidden=(4,), prior=prior, **told)
    closed = prior not in ("concrete", "flow", "gaussian_mixture", "two_stage", "vamp")
    assert type(one.default_objective()) is (Elbo if closed else SampledElbo)
    one.fit(RNG.random((10, 6)), np.arange(10) % 2, epochs=1)
    assert np.isfinite(one.history[0]["train"]["bound"])


@pytest.mark.parametrize("size", [(1, 4, 4), (1, 28, 28), (3, 5, 7), (2, 13, 10), (1, 6, 31)])
def test_convolutions_mirror_images_of_any_size(size):
    one = convolutional(size, channels=(3, 4), hidden=6, latent_dim=2)
    assert one.sample(2, 0).shape == (2, *size)
    assert one.encode(np.zeros((2, *size), np.uint8)).shape == (2, 2)


def test_widths_and_parameters_are_those_of_the_recipe():
    shapes = [
        p.value.shape for p in named_parameters(mlp((1, 28, 28), hidden=(400, 300), latent_dim=20)).values()
    ]
    weights = [(784, 400), (400, 300), (300, 40), (20, 300), (300, 400), (400, 784)]
    assert [s for s in shapes if len(s) == 2] == weights
    shapes = [
        p.value.shape for p in named_parameters(convolutional((1, 28, 28))).values() if p.value.ndim > 1
    ]
    assert shapes[:4] == [(32, 1, 4, 4), (64, 32, 4, 4), (3136, 256), (256, 32)]
    assert shapes[4:] == [(16, 256), (256, 3136), (64, 32, 4, 4), (32, 1, 4, 4)]


def test_forms_of_the_same_data_give_the_same_codes():
    one = mlp(IMAGES.shape[1:], latent_dim=2, hidden=(5,))
    codes = one.encode(IMAGES)
    for form in (
        IMAGES.reshape(20, -1),
        Dataset("x", BYTES, kind="pixels"),
        IMAGES[:, 0],
        IMAGES.astype(np.float64),
    ):
        np.testing.assert_allclose(one.encode(form), codes, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(one.fit(IMAGES, epochs=1).transform(IMAGES), one.encode(IMAGES))


def test_fit_takes_its_settings():
    one = mlp((6,), latent_dim=2, hidden=(4,))
    x = RNG.random((30, 6))
    events = []
    one.fit(
        x,
        epochs=2,
        batch_size=7,
        optimizer=SGD(0.01, momentum=0.9),
        objective=Iwae(3),
        held_out=x[:5],
        binarized=True,
        callbacks=[lambda run, event: events.append(event)],
    )
    assert len(one.history) == 2
    assert events == ["start", *(["step"] * 5 + ["epoch"]) * 2, "end"]
    assert one.score(x) == pytest.approx(one.score_samples(x).mean())
    assert one.fit_transform(x, epochs=1).shape == (30, 2)


def test_a_seed_gives_the_same_samples_and_the_same_weights():
    one, other = (mlp((6,), latent_dim=2, hidden=(4,), seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.sample(3, 1), other.sample(3, 1))
    np.testing.assert_array_equal(one.sample(3, np.random.default_rng(1)), other.sample(3, 1))


ONE = mlp((6,), latent_dim=2, hidden=(4,))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ONE.fit(np.full((3, 6), 2.0)),
            r"column 0 of example 0 is 2, and Bernoulli .* numbers in \[0, 1\] only",
        ),
        (lambda: ONE.fit(np.full((3, 6), np.nan)), "every entry should be observed"),
        (lambda: ONE.fit(np.zeros((3, 5))), r"x should have shape \(N, 6\), found \(3, 5\)"),
        (lambda: ONE.fit(np.zeros((0, 6))), "at least one example"),
        (lambda: ONE.fit(np.zeros((3, 6)), epochs=0), "epochs should be at least 1, found 0"),
        (lambda: ONE.fit(np.zeros((3, 6)), held_out=np.full((1, 6), 9.0)), r"\[0, 1\]"),
        (lambda: ONE.score_samples(np.full((3, 6), -1.0)), r"\[0, 1\]"),
        (lambda: ONE.score_samples(np.zeros((3, 6)), samples=0), "samples should be at least 1"),
        (lambda: ONE.decode(np.zeros((3, 4))), "z should have shape"),
        (lambda: ONE.decode(np.full((3, 2), np.inf)), "z should be finite"),
        (
            lambda: ONE.encode(Dataset("other", np.zeros((3, 7)))),
            r"x should have shape \(N, 6\), found \(3, 7\) in other",
        ),
        (lambda: mlp((6,), activation="swish"), "activation should be one of"),
        (lambda: mlp((6,), likelihood="cauchy"), "likelihood should be one of"),
        (
            lambda: mlp((6,), prior="vampire"),
            r"prior should be one of .*; found 'vampire' \(did you mean vamp\?\)",
        ),
        (
            lambda: mlp((6,), model="gan"),
            "model should be one of autoencoder, conditional_vae, vae; found 'gan'",
        ),
        (lambda: mlp((6,), model="autoencoder", prior="vamp"), "prior should be left alone, found vamp"),
        (
            lambda: mlp((6,), model="autoencoder", posterior="full_gaussian"),
            "autoencoder has no posterior: .* found full_gauss",
        ),
        (lambda: mlp((6,), latent_dim=0), "at least 1, found 0"),
        (
            lambda: mlp((6,), latent_dim="a"),
            "mlp: latent_dim should be a whole number, at least 1; found 'a'",
        ),
        (
            lambda: mlp((6,), hidden=8.0),
            r"hidden should be a whole number, or whole numbers in parentheses, .* found 8\.0",
        ),
        (
            lambda: mlp("6"),
            r"mlp: event_shape should be a whole number, or whole numbers in parentheses, .* found '6'",
        ),
        (lambda: mlp(()), "mlp: event_shape should be one whole number or more; found none"),
        (lambda: mlp(6, seed=-1), "mlp: seed should be a whole number, at least 0; found -1"),
        (lambda: mlp(6, seed="a"), "mlp: seed should be a whole number, at least 0; found 'a'"),
        (
            lambda: ONE.sample(1, -1),
            "sample: rng should be .* a seed, which is a whole number of at least 0; found -1",
        ),
        (lambda: ONE.sample(1, 0.5), r"sample: rng should be .*; found 0\.5"),
        (lambda: ONE.sample(1, "a"), "sample: rng should be .*; found 'a'"),
        (
            lambda: ONE.score_samples(np.zeros((3, 6)), seed=-1),
            "VAE.score_samples: seed should be a whole number, .* found -1",
        ),
        (
            lambda: ONE.impute(np.zeros((3, 6)), seed=1.0),
            r"VAE.impute: seed should be a whole number, .* found 1\.0",
        ),
        (lambda: ONE.fit(np.zeros((3, 6)), seed=-1), "seed should be"),
        (lambda: ONE.decode("abc"), "z should be an array of examples; found the text"),
        (lambda: mlp((0,)), "event_shape should be at least 1, found 0"),
        (lambda: mlp((6,), model=None), "model should be a name, such as 'autoencoder'; found None"),
        (lambda: mlp((6,), activation=["relu"]), r"activation should be one of .* found \['relu'\]"),
        (
            lambda: ONE.fit(np.zeros((3, 6)), objective="elbo"),
            "objective should be an Objective, such as Elbo",
        ),
        (
            lambda: ONE.fit(np.zeros((3, 6)), optimizer="adam"),
            "optimizer should be an Optimizer, such as Adam",
        ),
        (lambda: convolutional((6,)), r"images \(C, H, W\), found shape \(6,\)"),
        (lambda: convolutional((1, 2, 9)), "at least 4 x 4 pixels, found 2 x 9"),
        (lambda: convolutional((1, 9, 9), channels=()), "at least 1"),
        (
            lambda: RECIPES.build("transformer", event_shape=(6,), seed=0),
            "one of belief_net, .*; found 'transformer'",
        ),
        (
            lambda: RECIPES.build("mlp(depth=3)", event_shape=(6,), seed=0),
            "mlp has no depth: it has latent_dim, .*",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
