"""Models that infer the classes they are not told.

M2 stands beside exact evidence, at one class, at the door, and in a run.
"""

import json
import re

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp
from scipy.stats import multivariate_normal

from scratchvae import ConditionalVAE
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset, few_labels
from scratchvae.layers import Linear, cast, named_parameters
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE, Classes
from scratchvae.objectives import Elbo, SemiSupervised, sigma_points
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.recipes import mlp
from scratchvae.reference.cases.models import B, X, Z
from scratchvae.reference.cases.semi_supervised import CLASSES, LABELS, NOISE, SHARES, semi_supervised
from scratchvae.runs import Config
from scratchvae.training import Adam, Training

RNG = np.random.default_rng(0)
N, D, C = 7, 4, 3
W = 1.3 * np.linalg.qr(RNG.normal(size=(D, Z)))[0].T  # orthogonal rows, so that q(z|x, y) is diagonal
V = RNG.normal(size=(C, D))
VARIANCE = np.exp(
    np.log(0.6).astype(np.float32).astype(np.float64)
)  # whose logarithm is a float32, as the model keeps it
P = np.array([0.5, 0.2, 0.3])
COVARIANCE = W.T @ W + VARIANCE * np.eye(D)
INVERSE = np.linalg.inv(COVARIANCE)


def linear_model():
    """x = z W + V_y + ε, with q(z|x, y) = p(z|x, y) and q(y|x) = p(y|x).

    log q(y|x) is linear in x, as all covariances are alike.
    """
    classifier = Linear(D, C, rng=0)
    classifier.weight.value = INVERSE @ V.T
    classifier.bias.value = np.log(P) - 0.5 * np.einsum("ki,ij,kj->k", V, INVERSE, V)
    encoder, decoder = Linear(D + C, 2 * Z, rng=0), Linear(Z + C, D, rng=0)
    M = VARIANCE + (W**2).sum(axis=1)
    encoder.weight.value = np.hstack([np.vstack([W.T, -V @ W.T]) / M, np.zeros((D + C, Z))])
    encoder.bias.value = np.concatenate([np.zeros(Z), np.log(VARIANCE / M)])
    decoder.weight.value, decoder.bias.value = np.vstack([W, V]), np.zeros(D)
    model = ConditionalVAE(
        event_shape=(D,),
        condition=Classes(C, P),
        encoder=encoder,
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=decoder,
        likelihood=Gaussian(VARIANCE),
        classifier=classifier,
    )
    cast(model, np.float64)
    return model


DATA = 1.5 * RNG.normal(size=(N, D))
JOINT = np.stack(
    [multivariate_normal(V[k], COVARIANCE).logpdf(DATA) + np.log(P[k]) for k in range(C)], axis=1
)


def gradients(model, pullback):
    for parameter in named_parameters(model).values():
        parameter.grad = None
    pullback()
    return {
        n: np.zeros_like(p.value) if p.grad is None else p.grad for n, p in named_parameters(model).items()
    }


# --------------------------------------------------------------------------------------- beside what is exact


@pytest.mark.parametrize("y", [np.full(N, -1), np.arange(N) % C, np.arange(N) % (C + 1) - 1])
def test_with_the_exact_posteriors_the_bound_is_the_evidence(y):
    """log p(x) = log Σ_y p(x, y) where the class is hidden, and log p(x, y) where it is known."""
    model = linear_model()
    batch, points = sigma_points(Batch(DATA, y), Z)  # which integrate the bound exactly
    report, pullback = SemiSupervised(alpha=0.0)(model, batch, np.repeat(points, C, axis=0))
    bound = report.terms["bound"].reshape(N, -1).mean(axis=1)
    exact = np.where(y < 0, logsumexp(JOINT, axis=1), JOINT[np.arange(N), y])
    np.testing.assert_allclose(bound, exact, rtol=1e-12)
    log_qy = report.terms["log_qy"].reshape(N, -1)[:, 0]
    expected = np.where(y < 0, 0, log_softmax(JOINT, axis=1)[np.arange(N), y])
    np.testing.assert_allclose(log_qy, expected, rtol=1e-11, atol=1e-12)
    if (y < 0).all():  # the bound is largest at p(y|x), and the classifier has no gradient there
        for name, gradient in gradients(model, pullback).items():
            if name.startswith("classifier"):
                np.testing.assert_allclose(gradient, 0, atol=1e-13 * N * np.abs(JOINT).max())


def test_verbs_sum_over_the_classes_and_ask_the_classifier():
    model = linear_model()
    posterior = np.exp(log_softmax(JOINT, axis=1))
    np.testing.assert_allclose(model.score_samples(DATA, samples=2), logsumexp(JOINT, axis=1), rtol=1e-11)
    np.testing.assert_allclose(model.predict_proba(DATA), posterior, rtol=1e-10)
    np.testing.assert_array_equal(model.predict(DATA), JOINT.argmax(axis=1))
    codes = [model.transform(DATA, k) for k in range(C)]
    np.testing.assert_allclose(model.transform(DATA), np.einsum("nk,knz->nz", posterior, codes), rtol=1e-10)
    np.testing.assert_array_equal(model.predict(Dataset("x", DATA, np.zeros(N, int))), JOINT.argmax(axis=1))
    model.classifier = None  # whose work Bayes' rule does by draws, each of which has the weight p(x|y) here
    np.testing.assert_allclose(model.predict_proba(DATA, samples=2), posterior, rtol=1e-10)


def test_a_bound_without_the_class_is_made_of_those_with_each():
    """Σ_y q(y|x) (bound of log p(x|y) + log p(y) − log q(y|x)), by the plain ELBO of each class."""
    model = semi_supervised()
    cast(model, np.float64)
    noise = NOISE.reshape(B, CLASSES, Z)
    each = [
        Elbo()(model, Batch(X, np.full(B, k)), noise[:, k])[0].terms["bound"] + np.log(SHARES[k])
        for k in range(CLASSES)
    ]
    log_q, _ = model.log_classes(Batch(X))
    by_hand = (np.exp(log_q) * (np.stack(each, axis=1) - log_q)).sum(axis=1)
    by_hand[1] = each[LABELS[1]][1]
    report, _ = SemiSupervised(alpha=0.7, beta=1.0)(model, Batch(X, LABELS), NOISE)
    np.testing.assert_allclose(report.terms["bound"], by_hand, rtol=1e-12)
    loss = -by_hand.mean() - 0.7 * log_q[1, LABELS[1]] / B
    assert report.loss == pytest.approx(loss, rel=1e-12)
    known, _ = SemiSupervised(alpha=0.0)(model, Batch(X, np.array([0, 2, 1])), NOISE)
    np.testing.assert_allclose(
        known.terms["bound"], [each[k][i] for i, k in enumerate([0, 2, 1])], rtol=1e-12
    )
    nothing, _ = SemiSupervised(alpha=0.0)(model, Batch(X), NOISE)  # no y says that every class is hidden
    hidden, _ = SemiSupervised(alpha=0.0)(model, Batch(X, np.full(B, -1)), NOISE)
    assert nothing.loss == hidden.loss


@pytest.mark.parametrize("label", [-1, 0])
def test_with_one_class_the_model_is_the_vae(label):
    """The two agree to rounding.

    The constant 1 behind x makes a product one column longer, and BLAS may sum that in another order.
    """
    model = semi_supervised(classes=1)
    plain = mlp((D,), latent_dim=Z, hidden=(3,), activation="tanh")
    for m in (model, plain):
        cast(m, np.float64)
    theirs, own = named_parameters(model), named_parameters(plain)
    for name, mine in own.items():
        mine.value = theirs[name].value[: len(mine.value)].copy()
    for part in ("encoder.0", "decoder.0"):
        own[f"{part}.bias"].value = own[f"{part}.bias"].value + theirs[f"{part}.weight"].value[-1]
    noise = NOISE[:B]
    one, pullback = SemiSupervised(beta=0.3)(model, Batch(X, np.full(B, label)), noise)
    other, plain_pullback = Elbo(beta=0.3)(plain, Batch(X), noise)
    assert one.loss == pytest.approx(other.loss, rel=1e-13)
    for term in ("bound", "log_px", "kl"):
        np.testing.assert_allclose(one.terms[term], other.terms[term], rtol=1e-12)
    found, expected = gradients(model, pullback), gradients(plain, plain_pullback)
    for name, gradient in found.items():
        if name.startswith("classifier"):
            assert not gradient.any()  # there is nothing to infer
        else:
            np.testing.assert_allclose(
                gradient[: len(expected[name])], expected[name], rtol=1e-10, atol=1e-13
            )


# ------------------------------------------------------------------------------------------------ at the door

SETTINGS = {"latent_dim": 2, "hidden": 8, "classifier": 8, "epochs": 2, "batch_size": 5}
MANY = RNG.normal(size=(24, D))
TRUE = np.array(["left", "right"], object)[np.arange(24) % 2]
GONE = np.arange(24) % 3 > 0


def hiding(mark):
    y = TRUE.copy()
    y[GONE] = mark
    return y


HIDDEN = {
    "None": lambda: hiding(None),
    "NaN": lambda: hiding(np.nan),
    "-1": lambda: hiding(-1),
    "a list": lambda: hiding(None).tolist(),
    "a mask": lambda: np.ma.MaskedArray(TRUE, GONE),
    "pandas": lambda: pytest.importorskip("pandas").Series(hiding(None)).astype("string"),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_a_hidden_label_may_be_said_in_many_ways(kind):
    found = ConditionalVAE(**SETTINGS).fit(MANY, HIDDEN[kind]())
    assert found.classes_.tolist() == ["left", "right"]
    np.testing.assert_allclose(found.class_prior_, [0.5, 0.5])
    numbered = np.where(GONE, -1, np.arange(24) % 2)
    other = ConditionalVAE(**SETTINGS, classes=2).fit(MANY, numbered)
    np.testing.assert_array_equal(found.predict_proba(MANY), other.predict_proba(MANY))
    assert set(found.predict(MANY)) <= {"left", "right"}
    floats = ConditionalVAE(**SETTINGS, classes=2).fit(MANY, np.where(GONE, np.nan, np.arange(24) % 2))
    np.testing.assert_array_equal(floats.predict_proba(MANY), other.predict_proba(MANY))
    assert found.fit_transform(MANY, HIDDEN[kind]()).shape == (24, 2)


def test_a_model_without_labels_in_its_held_out_data_is_judged_on_them(tmp_path):
    model = ConditionalVAE(**SETTINGS).fit(MANY, hiding(None), held_out=MANY[:5])
    assert np.isfinite([*model.history[-1]["held_out"].values()]).all()
    assert model.history[-1]["held_out"]["log_qy"] == 0
    model.save(tmp_path / "model.safetensors")
    again = ConditionalVAE.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(MANY), model.predict(MANY))
    np.testing.assert_array_equal(again.score_samples(MANY, samples=2), model.score_samples(MANY, samples=2))
    assert "classifier.0" in str(model.summary())


TOLD = ConditionalVAE(latent_dim=2, hidden=8, epochs=1)
M2 = ConditionalVAE(**{**SETTINGS, "epochs": 1}, classes=2).fit(MANY, np.arange(24) % 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: TOLD.fit(MANY, hiding(None)),
            r"NoneType, str: ConditionalVAE\(classifier=64\) learns from examples without",
        ),
        (lambda: TOLD.fit(MANY, np.where(GONE, np.nan, 1.0)), r"found NaN: ConditionalVAE\(classifier=64\)"),
        (
            lambda: TOLD.fit(MANY, np.ma.MaskedArray(TRUE, GONE)),
            "should be known, every entry of it; found 16 masked",
        ),
        (
            lambda: ConditionalVAE(classes=2).fit(MANY, np.where(GONE, -1, 1)),
            r"found -1: ConditionalVAE\(classifier=64\)",
        ),
        (
            lambda: ConditionalVAE(**SETTINGS).fit(MANY, np.full(24, -1)),
            "class of some examples at least; found none of 24",
        ),
        (lambda: ConditionalVAE(**SETTINGS).fit(MANY, None), "requires y to be passed"),
        (
            lambda: ConditionalVAE(**SETTINGS, condition_dim=4).fit(MANY, MANY),
            "classifier is for a model that is told classes",
        ),
        (
            lambda: ConditionalVAE(**SETTINGS, classes=2).fit(MANY, np.where(GONE, np.nan, 0.5)),
            "found floating numbers",
        ),
        (lambda: ConditionalVAE(**SETTINGS, classes=2).fit(MANY, np.full(24, -2)), "from 0 to 1; found -2"),
        (
            lambda: ConditionalVAE(condition_dim=4, epochs=1).fit(MANY, MANY).predict(MANY),
            "classes alone can be inferred",
        ),
        (
            lambda: M2.score_samples(MANY, np.full(24, -1)),
            "should be known here; found 1 of 1 hidden: SemiSupervised sums",
        ),
        (
            lambda: SemiSupervised().draw_noise(TOLD, 3, RNG),
            "should be a ConditionalVAE with a classifier.*ConditionalVAE without",
        ),
        (lambda: VAE(latent_dim=2, objective=SemiSupervised()).fit(MANY), "found a VAE without"),
        (lambda: SemiSupervised(alpha=-1), "alpha should be at least 0"),
        (lambda: SemiSupervised(beta=-1), "beta should be at least 0"),
        (lambda: Classes(2, [0.5, 0.6]), "2 numbers above 0 that sum to 1"),
        (lambda: Classes(2, [0, 1]), r"how often each class occurs; found \[0.0, 1.0\]"),
        (
            lambda: mlp((4,), classifier=3),
            "a classifier is for a model that is told classes; found one for another model",
        ),
        (
            lambda: mlp((4,), classifier=3, model="conditional_vae", condition_dim=2),
            "classifier is for a model that is told cl",
        ),
        (lambda: few_labels(Dataset("x", MANY), 3), "should have labels; found none in x"),
        (lambda: few_labels(Dataset("x", MANY, np.zeros(24, int)), 0), "count should be at least 1"),
    ],
)
def test_what_cannot_be_is_one_sentence(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert len(str(error.value).splitlines()) == 1


def test_a_classifier_of_another_width_is_said():
    model = linear_model()
    model.classifier = Linear(D, C + 1, rng=0)
    with pytest.raises(InputError, match="what the classifier puts out"):
        model.predict(DATA)


# -------------------------------------------------------------------------------------- few labels, and a run


def test_few_labels_are_of_each_class_as_many():
    labels = np.repeat([0, 1, 2], [2, 10, 30])
    data = Dataset("x", RNG.normal(size=(42, 3)), labels, label_names=("a", "b", "c"))
    few = few_labels(data, 11, seed=3)
    counts = [int((few.labels == k).sum()) for k in (-1, 0, 1, 2)]
    assert counts[:2] == [31, 2]
    assert sorted(counts[2:]) == [4, 5]
    kept = few.labels >= 0
    np.testing.assert_array_equal(few.labels[kept], labels[kept])
    np.testing.assert_array_equal(few_labels(data, 11, seed=3).labels, few.labels)
    assert (few_labels(data, 11, seed=4).labels != few.labels).any()
    np.testing.assert_array_equal(few_labels(data, 99).labels, labels)
    assert few.label_names == ()


def test_a_run_hides_labels_and_is_judged_by_its_accuracy(tmp_path, capsys):
    """Two clouds far apart, each of which has three labels: which cloud an example is in needs no more."""
    x = np.concatenate([RNG.normal(-3, 1, (40, 3)), RNG.normal(3, 1, (40, 3))])
    np.savez(tmp_path / "x.npz", x=x, y=np.repeat([0, 1], 40))
    argv = [
        "train",
        "--data",
        str(tmp_path / "x.npz"),
        "--model",
        "m2",
        "--labelled",
        "6",
        "--likelihood",
        "gaussian",
    ]
    argv += [
        "--hidden",
        "8",
        "--classifier",
        "8",
        "--latent-dim",
        "2",
        "--epochs",
        "20",
        "--learning-rate",
        "0.01",
    ]
    argv += ["--batch-size", "16", "--out", str(tmp_path / "run"), "--quiet", "--no-figures"]
    assert main(argv) == 0
    assert "share of classes that are right" in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["labelled"] == 6
    assert "classes=2" in config["recipe"]
    assert main(["evaluate", str(tmp_path / "run"), "--metrics", "accuracy"]) == 0
    assert float(capsys.readouterr().out.split("right")[1].split()[0]) == 1


def test_older_configs_have_no_entry_for_labels():
    assert "labelled" not in json.loads(Config(seed=1).to_json())
    assert json.loads(Config(labelled=3).to_json())["labelled"] == 3


# --------------------------------------------------------------------- labels that are not what a model is told

ROWS = RNG.normal(size=(30, 3))
LABELS_OF_30 = np.arange(30) % 3


@pytest.mark.parametrize(
    ("doors", "words"),
    [
        (
            lambda: SemiSupervised()(semi_supervised(), Batch(X, np.array([0, CLASSES, 1])), NOISE),
            f"SemiSupervised: y should be a class .* found {CLASSES}$",
        ),
        (
            lambda: ConditionalVAE(classes=2, classifier=3, epochs=1).fit(ROWS, LABELS_OF_30),
            "from 0 to 1; found 2$",
        ),
        (
            lambda: ConditionalVAE(classes=2, classifier=3, epochs=1).fit(
                ROWS, LABELS_OF_30 % 2, held_out=(ROWS, LABELS_OF_30)
            ),
            "from 0 to 1; found 2$",
        ),
        *(
            (
                lambda model=model, train=train, held_out=held_out: Training(
                    model,
                    model.phases(Adam()),
                    Dataset("seen", ROWS, train),
                    held_out=Dataset("kept", ROWS, held_out),
                    epochs=1,
                ),
                f"Training: of {name}: y should be a class .* found 2",
            )
            for model in (
                mlp(3, model="conditional_vae", classes=2, classifier=3, likelihood="gaussian"),
                mlp(3, model="conditional_vae", classes=2, likelihood="gaussian"),
            )
            for name, train, held_out in (
                ("seen", LABELS_OF_30, LABELS_OF_30 % 2),
                ("kept", LABELS_OF_30 % 2, LABELS_OF_30),
            )
        ),
    ],
)
def test_a_class_beyond_those_of_the_model_is_refused_before_the_first_step(doors, words):
    """Such a class equals none of them, and the example would count as 0 in every term."""
    with pytest.raises(InputError, match=words):
        doors()


def test_hidden_labels_do_not_take_turns_with_the_others():
    labels = np.where(np.arange(40) < 30, -1, np.arange(40) % 2)
    for count, kept in ((6, 6), (10, 10), (25, 10)):
        few = few_labels(Dataset("x", RNG.normal(size=(40, 3)), labels), count, seed=1)
        assert np.count_nonzero(few.labels >= 0) == kept
        assert abs(int((few.labels == 0).sum()) - int((few.labels == 1).sum())) <= 1


def trained(tmp_path, *options, **arrays):
    np.savez(tmp_path / "x.npz", **{"x": ROWS, **arrays})
    argv = ["train", "--data", str(tmp_path / "x.npz"), "--likelihood", "gaussian", "--hidden", "4"]
    argv += ["--epochs", "1", "--latent-dim", "2", "--out", str(tmp_path / "run"), "--quiet", "--no-figures"]
    return main([*argv, *options])


AS_M2 = ("--model", "m2", "--classifier", "3")


@pytest.mark.parametrize("held_out", ["0", "10"])
def test_a_run_is_judged_on_the_examples_whose_class_is_known(held_out, tmp_path, capsys):
    """A hidden class is no wrong answer of the classifier's, and codes and log p(x|y) need the class."""
    hidden = np.where(np.arange(30) % 2, -1, LABELS_OF_30)
    assert trained(tmp_path, *AS_M2, "--held-out", held_out, "--held-out-last", y=hidden) == 0
    capsys.readouterr()
    for split, known in (
        ("held-out", 15 if held_out == "0" else 5),
        ("train", 15 if held_out == "0" else 10),
    ):
        assert main(["evaluate", str(tmp_path / "run"), "--split", split, "--samples", "2"]) == 0
        printed = capsys.readouterr().out
        assert f"on {known} examples" in printed
        assert f"draws each of {known} examples" in printed
        assert "share of classes that are right" in printed


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        ({}, AS_M2, r"found none in x\.npz: a \.npz file holds them as labels or y, whole numbers from 0"),
        ({}, (*AS_M2, "--labelled", "3"), r"found none in x\.npz: a \.npz file holds them as labels or y"),
        ({}, ("--model", "conditional-vae"), "should be told what is known of examples; found none in x"),
        ({"y": np.full(30, -1)}, AS_M2, r"found hidden ones alone in x\.npz: .*-1 where one is hidden"),
        (
            {"y": np.full(30, -1)},
            (*AS_M2, "--classes", "3"),
            r"class of some examples .* found none among 3 of x\.npz: --held-out-last with",
        ),
        (
            {"y": LABELS_OF_30.astype(float)},
            (*AS_M2, "--labelled", "3"),
            r"found real numbers in x\.npz, which are conditions: labels are whole numbers",
        ),
        (
            {"y": np.where(LABELS_OF_30, LABELS_OF_30, np.nan)},
            AS_M2,
            "a y of floating numbers holds finite conditions, found others: labels are whole numbers",
        ),
        (
            {"y": np.array(["a", "b", "c"])[LABELS_OF_30]},
            AS_M2,
            r"found <U1 \(np\.unique\(strings, return_inverse=True\)\[1\] numbers them\)",
        ),
    ],
    ids=repr,
)
def test_labels_that_a_file_lacks_are_said_with_what_helps(arrays, options, words, tmp_path, capsys):
    assert trained(tmp_path, *options, **arrays) == 2
    said = capsys.readouterr().err
    assert re.search(words, said)
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()
