"""Topics: what a document's probability is, the prior that is nearly a Dirichlet law, and topics that are found
again.
"""

from itertools import combinations_with_replacement
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.special import digamma, polygamma, softmax

from scratchvae import VAE, evaluation, mlp, ops
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import Linear, Topics, cast
from scratchvae.likelihoods import Multinomial
from scratchvae.objectives import closed_form_kl
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import LogisticNormal
from scratchvae.runs.metrics import has_topics, mean_coherence

RNG = np.random.default_rng(11)
ALPHA = np.array([0.4, 1.3, 2.2, 0.9])


# the prior
def moments(alpha):
    (mean, log_var), _ = LogisticNormal(len(alpha), tuple(alpha)).mean_and_log_var(np.zeros((1, len(alpha))))
    return mean[0], np.exp(log_var[0])


def test_the_mean_is_the_peak_and_the_variances_its_inverse_curvature():
    """In z, the Dirichlet law is Π_k θ_k^α_k (MacKay 1998): ∇ log p = α − α₀ θ, −∇² log p = α₀ (diag θ − θ θᵀ)."""
    mean, var = moments(ALPHA)
    theta = softmax(mean)
    np.testing.assert_allclose(ALPHA - ALPHA.sum() * theta, 0, atol=1e-14)
    assert mean.sum() == pytest.approx(0, abs=1e-14)
    curvature = ALPHA.sum() * (np.diag(theta) - np.outer(theta, theta))
    np.testing.assert_allclose(var, np.diag(np.linalg.pinv(curvature)), rtol=1e-12)


def test_equal_concentrations_have_the_short_form():
    for K, alpha in ((2, 0.3), (7, 5.0)):
        mean, var = moments(np.full(K, alpha))
        np.testing.assert_allclose(mean, 0, atol=1e-15)
        np.testing.assert_allclose(var, (1 - 1 / K) / alpha, rtol=1e-14)


@pytest.mark.parametrize("scale", [30.0, 3000.0])
def test_large_concentrations_have_the_moments_of_the_logarithms_of_shares(scale):
    """ψ(α) = log α − 1/2α + O(α⁻²) and ψ′(α) = 1/α + 1/2α² + O(α⁻³) are what the approximation leaves out."""
    alpha, K = scale * ALPHA, len(ALPHA)
    mean, var = moments(alpha)
    exact_mean = digamma(alpha) - digamma(alpha).mean()
    trigamma = polygamma(1, alpha)
    exact_var = (1 - 2 / K) * trigamma + trigamma.sum() / K**2
    np.testing.assert_allclose(mean, exact_mean, atol=1 / alpha.min())
    np.testing.assert_allclose(var, exact_var, rtol=1 / alpha.min())
    n = 40_000
    shares = np.log(np.random.default_rng(0).dirichlet(alpha, n))
    drawn = shares - shares.mean(axis=1, keepdims=True)
    # five standard errors of a mean and of a variance, that of a law near a Gaussian: fails once in 10⁵
    np.testing.assert_allclose(drawn.mean(axis=0), exact_mean, atol=5 * np.sqrt(exact_var.max() / n))
    np.testing.assert_allclose(drawn.var(axis=0), exact_var, rtol=6 * np.sqrt(2 / n))


def test_the_closed_form_is_that_of_two_gaussians():
    q, p = DiagonalGaussian(4), LogisticNormal(4, tuple(ALPHA))
    q_params = RNG.normal(size=(3, 8))
    kl, _ = closed_form_kl(q, p, q_params)
    (mean, log_var), (m, tau2) = np.split(q_params, 2, axis=1), moments(ALPHA)
    z, weights = np.polynomial.hermite_e.hermegauss(3)  # exact of squares
    draws = mean[:, None] + np.exp(log_var / 2)[:, None] * z[:, None]
    log_q = stats.norm(mean[:, None], np.exp(log_var / 2)[:, None]).logpdf(draws)
    log_p = stats.norm(m, np.sqrt(tau2)).logpdf(draws)
    np.testing.assert_allclose(kl, np.einsum("k,bkd->bd", weights / weights.sum(), log_q - log_p), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1,), "there should be at least 2 latents, as the share of one is always 1; found 1"),
        ((0,), "latent_dim should be at least 1"),
        ((3, 0.0), "concentration should be above 0, found 0.0"),
        ((3, (1.0, np.nan, 1.0)), "concentration should be above 0"),
        ((3, (1.0, 2.0)), r"concentration should be one number, or 3 of them; found shape \(2,\)"),
    ],
)
def test_what_is_no_concentration_is_said(arguments, message):
    with pytest.raises(InputError, match=message):
        LogisticNormal(*arguments)


# documents
def model_of(kind, topics=2, words=3, alpha=(0.7, 1.9)):
    model = VAE(
        event_shape=(words,),
        encoder=Linear(words, 2 * topics, rng=0),
        posterior=DiagonalGaussian(topics),
        prior=LogisticNormal(topics, alpha),
        decoder=Topics(topics, words, kind=kind, rng=1),
        likelihood=Multinomial(),
    )
    cast(model, np.float64)
    model.decoder.weight.value = np.random.default_rng(4).normal(size=(topics, words), scale=1.5)
    return model


@pytest.mark.parametrize("kind", ["mixture", "product"])
def test_tiny_documents_have_the_probability_that_quadrature_gives(kind):
    """All documents of three words, of three kinds: log ∫ p(x|θ(z)) p(z) dz, written with SciPy, and their sum 1."""
    model = model_of(kind)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    (m, tau2), weights = moments(np.array([0.7, 1.9])), weights / weights.sum()
    z = m + np.sqrt(tau2) * np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel()
    w = model.decoder.weight.value
    theta = softmax(z, axis=1)
    p = theta @ softmax(w, axis=1) if kind == "mixture" else softmax(theta @ w, axis=1)
    every = [np.bincount(words, minlength=3) for words in combinations_with_replacement(range(3), 3)]
    total = 0.0
    for x in every:
        exact = np.log(mass @ stats.multinomial(3, p).pmf(x))
        batch = Batch(x[None].astype(float))
        (log_px, log_pz), _ = model.log_joint(batch, z, draws=len(z))
        log_standard = stats.norm(m, np.sqrt(tau2)).logpdf(z).sum(axis=1)
        np.testing.assert_allclose(log_pz[0], log_standard, rtol=1e-12)
        assert np.log(mass @ np.exp(log_px[0])) == pytest.approx(exact, rel=1e-12)
        assert evaluation.evidence(model, x[None].astype(float), reach=14.0, points=141).log_px[
            0
        ] == pytest.approx(exact, abs=1e-6)
        total += np.exp(exact)
    assert total == pytest.approx(1, rel=1e-12)  # the nodes' weights sum to 1, whatever else they leave out


@pytest.mark.parametrize("kind", ["mixture", "product"])
def test_a_document_of_one_topic_has_its_law(kind):
    layer = Topics(3, 6, kind=kind, rng=2)
    cast(layer, np.float64)
    y, _ = layer(np.array([[0.0, 90.0, 0.0]]))
    np.testing.assert_allclose(softmax(y[0]), layer.laws()[1], rtol=1e-12)
    assert layer.laws().sum(axis=1) == pytest.approx(1)


def test_a_mixture_is_never_surer_than_its_topics_and_a_product_may_be():
    z = RNG.normal(size=(200, 3))
    mixed, multiplied = (Topics(3, 6, kind=kind) for kind in ("mixture", "product"))
    weight = 3 * RNG.normal(size=(3, 6))
    for layer in (mixed, multiplied):
        cast(layer, np.float64)
        layer.weight.value = weight
    most = mixed.laws().max(axis=0)
    assert (np.exp(mixed(z)[0]) <= most * (1 + 1e-12)).all()
    np.testing.assert_allclose(np.exp(mixed(z)[0]).sum(axis=1), 1, rtol=1e-12)
    assert (softmax(multiplied(z)[0], axis=1) > most).any()


def test_a_mixture_of_nothing_overflows_nothing():
    y, pullback = ops.log_mixture(np.array([[1.0, 0.0]]), np.array([[-900.0, 0.0], [0.0, -900.0]]))
    assert y[0, 1] == 0
    assert y[0, 0] == pytest.approx(np.log(np.finfo(np.float64).tiny))
    for gradient in pullback(np.ones((1, 2))):
        assert np.isfinite(gradient).all()
    assert pullback(np.array([[1.0, 0.0]]))[0].tolist() == [[0.0, 0.0]]


# topics that are planted, and found
def planted(n, side, length, rng):
    """Griffiths & Steyvers 2004: each topic is a row or a column of a square of words; shares are Dirichlet(0.1)."""
    square = np.arange(side**2).reshape(side, side)
    laws = np.zeros((2 * side, side**2))
    for k, words in enumerate([*square, *square.T]):
        laws[k, words] = 1 / side
    return rng.multinomial(length, rng.dirichlet(np.full(2 * side, 0.1), n) @ laws).astype(np.float32), laws


@pytest.mark.parametrize(("kind", "least"), [("mixture", 6), ("product", 4)])
def test_planted_topics_are_found(kind, least):
    """Mixtures find all six. Products find four at least: two topics may end as one, in a local maximum."""
    x, truth = planted(800, 3, 60, np.random.default_rng(2))
    settings = {"likelihood": "multinomial", "prior": "logistic_normal(concentration=0.1)", "topics": kind}
    model = mlp(9, latent_dim=6, hidden=(50,), seed=0, **settings)
    model.fit(x, epochs=60, batch_size=40, learning_rate=1e-2, seed=0)
    laws = model.decoder.laws()
    cosines = laws @ truth.T / np.linalg.norm(laws, axis=1)[:, None] / np.linalg.norm(truth, axis=1)
    mine, theirs = linear_sum_assignment(-cosines)
    found = cosines[mine, theirs] > 0.9
    assert found.sum() >= least, cosines[mine, theirs]
    words = np.sort(evaluation.likeliest_words(laws, 3)[mine[found]], axis=1)
    np.testing.assert_array_equal(words, [np.flatnonzero(truth[k]) for k in theirs[found]])


# coherence
def test_coherence_is_the_normalized_mutual_information_of_pairs():
    x = np.array([[1, 2, 0, 1], [3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 4, 1], [1, 0, 0, 0]])
    laws = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.5, 0.3]])

    def npmi(v, w):
        p, a, b = ((x[:, v] > 0) & (x[:, w] > 0)).mean(), (x[:, v] > 0).mean(), (x[:, w] > 0).mean()
        return -1 if p == 0 else np.log(p / (a * b)) / -np.log(p)

    documents = Dataset("few", x, kind="counts")
    expected = [[npmi(0, 1)], [npmi(2, 3)]]
    np.testing.assert_allclose(evaluation.coherence(laws, documents, shown=2), np.mean(expected, axis=1))
    three = np.mean([npmi(0, 1), npmi(0, 2), npmi(1, 2)])
    np.testing.assert_allclose(evaluation.coherence(laws[:1], documents, shown=3), [three])
    assert evaluation.coherence(np.eye(2), Dataset("always", np.ones((3, 2))), shown=2).tolist() == [0, 0]
    np.testing.assert_array_equal(evaluation.likeliest_words(laws, 2), [[0, 1], [2, 3]])
    for wrong, message in (
        (
            lambda: evaluation.likeliest_words(laws, 5),
            "shown should be at most 4, the number of words; found 5",
        ),
        (lambda: evaluation.coherence(laws, documents, shown=1), "shown should be at least 2, found 1"),
        (lambda: evaluation.coherence(laws[:, :3], documents, shown=2), "counts of 3 words, found 4"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_topics_have_a_metric_and_other_decoders_have_none():
    texts = {"likelihood": "multinomial", "prior": "logistic_normal"}
    documents = Dataset("some", RNG.poisson(0.7, (40, 12)), kind="counts")

    def measured(model):
        return SimpleNamespace(run=SimpleNamespace(model=model), data=documents)

    model = mlp(12, latent_dim=3, hidden=4, topics="product", **texts)
    assert has_topics(measured(model))
    assert not has_topics(measured(mlp(12, latent_dim=3, hidden=4)))
    assert not has_topics(measured(mlp(9, latent_dim=3, hidden=4, topics="product", **texts)))
    expected = evaluation.coherence(model.decoder.laws(), documents, shown=10).mean()
    assert mean_coherence(measured(model)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"topics": "mixture"}, "topics are for counts of words, likelihood multinomial; found a Bernoulli"),
        (
            {"topics": "sum", "likelihood": "multinomial"},
            "kind should be one of mixture, product; found 'sum'",
        ),
        (
            {"topics": "product", "likelihood": "multinomial", "model": "conditional_vae", "classes": 2},
            "topics are for a model that is told nothing; found topics product beside y",
        ),
    ],
)
def test_what_no_topics_are_is_said(settings, message):
    with pytest.raises(InputError, match=message):
        mlp(5, latent_dim=2, hidden=3, **settings)
