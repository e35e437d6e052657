"""Several encoders: bounds over subsets beside exact likelihoods, mixtures beside quadrature, and one modality
made from another.
"""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import trapezoid
from scipy.special import logsumexp

from scratchvae import VAE, mlp
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import Linear, MixtureOfExperts, ProductOfExperts, cast, named_parameters
from scratchvae.likelihoods import Bernoulli, Blocks, Categories, Gaussian
from scratchvae.objectives import Elbo, Iwae, SampledElbo, StratifiedElbo, SubsampledElbo
from scratchvae.posteriors import DiagonalGaussian, MixturePosterior
from scratchvae.priors import StandardGaussian
from scratchvae.runs.results import completion

SIZES, VARIANCE = (3, 2, 4), 0.3
M, D = len(SIZES), sum(SIZES)
RNG = np.random.default_rng(5)


def model_of(kind, encoders, sizes=SIZES, latent_dim=2, likelihood=None):
    posterior = (
        DiagonalGaussian(latent_dim) if kind is ProductOfExperts else MixturePosterior(latent_dim, len(sizes))
    )
    model = VAE(
        event_shape=(sum(sizes),),
        encoder=kind(*encoders, sizes=sizes),
        posterior=posterior,
        prior=StandardGaussian(latent_dim),
        decoder=Linear(latent_dim, sum(sizes), rng=7),
        likelihood=likelihood or Gaussian(VARIANCE),
        shows_mask=True,
    )
    cast(model, np.float64)
    return model


def exact(latent_dim=2):
    """x_m = z W_m + noise with orthogonal rows of W_m, and each modality's exact expert."""
    encoders = [Linear(size, 2 * latent_dim, rng=0) for size in SIZES]
    model = model_of(ProductOfExperts, encoders, latent_dim=latent_dim)
    variance = np.exp(model.likelihood.log_var.value[0])
    lengths = np.array([[0.7], [1.6]])[:latent_dim]
    bases = [np.linalg.qr(RNG.normal(size=(size, latent_dim)))[0].T * lengths for size in SIZES]
    for encoder, W in zip(encoders, bases, strict=True):
        squares = (W**2).sum(axis=1)
        encoder.weight.value = np.hstack([W.T / squares, np.zeros_like(W.T)])  # (W Wᵀ)⁻¹ W x
        encoder.bias.value = np.concatenate([np.zeros(latent_dim), np.log(variance / squares)])
    model.decoder.weight.value, model.decoder.bias.value = np.hstack(bases), np.zeros(D)
    return model, np.hstack(bases), variance


def log_evidence(x, W, variance, seen):
    cov = W[:, seen].T @ W[:, seen] + variance * np.eye(int(seen.sum()))
    return stats.multivariate_normal(cov=cov).logpdf(x[seen])


def test_each_term_of_the_bound_over_subsets_is_exact_where_experts_are():
    """E_q[log p(x|z)] is a square in z, of which nine nodes of Gauss and Hermite take the mean exactly."""
    model, W, variance = exact()
    x = RNG.normal(size=D)
    drawn = np.array([[1, 0, 1], [0, 1, 1]], bool)
    nodes = np.array(list(product([-np.sqrt(3), 0, np.sqrt(3)], repeat=2)))
    weights = np.array([np.prod([2 / 3 if t == 0 else 1 / 6 for t in node]) for node in nodes])
    S = 1 + M + len(drawn)
    noise = np.repeat(nodes, S, axis=0)  # each node for all subsets of a copy of x
    report, _ = SubsampledElbo(2)(
        model, Batch(np.tile(x, (9, 1))), (noise, np.broadcast_to(drawn, (9, 2, M)))
    )
    found = {name: float(weights @ term) for name, term in report.terms.items()}
    of = [
        log_evidence(x, W, variance, np.repeat(subset, SIZES).astype(bool)) for subset in [*np.eye(M), *drawn]
    ]
    assert found["bound"] == pytest.approx(log_evidence(x, W, variance, np.ones(D, bool)), rel=1e-11)
    assert found["subsets"] == pytest.approx(sum(of), rel=1e-11)
    assert report.loss == pytest.approx(-np.mean(report.terms["bound"] + report.terms["subsets"]), rel=1e-12)


def test_a_modality_that_is_missing_is_in_no_subset():
    model, _, _ = exact()
    x, observed = RNG.normal(size=(1, D)), np.ones((1, D))
    observed[:, :3] = 0
    inside = np.array([[[True, False, False]]])  # of which this example has nothing
    noise = RNG.normal(size=(5, 2))
    report, _ = SubsampledElbo()(model, Batch(x, observed=observed), (noise, inside))
    rest, _ = SubsampledElbo(0)(model, Batch(x, observed=observed), (noise[:4], inside[:, :0]))
    assert report.terms["subsets"] == rest.terms["subsets"]  # log p of nothing − KL(prior ‖ prior) = 0


def test_subsets_are_drawn_alike_and_never_empty():
    rows, k = 4000, 3
    _, inside = SubsampledElbo(k).draw_noise(exact()[0], rows, np.random.default_rng(3))
    assert inside.shape == (rows, k, M)
    which = (inside @ (1 << np.arange(M))).ravel()
    counts = np.bincount(which, minlength=2**M)
    assert counts[0] == 0
    n, p = rows * k, 1 / (2**M - 1)
    assert np.abs(counts[1:] - n * p).max() < 5 * np.sqrt(n * p * (1 - p))  # 7 counts: fails once in 250 000
    _, whole = SubsampledElbo(1).draw_noise(model_of(ProductOfExperts, [Linear(3, 4, rng=0)], (3,)), 50, RNG)
    assert whole.all()


@pytest.mark.parametrize("seen", [(1, 1), (1, 0), (0, 1), (0, 0)], ids=str)
def test_the_stratified_bound_of_a_mixture_is_its_expectation(seen):
    """∫ q (log p(x|z) + log p(z) − log q) dz on a fine grid, q written with SciPy, beside 80 nodes of Gauss
    and Hermite for each expert. The integrand is smooth, and the nodes agree with 60 of them to 1e-9.
    """
    sizes = (2, 3)
    encoders = [Linear(size, 2, rng=size) for size in sizes]
    model = model_of(MixtureOfExperts, encoders, sizes, 1, Bernoulli())
    x, observed = RNG.random((1, 5)), np.repeat(seen, sizes)[None].astype(float)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    noise = model.posterior.stratified(np.repeat(nodes, 2)[:, None])
    batch = Batch(np.repeat(x, 80, axis=0), observed=np.repeat(observed, 80, axis=0))
    report, _ = StratifiedElbo()(model, batch, noise)
    found = (weights / weights.sum()) @ report.terms["bound"]

    z = np.linspace(-12, 12, 100_001)
    experts = []
    for encoder, columns, here in zip(encoders, (slice(0, 2), slice(2, 5)), seen, strict=True):
        mean, log_var = (x[:, columns] @ encoder.weight.value + encoder.bias.value)[0]
        experts += [stats.norm(mean, np.exp(log_var / 2)).logpdf(z)] if here else []
    log_q = logsumexp(experts, axis=0) - np.log(len(experts)) if experts else stats.norm.logpdf(z)
    logits = z[:, None] @ model.decoder.weight.value + model.decoder.bias.value
    log_px = ((x * logits - np.logaddexp(0, logits)) * observed).sum(axis=1)
    integrand = np.exp(log_q) * (log_px + stats.norm.logpdf(z) - log_q)
    assert found == pytest.approx(trapezoid(integrand, z), abs=1e-8)


def weighted_on_nodes(model, x, K):
    """The bound with K draws of each expert, at every K-tuple of an even grid, and the weights of the tuples."""
    nodes = np.linspace(-8, 8, 121)
    weights = np.exp(-0.5 * nodes**2)
    tuples = np.stack(np.meshgrid(*[nodes] * K, indexing="ij"), axis=-1).reshape(-1, K)
    shares = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * K, indexing="ij"), axis=-1), axis=-1)
    noise = model.posterior.stratified(np.repeat(tuples.ravel(), 2)[:, None])
    batch = Batch(np.repeat(x, len(tuples), axis=0))
    report, _ = StratifiedElbo(samples=K, weighted=True)(model, batch, noise)
    return report.terms["bound"], shares.ravel()


def test_the_weighted_bound_of_a_mixture_lies_between_the_plain_one_and_log_p():
    """Gaussian experts of a linear model. Everything beside it is a sum over a fine grid of z, with SciPy.

    The bound of one draw is the stratified one, and that of many is Σ_m 1/M log E_(q_m)[w]. The expectations
    E_(q_m)[w] have the mean p(x), and so no bound exceeds log p(x).
    """
    encoders = [Linear(2, 2, rng=1), Linear(3, 2, rng=2)]
    model = model_of(MixtureOfExperts, encoders, (2, 3), 1)
    x, z = np.random.default_rng(4).normal(size=(1, 5)), np.linspace(-10, 10, 1001)
    variance = np.exp(model.likelihood.log_var.value[0])
    W, b = model.decoder.weight.value, model.decoder.bias.value
    log_p = stats.multivariate_normal(b, W.T @ W + variance * np.eye(5)).logpdf(x[0])
    log_joint = stats.norm(z[:, None] * W + b, np.sqrt(variance)).logpdf(x).sum(axis=1) + stats.norm.logpdf(z)
    said = [
        (x[:, columns] @ encoder.weight.value + encoder.bias.value)[0]
        for encoder, columns in zip(encoders, (slice(0, 2), slice(2, 5)), strict=True)
    ]
    q = np.stack([stats.norm(mean, np.exp(log_var / 2)).pdf(z) for mean, log_var in said])
    log_w = log_joint - np.log(q.mean(axis=0))
    expected = trapezoid(q * np.exp(log_w), z, axis=1)
    assert np.log(expected.mean()) == pytest.approx(log_p, abs=1e-10)

    step = z[1] - z[0]
    pairs = np.logaddexp(log_w[:, None], log_w[None]) - np.log(2)
    exact = {1: (q @ log_w).mean() * step, 2: np.mean([one @ pairs @ one for one in q]) * step**2}
    found = {}
    for K in (1, 2):
        bounds, shares = weighted_on_nodes(model, x, K)
        found[K] = shares @ bounds
        assert found[K] == pytest.approx(exact[K], abs=1e-8)
    limit = np.log(expected).mean()
    assert found[1] + 1e-3 < found[2]
    assert found[2] + 1e-3 < limit < log_p - 1e-4
    K = 50_000
    noise = model.posterior.stratified(np.random.default_rng(0).normal(size=(2 * K, 1)))
    many, _ = StratifiedElbo(samples=K, weighted=True)(model, Batch(x), noise)
    squares = trapezoid(q * np.exp(2 * log_w), z, axis=1) / expected**2 - 1
    # 5 standard errors of the mean of two logarithms, each of the mean of K weights
    assert abs(many.terms["bound"][0] - limit) < 5 * np.sqrt(squares.sum() / K) / 2


def test_the_weighted_bound_of_one_modality_is_iwae_to_the_bit():
    model, x = model_of(MixtureOfExperts, [Linear(4, 4, rng=3)], (4,)), RNG.random((6, 4))
    noise, found = model.posterior.stratified(RNG.normal(size=(6 * 5, 2))), []
    for objective in (StratifiedElbo(samples=5, weighted=True), Iwae(5)):
        for parameter in named_parameters(model).values():
            parameter.grad = None
        report, pullback = objective(model, Batch(x), noise)
        pullback()
        parts = [report.loss, *report.terms.values()]
        found.append([*parts, *(parameter.grad for parameter in named_parameters(model).values())])
    assert len(found[0]) > 6
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mixture_of_one_modality_is_the_plain_model():
    encoder, noise, x = Linear(4, 4, rng=3), RNG.normal(size=(6, 2)), RNG.random((6, 4))
    mixed = model_of(MixtureOfExperts, [encoder], (4,))
    plain = VAE(
        event_shape=(4,),
        encoder=encoder,
        posterior=DiagonalGaussian(2),
        prior=StandardGaussian(2),
        decoder=mixed.decoder,
        likelihood=mixed.likelihood,
    )
    gradients = []
    for model, objective, drawn in (
        (mixed, StratifiedElbo(beta=1.3), mixed.posterior.stratified(noise)),
        (plain, SampledElbo(beta=1.3), noise),
    ):
        for parameter in named_parameters(model).values():
            parameter.grad = None
        report, pullback = objective(model, Batch(x), drawn)
        pullback()
        gradients.append([report.loss, encoder.weight.grad, encoder.bias.grad, model.decoder.weight.grad])
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_a_product_of_one_modality_is_the_plain_model_whose_prior_it_counts():
    """q = N(m, s²) is the product of N(0, 1) and an expert of precision 1/s² − 1 and mean m / (1 − s²)."""
    said, noise, x = RNG.normal(size=4), RNG.normal(size=(6, 2)), RNG.random((6, 4))
    said[2:] = -np.abs(said[2:])  # log s² below 0, as the prior's precision is part of q's
    s2 = np.exp(said[2:])
    plain, expert = Linear(4, 4, rng=3), Linear(4, 4, rng=3)
    model = model_of(ProductOfExperts, [expert], (4,))
    expert.weight.value, expert.bias.value = (
        np.zeros((4, 4)),
        np.concatenate([said[:2] / (1 - s2), -np.log(1 / s2 - 1)]),
    )
    reports = [Elbo()(model, Batch(x), noise)[0]]
    plain.weight.value, plain.bias.value = np.zeros((4, 4)), said
    model.encoder, model.shows_mask = plain, False
    reports.append(Elbo()(model, Batch(x), noise)[0])
    for name in reports[0].terms:
        np.testing.assert_allclose(reports[0].terms[name], reports[1].terms[name], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", [ProductOfExperts, MixtureOfExperts])
def test_what_stands_under_a_missing_modality_changes_no_bit(kind):
    model = model_of(kind, [Linear(size, 4, rng=size) for size in SIZES])
    x, observed = RNG.random((4, D)), np.repeat(RNG.random((4, M)) < 0.6, SIZES, axis=1)
    observed[0] = True
    objective = SubsampledElbo(2)
    noise = objective.draw_noise(model, 4, RNG)
    found = []
    for junk in (0.0, np.nan, np.inf, 1e300):
        for parameter in named_parameters(model).values():
            parameter.grad = None
        batch = Batch(np.where(observed, x, junk), observed=observed.astype(float))
        report, pullback = objective(model, batch, noise)
        pullback()
        gradients = [parameter.grad for parameter in named_parameters(model).values()]
        found.append([*report.terms.values(), *(g for g in gradients if g is not None)])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert all(np.isfinite(part).all() for part in found[0])


@pytest.mark.parametrize("kind", [ProductOfExperts, MixtureOfExperts])
def test_one_observed_entry_makes_a_modality_present(kind):
    layer = kind(*(Linear(size, 4, rng=size) for size in SIZES), sizes=SIZES)
    x, mask = RNG.random((1, D)).astype(np.float32), np.repeat([[1, 0, 1]], SIZES, axis=1)
    whole, _ = layer(np.hstack([x, mask]).astype(np.float32))
    mask[0, [0, 1, 6]] = 0  # one of three is left, and three of four
    few, _ = layer(np.hstack([x, mask]).astype(np.float32))
    np.testing.assert_array_equal(few, whole)
    mask[0, 2] = 0
    none, _ = layer(np.hstack([x, mask]).astype(np.float32))
    assert (none != whole).any()


# networks from plain numbers
def test_modalities_are_counted_or_measured():
    assert mlp(7, latent_dim=2, hidden=3, modalities=2).encoder.sizes == (4, 3)
    one = mlp(
        (1, 2, 3), latent_dim=2, hidden=(), modalities=(1, 5), posterior="gaussian_mixture(components=2)"
    )
    assert isinstance(one.encoder, MixtureOfExperts)
    assert one.encoder.sizes == one.encoder.entries == (1, 5)
    assert one.shows_mask
    law = Blocks([((0, 1, 2), Gaussian()), ((3,), Categories(4)), ((4,), Gaussian())])
    told = mlp(5, latent_dim=2, hidden=3, modalities=(3, 1, 1), likelihood=law)
    assert (told.encoder.sizes, told.encoder.entries) == ((3, 4, 1), (3, 1, 1))
    x = np.array([[0.3, 0.1, -1, 2, 0.4]], np.float32)
    objective = SubsampledElbo()
    report, _ = objective(told, Batch(x), objective.draw_noise(told, 1, RNG))
    assert np.isfinite(report.loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modalities": 8}, "modalities should be at most 7, the number of entries; found 8"),
        ({"modalities": 0}, "modalities should be at least 1, found 0"),
        ({"modalities": (3, 3)}, r"the widths of the modalities should sum to 7, the number of entries; found \(3, 3\)"),
        ({"modalities": (7, 0)}, "modalities"),
        ({"modalities": 2, "fill": "learned"}, "fill, beside modalities, should be 'zero', found 'learned'"),
        ({"modalities": 2, "posterior": "full_gaussian"}, r"gaussian_mixture\(components=2\); found a FullGaussian"),
        (
            {"modalities": 2, "posterior": "gaussian_mixture(components=3)"},
            "found a MixturePosterior with 3 components",
        ),
        ({"modalities": 2, "model": "conditional_vae", "classes": 3}, "a model that is told nothing; found 2 beside y"),
        ({"modalities": 2, "model": "autoencoder"}, "found a Point"),
        (
            {"modalities": 2, "likelihood": Blocks([(range(1, 7), Gaussian()), ((0,), Categories(3))])},
            r"lie side by side where a table has modalities: put them in the order 1, 2, 3, 4, 5, 6 \| 0$",
        ),
        (  # each entry is shown as one feature, but features come in another order than entries
            {"modalities": 2, "likelihood": Blocks([((0, 2, 4, 6), Gaussian()), ((1, 3, 5), Bernoulli())])},
            r"put them in the order 0, 2, 4, 6 \| 1, 3, 5$",
        ),
        (
            {"modalities": 2, "likelihood": Blocks([(range(6), Gaussian()), ((6,), Categories(3))])},
            "found that 4 entries end within one",
        ),
    ],
)  # fmt: skip
def test_what_no_modalities_are_is_said(settings, message):
    with pytest.raises(InputError, match=message):
        mlp(7, latent_dim=2, hidden=3, **settings)


def test_objectives_ask_for_experts():
    model = mlp(4, latent_dim=2, hidden=3)
    expected = (
        "SubsampledElbo: the encoder should be a ProductOfExperts or a MixtureOfExperts.*; found a Sequential"
    )
    with pytest.raises(InputError, match=expected):
        SubsampledElbo().draw_noise(model, 2, RNG)
    for wrong in ({"subsets": -1}, {"beta": -1.0}):
        with pytest.raises(InputError, match="should be at least 0"):
            SubsampledElbo(**wrong)
    with pytest.raises(InputError, match="found 2 entries and 1 sizes"):
        ProductOfExperts(Linear(3, 4, rng=0), sizes=(3,), entries=(1, 2))


def test_the_second_half_is_what_is_completed():
    """A decoder that says σ(b) whatever z is errs by the mean of (σ(b) − x)² over the hidden half."""
    model, x = mlp(5, latent_dim=2, hidden=3), RNG.random((6, 5))
    bias = np.array([0.3, -1, 2, 0.5, -2])
    last = model.decoder.layers[-1]
    last.weight.value, last.bias.value = np.zeros((3, 5), np.float32), bias.astype(np.float32)
    observed = np.ones((6, 5), bool)
    observed[0, 4] = False  # which nobody can compare
    expected = ((1 / (1 + np.exp(-bias)) - x) ** 2)[:, 2:][observed[:, 2:]].mean()
    assert completion(model, Dataset("x", x, observed=observed)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("posterior", "objective"),
    [("diagonal_gaussian", SubsampledElbo()), ("gaussian_mixture(components=2)", StratifiedElbo())],
    ids=["product", "mixture"],
)
def test_each_modality_is_made_from_the_other(posterior, objective, tmp_path):
    """A picture of eight pixels that is one of two patterns, a tenth of its pixels turned, and which of them."""
    rng = np.random.default_rng(0)
    patterns = np.array([[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0]], float)
    label = rng.integers(0, 2, 400)
    turned = rng.random((400, 8)) < 0.1
    x = np.hstack([np.where(turned, 1 - patterns[label], patterns[label]), label[:, None]])
    law = Blocks([(range(8), Bernoulli()), ((8,), Categories(2))])
    model = mlp(9, latent_dim=2, hidden=16, modalities=(8, 1), likelihood=law, posterior=posterior)
    model.fit(x[:300], epochs=40, batch_size=50, learning_rate=1e-2, objective=objective, seed=0)
    picture, told = x[300:].copy(), x[300:].copy()
    picture[:, 8], told[:, :8] = np.nan, np.nan
    named = impute(model, Dataset("picture", picture), samples=50, rng=rng).x[:, 8]
    drawn = impute(model, Dataset("label", told), samples=50, rng=rng).x[:, :8]
    # three of the four pixels that tell the patterns apart are turned, or two and the guess is wrong: 2.8 %
    assert (named == label[300:]).mean() > 0.85
    assert ((drawn > 0.5) == patterns[label[300:]]).mean() > 0.95
    model.save(tmp_path / "model.safetensors")
    again = VAE.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.transform(x[:5]), model.transform(x[:5]))
