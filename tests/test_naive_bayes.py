"""Naive Bayes: the closed form, scikit-learn and training by the library's own gradients are one; smoothing
is a prior.
"""

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB

from scratchvae import data, models
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch
from scratchvae.likelihoods import Bernoulli, GaussianPerPixel, Laplace, Multinomial
from scratchvae.models import NaiveBayes
from scratchvae.models.class_laws import beta_log_prior, dirichlet_log_prior, gaussian_log_prior
from scratchvae.models.first_term import FirstTerm

RNG = np.random.default_rng(0)
Y = np.array([7, 7, 7, 3, 3, -2, -2, -2, -2, 3] * 6)  # unsorted, unequal, and not 0, 1, 2
N, D, K = len(Y), 4, 3
REAL = RNG.normal(size=(N, D)) * [1, 2, 0.5, 1] + 0.3 * Y[:, None] * [1, 0, -1, 2]
BITS = (RNG.random((N, D)) < 0.5 + 0.03 * Y[:, None] * [1, -1, 0.5, 0]).astype(float)
COUNTS = RNG.poisson(np.exp(0.1 * Y[:, None] * [1, -1, 0, 0.5] + 0.7), (N, D))
WEIGHTS = RNG.integers(0, 4, N)
FAMILIES = {  # name: (likelihood, examples, scikit-learn's model for the same smoothing)
    "gaussian": (GaussianPerPixel, REAL, lambda smoothing: GaussianNB(var_smoothing=smoothing)),
    "bernoulli": (Bernoulli, BITS, lambda smoothing: BernoulliNB(alpha=smoothing)),
    "multinomial": (Multinomial, COUNTS, lambda smoothing: MultinomialNB(alpha=smoothing)),
}
# Both sum N numbers and some hundred logarithms of order 10, in other orders: 1e-13 of them. The Gaussians
# divide by σ² > 0.1.
ROUNDING = {"rtol": 1e-11, "atol": 1e-11}


def normalized(name, table):
    """x_params without the constant that the logits of a multinomial leave open."""
    return table - np.log(np.exp(table).sum(axis=1, keepdims=True)) if name == "multinomial" else table


def coefficient(name, x):
    """log n! / Π x_d!, which scikit-learn leaves out, and Bayes' rule cancels."""
    return (
        stats.multinomial.logpmf(x, x.sum(1), np.full(D, 1 / D)) + x.sum(1) * np.log(D)
        if name == "multinomial"
        else 0
    )


@pytest.mark.parametrize("smoothing", [None, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_scikit_learns(name, weighted, smoothing):
    likelihood, x, theirs_for = FAMILIES[name]
    weights = WEIGHTS if weighted else None
    ours = NaiveBayes(likelihood(), smoothing=smoothing)
    if name == "gaussian" and weighted:  # scikit-learn takes the largest variance without the weights
        ours.smoothing *= x.var(0).max() / np.cov(x.T, aweights=weights, bias=True).diagonal().max()
    ours.fit(x, Y, weights)
    theirs = type(theirs_for(1))() if smoothing is None else theirs_for(smoothing)  # its default
    theirs.fit(x, Y, sample_weight=weights)
    joint = theirs.predict_joint_log_proba(x) + np.reshape(coefficient(name, x), (-1, 1))
    np.testing.assert_array_equal(ours.classes, theirs.classes_)
    np.testing.assert_allclose(ours.log_joint(x), joint, **ROUNDING)
    np.testing.assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), **ROUNDING)
    np.testing.assert_allclose(ours.score_samples(x), np.logaddexp.reduce(joint, axis=1), **ROUNDING)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_training_by_gradients_arrives_at_the_closed_form(name, weighted, smoothing):
    """L-BFGS stops at gradients of 1e-9 of a mean, where curvatures are above 1e-3 (p (1 − p) n_k / N, and
    n_k / N σ²).
    """
    likelihood, x, _ = FAMILIES[name]
    weights = WEIGHTS if weighted else None
    closed = NaiveBayes(likelihood(), smoothing=smoothing).fit(x, Y, weights)
    trained = NaiveBayes(likelihood(), smoothing=smoothing, method="gradient").fit(x, Y, weights)
    table, expected = (normalized(name, model.decoder.weight.value) for model in (trained, closed))
    np.testing.assert_allclose(table, expected, atol=1e-5)
    np.testing.assert_allclose(trained.log_prior, closed.log_prior)
    assert table.dtype == np.float64


@pytest.mark.parametrize("name", FAMILIES)
def test_the_bound_is_the_joint_and_its_first_term_is_largest_at_the_closed_form(name):
    """⟨log p(x, z)⟩ = −FirstTerm + ⟨log p(z)⟩; the gradient is 0 there, and steps to any side lose."""
    likelihood, x, _ = FAMILIES[name]
    x, (classes, z) = x.astype(float), np.unique(Y, return_inverse=True)
    model = NaiveBayes(likelihood(), smoothing=0).fit(x, Y)
    objective = FirstTerm(np.ones(N), model.family, strength=np.bincount(z), smoothing=0.0)
    best, pullback = objective(model, Batch(x, z), None)
    pullback()
    assert np.abs(model.decoder.weight.grad).max() < 1e-14 * N * np.abs(x).max() ** 2 / 0.1
    joint = model.log_joint(x)[np.arange(N), z]
    np.testing.assert_allclose(best.terms["log_px"] + model.log_prior[z], joint, **ROUNDING)
    assert best.loss == pytest.approx(-(joint - model.log_prior[z]).mean(), rel=1e-12)
    table = model.decoder.weight.value
    for i in range(20):
        step = np.random.default_rng(i).normal(size=table.shape) * 0.1
        model.decoder.weight.value = table + step
        assert objective(model, Batch(x, z), None)[0].loss > best.loss
    shares = np.bincount(z) / N
    np.testing.assert_allclose(model.log_prior, np.log(shares))
    assert len(classes) == K


@pytest.mark.parametrize("name", FAMILIES)
def test_whole_weights_are_repeated_examples(name):
    likelihood, x, _ = FAMILIES[name]
    one = NaiveBayes(likelihood()).fit(x, Y, WEIGHTS)
    other = NaiveBayes(likelihood()).fit(np.repeat(x, WEIGHTS, axis=0), np.repeat(Y, WEIGHTS))
    np.testing.assert_allclose(one.decoder.weight.value, other.decoder.weight.value, **ROUNDING)
    np.testing.assert_allclose(one.log_prior, other.log_prior)


PRIORS = {
    "gaussian": (gaussian_log_prior, RNG.normal(size=(K, 2 * D))),
    "beta": (beta_log_prior, 2 * RNG.normal(size=(K, D))),
    "dirichlet": (dirichlet_log_prior, 2 * RNG.normal(size=(K, D))),
}


@pytest.mark.parametrize("name", PRIORS)
def test_gradients_of_the_priors_by_finite_differences(name):
    log_prior, x_params = PRIORS[name]
    constants = {"strength": np.array([3.0, 0.5, 2.0]), "smoothing": 0.7}
    for comparison in check_pullback(log_prior, {"x_params": x_params}, constants):
        assert comparison.ok, comparison


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_of_the_first_term_by_finite_differences(name, weighted):
    likelihood, x, _ = FAMILIES[name]
    x, z = x.astype(float), np.unique(Y, return_inverse=True)[1]
    model = NaiveBayes(likelihood(), smoothing=0.5).fit(x, Y)
    weights = WEIGHTS if weighted else np.ones(N)
    objective = FirstTerm(weights, model.family, strength=np.bincount(z, weights), smoothing=0.5)
    weight = model.decoder.weight
    start = weight.value + 0.3 * np.random.default_rng(1).normal(size=weight.value.shape)

    def loss(theta):
        weight.value = theta.reshape(start.shape)
        return objective(model, Batch(x, z), None)[0].loss

    weight.value, weight.grad = start, None
    _, pullback = objective(model, Batch(x, z), None)
    pullback()
    gradient = weight.grad.ravel()
    np.testing.assert_allclose(
        gradient, optimize.approx_fprime(start.ravel(), loss, 1e-6), atol=1e-4, rtol=1e-4
    )


def test_the_priors_are_the_densities_they_are_called_and_smoothed_frequencies_are_modes():
    """Up to a constant, log Beta(p; α + 1, α + 1) and log Dirichlet(p; α + 1, …); the posterior is highest at
    the smoothed p.
    """
    alpha, strength = 0.7, np.ones(2)
    logits = RNG.normal(size=(2, D))
    p = 1 / (1 + np.exp(-logits))
    found, _ = beta_log_prior(logits, strength=strength, smoothing=alpha)
    density = stats.beta.logpdf(p, alpha + 1, alpha + 1).sum(1)
    assert found[0] - found[1] == pytest.approx(density[0] - density[1], rel=1e-12)
    p = np.exp(normalized("multinomial", logits))
    found, _ = dirichlet_log_prior(logits, strength=strength, smoothing=alpha)
    density = np.array([stats.dirichlet.logpdf(row / row.sum(), np.full(D, alpha + 1)) for row in p])
    assert found[0] - found[1] == pytest.approx(density[0] - density[1], rel=1e-12)
    on, n = BITS[Y == 3].sum(0), (Y == 3).sum()
    mode = (on + alpha) / (n + 2 * alpha)  # of Beta(α + 1 + on, α + 1 + off): (a − 1) / (a + b − 2)
    grid = np.linspace(0.001, 0.999, 999)
    best = grid[stats.beta.logpdf(grid[:, None], alpha + 1 + on, alpha + 1 + n - on).argmax(0)]
    np.testing.assert_allclose(mode, best, atol=0.0005 + 1e-9)
    model = NaiveBayes(Bernoulli(), smoothing=alpha).fit(BITS, Y)
    np.testing.assert_allclose(1 / (1 + np.exp(-model.decoder.weight.value[1])), mode, rtol=1e-13)


def test_added_variance_is_the_best_for_x_with_a_noise_of_that_variance():
    noise = 0.4
    rows, _ = gaussian_log_prior(np.zeros((1, 2 * D)), strength=np.ones(1), smoothing=noise)
    x_params = np.concatenate([np.zeros(D), np.log([1, 2, 3, 4])])[None]
    nodes, shares = np.polynomial.hermite_e.hermegauss(5)  # exact for the square in log p
    shares = shares / shares.sum()
    loss, _ = gaussian_log_prior(x_params, strength=np.ones(1), smoothing=noise)
    noisy = sum(
        share * stats.norm.logpdf(REAL[:1] + np.sqrt(noise) * node, 0, np.sqrt([1, 2, 3, 4])).sum()
        for node, share in zip(nodes, shares, strict=True)
    )
    assert noisy - stats.norm.logpdf(REAL[:1], 0, np.sqrt([1, 2, 3, 4])).sum() == pytest.approx(
        loss[0], rel=1e-12
    )
    assert rows[0] == pytest.approx(-0.5 * noise * D)


def test_what_was_never_seen_is_impossible_without_smoothing_and_possible_with_it():
    x = np.array([[1.0, 0, 1], [0, 0, 1], [1, 1, 0], [1, 0, 0]])
    y = np.array(["a", "a", "b", "b"])
    unseen = np.array([[1.0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 1, 0]])
    for likelihood in (Bernoulli(), Multinomial()):
        model = NaiveBayes(likelihood, smoothing=0).fit(x, y)
        joint = model.log_joint(unseen)
        np.testing.assert_array_equal(np.isinf(joint)[:3], [[True, True], [False, True], [True, False]])
        assert model.predict(unseen[1:3]).tolist() == ["a", "b"]
        assert not np.isnan(joint).any()
        with pytest.raises(InputError, match=r"found p\(x\) = 0 for 1, the first at 0"):
            model.predict(unseen[:1])
        assert model.score_samples(unseen[:1]) == -np.inf
        assert np.isfinite(NaiveBayes(likelihood).fit(x, y).log_joint(unseen)).all()
    model = NaiveBayes(Bernoulli(), smoothing=0).fit(x, y)
    # p(a), and the first pixel: the rest is certain
    assert model.log_joint(unseen)[1, 0] == pytest.approx(2 * np.log(0.5))
    assert model.log_joint(unseen)[3, 1] == -np.inf  # a pixel that is always on, off


def test_a_data_set_brings_its_labels_and_its_pixels_and_images_have_means():
    digits = data.glyphs(200, characters="01", size=8, seed=0)
    model = NaiveBayes(GaussianPerPixel(), smoothing=1e-3).fit(digits)
    pixels = digits.batch(slice(None), np.float64).x
    assert model.event_shape == (1, 8, 8)
    np.testing.assert_allclose(
        model.decoder.weight.value[1, :64], pixels[digits.labels == 1].mean(0), rtol=1e-12
    )
    assert (model.predict(digits) == digits.labels).mean() > 0.9
    assert "NaiveBayes" in models.__all__


ONE_ALONE = (np.array([[1.0, 2], [3, 4], [5, 7]]), np.array([0, 0, 1]))
REFUSED = {
    "law": (lambda: NaiveBayes(Laplace()), "GaussianPerPixel, Bernoulli, Multinomial; found Laplace"),
    "method": (lambda: NaiveBayes(Bernoulli(), method="em"), "method should be one of closed_form, gradient"),
    "smoothing": (lambda: NaiveBayes(Bernoulli(), smoothing=-1), "smoothing should be at least 0, found -1"),
    "not fitted": (lambda: NaiveBayes(Bernoulli()).predict(BITS), "fit the model first"),
    "one alone": (
        lambda: NaiveBayes(GaussianPerPixel(), smoothing=0).fit(*ONE_ALONE),
        "entry 0 has variance 0 in class 1",
    ),
    "all alike": (
        lambda: NaiveBayes(GaussianPerPixel()).fit(np.ones((3, 2)), [0, 1, 1]),
        "has variance 0 in class 0",
    ),
    "no words": (
        lambda: NaiveBayes(Multinomial(), smoothing=0).fit([[0.0, 0], [1, 1]], [5, 6]),
        "class 5 has no counts: give smoothing above 0",
    ),
    "at infinity": (
        lambda: NaiveBayes(Bernoulli(), smoothing=0, method="gradient").fit([[0.0, 1], [0, 0]], [5, 5]),
        "entry 0 has probability 0 or 1 in class 5",
    ),
    "no labels": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS),
        "y should hold the class of each example, found None",
    ),
    "unknown label": (lambda: NaiveBayes(Bernoulli()).fit(BITS, np.where(Y == 3, np.nan, Y)), "found NaN"),
    "no string": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS[:2], [1, "a"]),
        "all of them strings; found int and str",
    ),
    "a label of another kind": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS[:2], np.array(["a", None], object)),
        "one kind, .*; found NoneType and str",
    ),
    "too few labels": (lambda: NaiveBayes(Bernoulli()).fit(BITS, Y[1:]), r"y should have shape \(N,\)"),
    "no weight": (lambda: NaiveBayes(Bernoulli()).fit(BITS, Y, Y != 3), "found none for class 3"),
    "a weight below 0": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS, Y, -1.0 * (Y == 3)),
        "0 or more, found -1",
    ),
    "grey beyond 1": (lambda: NaiveBayes(Bernoulli()).fit(255 * BITS, Y), r"\[0, 1\]"),
    "no counts": (lambda: NaiveBayes(Multinomial()).fit(COUNTS + 0.5, Y), "counts 0, 1, 2"),
    "one axis": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS[0], Y),
        r"found one axis, of shape \(4,\)",
    ),
    "other entries": (
        lambda: NaiveBayes(Bernoulli()).fit(BITS, Y).predict(BITS[:, 1:]),
        r"x should have shape \(N, 4\)",
    ),
    "words": (
        lambda: NaiveBayes(Bernoulli()).fit([["on", "off"]], [1]),
        "x should hold real numbers, found strings",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_fitted_is_said_in_words(case):
    call, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize(
    "y", [["a", "b"], np.array(["a", "b"], object), np.array([1, 2.5], object), [b"a", b"b"], [1, 2.5]]
)
def test_classes_may_be_any_numbers_or_any_strings(y):
    assert list(NaiveBayes(Bernoulli()).fit(BITS[:2], y).classes) == list(y)


def test_a_class_with_one_example_has_the_smoothing_as_its_variance():
    model = NaiveBayes(GaussianPerPixel(), smoothing=0.1).fit(*ONE_ALONE)
    x = ONE_ALONE[0]
    np.testing.assert_allclose(np.exp(model.decoder.weight.value[1, 2:]), 0.1 * x.var(0).max(), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(x), ONE_ALONE[1])


@pytest.mark.parametrize("value", [0.1, 1 / 3, 255.0, 1e-7, 1e6])
@pytest.mark.parametrize("n", [1, 3, 5, 6, 7, 11, 49])
def test_a_constant_entry_has_a_variance_of_exactly_0(value, n):
    """Whatever the rounding of its mean: shares of 1/n need not sum to 1."""
    x = np.concatenate([np.full((n, 1), value), [[0.0], [5.0]]])
    y = [0] * n + [1, 1]
    with pytest.raises(InputError, match="entry 0 has variance 0 in class 0"):
        NaiveBayes(GaussianPerPixel(), smoothing=0).fit(x, y)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: NaiveBayes(Bernoulli()).fit(np.ma.array(np.ones((2, 2)), mask=np.eye(2)), [0, 1]),
            "is missing",
        ),
        (
            lambda: NaiveBayes(Bernoulli()).fit(np.ones((2, 2)), [0, 1], [1e308, 1e308]),
            "should have a finite sum",
        ),
        (
            lambda: NaiveBayes(GaussianPerPixel(), method="gradient").fit(
                np.random.default_rng(0).normal(size=(60, 3)) * [1e-4, 1.0, 1e7], [0, 1] * 30
            ),
            "give columns of like units, or take 'closed_form'",
        ),
    ],
)
def test_what_would_be_a_silent_wrong_number_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()
