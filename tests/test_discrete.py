"""Discrete latents beside what is exact: all codes enumerated, quadrature, and the papers' recursions by
hand.
"""

from itertools import product

import numpy as np
import pytest

from scratchvae import evaluation, kernels
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.commands import train
from scratchvae.commands.parser import Parser
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import bernoulli, concrete
from scratchvae.layers import (
    GroupSoftmax,
    Linear,
    Mode,
    Sequential,
    Tanh,
    cast,
    named_buffers,
    named_parameters,
)
from scratchvae.likelihoods import Bernoulli, Gaussian
from scratchvae.models import VAE
from scratchvae.objectives import (
    Critic,
    Elbo,
    Iwae,
    Quantization,
    SampledElbo,
    ScoreFunctionElbo,
    closed_form_kl,
)
from scratchvae.posteriors import (
    Concrete,
    DiagonalGaussian,
    GumbelSoftmax,
    JointPosterior,
    Point,
    VectorQuantized,
)
from scratchvae.priors import Codes, ConcretePrior, OneHot, ProductPrior, StandardGaussian
from scratchvae.recipes import convolutional, mlp
from scratchvae.runs import Run, build_phases, configured
from scratchvae.runs.construction import build_model

B, D = 5, 4
RNG = np.random.default_rng(0)
X = RNG.integers(0, 2, (B, D)).astype(np.float64)
TRAINING = Mode(np.random.default_rng(0), 0)


def small(posterior, prior, *before, likelihood=None, weight=1.0):
    """A VAE in float64 of two layers, whose decoder's weights are multiplied by `weight`."""
    likelihood = likelihood or Bernoulli()
    model = VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 3, rng=1), Tanh(), Linear(3, posterior.n_params, rng=2)),
        posterior=posterior,
        prior=prior,
        decoder=Sequential(*before, Linear(posterior.latent_dim, D, rng=3)),
        likelihood=likelihood,
    )
    cast(model, np.float64)
    model.decoder.layers[-1].weight.value *= weight
    return model


def quantized(codes=3, groups=2, *, latents=4, learned=False, **settings):
    q = VectorQuantized(latents, codes, groups, rng=4, **settings)
    return small(q, Codes(q, learned=learned))


def chosen(groups=2, categories=3, *, learned=False, **settings):
    return small(
        GumbelSoftmax(groups, categories, **settings), OneHot(groups, categories, learned=learned), weight=3.0
    )


def gradients(model, pullback):
    for parameter in named_parameters(model).values():
        parameter.grad = None
    pullback()
    return {name: parameter.grad for name, parameter in named_parameters(model).items()}


def all_codes(groups, categories):
    return np.array(list(product(range(categories), repeat=groups)))


# ------------------------------------------------------------------------------------------------------------
# nearest codes


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("books", [1, 3])
def test_the_nearest_code_by_norms(twin, books):
    x, codebooks = RNG.normal(size=(20, 3, 2)), RNG.normal(size=(books, 6, 2))
    apart = [[np.linalg.norm(codebooks[g % books] - x[n, g], axis=1) for g in range(3)] for n in range(20)]
    with kernels.using(twin):
        np.testing.assert_array_equal(kernels.nearest_codes(x, codebooks), np.argmin(apart, axis=2))
        equal = np.stack([codebooks[:, 2], codebooks[:, 2], codebooks[:, 0]], axis=1)
        at_equal = np.broadcast_to(codebooks[0, 2], (1, 3, 2)).copy()
        assert kernels.nearest_codes(at_equal, equal[:1]).tolist() == [[0, 0, 0]]  # the first of equals
        lost = kernels.nearest_codes(np.array([[[np.nan, 0.0]]]), codebooks[:1])
        assert lost.tolist() == [[0]]
        half = kernels.nearest_codes(np.array([[[0.0, 0.0]]]), np.array([[[np.nan, 0], [9.0, 9], [1, 1]]]))
        assert half.tolist() == [[2]]


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("codes", [1, 2, 3, 7, 64, 65])
def test_the_first_of_the_nearest_codes_among_many_equals(codes, size, dtype, twin):
    """Distances of whole numbers are exact, and so many are equal; some are NaN, and some infinite."""
    rng = np.random.default_rng([codes, size])
    x = rng.integers(-1, 2, (30, 2, size)).astype(dtype)
    books = rng.integers(-1, 2, (2, codes, size)).astype(dtype)
    books[rng.random(books.shape) < 0.1 / size] = np.nan
    books[rng.random(books.shape) < 0.1 / size] = np.inf
    x[0, 0, 0] = np.nan
    with kernels.using(twin):
        found = kernels.nearest_codes(x, books)
    for n, g in np.ndindex(30, 2):
        apart = [float(((x[n, g] - code) ** 2).sum()) for code in books[g]]
        finite = [d for d in apart if d < np.inf]
        assert found[n, g] == (apart.index(min(finite)) if finite else 0)


# ------------------------------------------------------------------------------------------------------------
# codebooks


@pytest.mark.parametrize("draws", [1, 2])
def test_what_pulls_on_the_codes_and_what_on_the_encoder(draws):
    """By hand from equation 3: with stop-gradients exchanged, the weights 1 and β would be exchanged too."""
    model, weight, beta = quantized(), 2.0, 0.3
    penalty = Quantization(weight, beta)
    one, _ = model.run(Batch(X), np.zeros((B * draws, 0)), draws=draws)
    value, pullback = penalty(model, Batch(X), one, None, mode=Mode())
    z_e = model.encoder(X)[0].reshape(B, 2, 2)
    indices = model.posterior.indices(one.q_params)
    book = model.posterior.codebooks.value[0]
    apart = z_e - book[indices]
    # of each example, before z is passed
    np.testing.assert_allclose(value, (1 + beta) * (apart**2).sum(axis=(1, 2)), rtol=1e-13)
    assert value.shape == (B,)
    parts = pullback(np.full(B, weight / B))
    np.testing.assert_allclose(parts["dq_params"], (2 * weight * beta / B * apart).reshape(B, 4), rtol=1e-13)
    expected = np.zeros_like(book)
    for n, g in product(range(B), range(2)):
        expected[indices[n, g]] += 2 * weight / B * (book[indices[n, g]] - z_e[n, g])
    np.testing.assert_allclose(model.posterior.codebooks.grad[0], expected, rtol=1e-12, atol=1e-15)


def test_no_gradient_of_the_decoder_reaches_the_codes_and_all_of_it_the_encoder():
    model = quantized()
    one, run_pullback = model.run(Batch(X), np.zeros((B, 0)))
    dz = RNG.normal(size=one.z.shape)
    found = gradients(model, lambda: run_pullback(dz=dz))
    assert found["posterior.codebooks"] is None
    q_params, encoder_pullback = model.encoder(X)
    straight = gradients(model, lambda: encoder_pullback(dz))
    for name, gradient in straight.items():
        if name.startswith("encoder"):
            np.testing.assert_allclose(found[name], gradient, rtol=1e-12)
    assert not np.allclose(one.z, q_params)


def test_a_batch_twice_over_has_the_same_loss_and_gradients():
    """So that the penalty is a mean over examples, as the terms beside it are."""
    model, objective, twice = (
        quantized(learned=True),
        Elbo(penalties=(Quantization(3.0),)),
        np.repeat(X, 2, axis=0),
    )
    (one, pullback), (two, pullback_of_two) = (
        objective(model, Batch(x), (np.zeros((len(x), 0)), None)) for x in (X, twice)
    )
    assert two.loss == pytest.approx(one.loss, rel=1e-13)
    of_one, of_two = gradients(model, pullback), gradients(model, pullback_of_two)
    for name in of_one:
        np.testing.assert_allclose(of_two[name], of_one[name], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("shared", [True, False])
def test_moving_averages_are_those_of_the_paper(shared):
    """N_k and m_k of appendix A.1 begin at 0, and e_k = m_k/N_k.

    A code that is never chosen stays, and evaluation moves nothing.
    """
    q, decay = VectorQuantized(4, 3, 2, shared=shared, decay=0.8, rng=4), 0.8
    cast(q, np.float64)
    books = q.codebooks.value.copy()
    N, m = np.zeros(books.shape[:2]), np.zeros_like(books)
    for _ in range(6):
        z_e = RNG.normal(size=(7, 4))
        indices, by_group = q.indices(z_e), z_e.reshape(7, 2, 2)
        np.testing.assert_array_equal(q.sample(z_e, noise=np.zeros((7, 0)), mode=Mode())[0], q.code(z_e))
        np.testing.assert_array_equal(q.codebooks.value, books)
        z, _ = q.sample(z_e, noise=np.zeros((7, 0)), mode=TRAINING)
        for s, k in product(range(len(books)), range(3)):
            members = by_group[(indices == k) & (np.arange(2) == s if not shared else True)]
            N[s, k] = decay * N[s, k] + (1 - decay) * len(members)
            m[s, k] = decay * m[s, k] + (1 - decay) * members.sum(axis=0)
        expected = np.where(N[:, :, None] > 0, m / np.maximum(N, 1e-300)[:, :, None], books)
        np.testing.assert_allclose(q.codebooks.value, expected, rtol=1e-12)
        before = np.concatenate([books[0 if shared else g][indices[:, g]] for g in range(2)], axis=1)
        np.testing.assert_array_equal(z, before)  # z are the codes as they were when they were chosen
        books = q.codebooks.value.copy()


@pytest.mark.parametrize("shared", [True, False])
def test_dead_codes_move_onto_examples_that_the_noise_chooses(shared):
    q = VectorQuantized(2, 4, 2, shared=shared, decay=0.9, revive=3, rng=0)
    q.codebooks.value[:, 2:] = 1e3  # which nothing ever chooses
    z_e = RNG.normal(size=(6, 2)).astype(np.float32)
    noises = [q.draw_noise(6, np.random.default_rng(seed)) for seed in range(3)]
    assert noises[0].shape == (6, 2)
    for noise in noises[:2]:
        q.sample(z_e, noise=noise, mode=TRAINING)
        assert (q.codebooks.value[:, 2:] == 1e3).all()
    q.sample(z_e, noise=noises[2], mode=TRAINING)
    for s in range(len(q.codebooks.value)):
        order = np.argsort((noises[2] if shared else noises[2][:, s : s + 1]).ravel())
        vectors = (z_e if shared else z_e[:, s : s + 1]).reshape(-1, 1)
        np.testing.assert_array_equal(q.codebooks.value[s, 2:], vectors[order[:2]])
        assert (q.usage.value[s, 2:] == 0).all()
        assert (q.unchosen.value[s, 2:] == 0).all()
    assert len({float(v) for v in q.codebooks.value[0].ravel()}) == 4


def test_a_code_found_for_the_first_time_moves_to_the_mean_of_what_chose_it():
    q = VectorQuantized(1, 2, decay=0.99, rng=0)
    q.codebooks.value = np.array([[[-1.0], [5.0]]], np.float32)
    q.sample(np.array([[4.0], [8.0]], np.float32), noise=np.zeros((2, 0)), mode=TRAINING)
    np.testing.assert_allclose(q.codebooks.value[0, :, 0], [-1.0, 6.0])


@pytest.mark.parametrize("learned", [False, True])
def test_a_quantized_bound_is_below_the_sum_over_all_codes(learned):
    model = quantized(learned=learned)
    if learned:
        model.prior.choices.logits.value = RNG.normal(size=(2, 3))
    indices = all_codes(2, 3)
    z, _ = model.posterior.vectors(indices)
    log_pz, _ = model.prior.log_prob(z)
    assert np.exp(log_pz).sum() == pytest.approx(1, rel=1e-12)
    if not learned:
        # log 1/K for each of two groups, not 1/K
        np.testing.assert_allclose(log_pz, -2 * np.log(3), rtol=1e-13)
    assert (model.prior.log_prob(z + 1e-3)[0] == -np.inf).all()
    log_px = np.stack([bernoulli.log_prob(model.decoder(z)[0], x=np.tile(x, (len(z), 1)))[0] for x in X])
    evidence = np.log(np.exp(log_px + log_pz).sum(axis=1))
    own = [indices.tolist().index(row.tolist()) for row in model.posterior.indices(model.encoder(X)[0])]
    expected = log_px[np.arange(B), own] + log_pz[own]
    report, _ = Elbo()(model, Batch(X), np.zeros((B, 0)))
    np.testing.assert_allclose(report.terms["bound"], expected, rtol=1e-12)
    assert (report.terms["bound"] < evidence).all()
    sampled, _ = SampledElbo(samples=2)(model, Batch(X), np.zeros((2 * B, 0)))
    np.testing.assert_allclose(sampled.terms["bound"], expected, rtol=1e-12)
    # every draw is the same code
    np.testing.assert_allclose(model.score_samples(X, samples=3), expected, rtol=1e-12)
    q_params = model.encoder(X)[0]
    log_q, _ = model.posterior.log_prob(np.repeat(q_params, len(z), axis=0), np.tile(z, (B, 1)))
    np.testing.assert_allclose(np.exp(log_q).reshape(B, -1).sum(axis=1), 1)


def test_a_learned_prior_rests_at_the_frequencies_of_the_codes():
    model = quantized(codes=2, groups=1, latents=2, learned=True)
    model.posterior.codebooks.value = np.median(model.encoder(X)[0], axis=0) + np.array([[[-1.0, 0], [1, 0]]])
    shares = evaluation.code_usage(model, Dataset("x", X))
    assert (shares > 0).all()
    model.prior.choices.logits.value = np.log(shares)
    _, pullback = Elbo()(model, Batch(X), np.zeros((B, 0)))
    np.testing.assert_allclose(gradients(model, pullback)["prior.choices.logits"], 0, atol=1e-15)


def test_perplexity_is_the_number_of_codes_that_are_equally_likely():
    shares = np.array([[0.25] * 4, [0.5, 0.5, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_allclose(evaluation.perplexity(shares), [4, 2, 1], rtol=1e-14)


# ----------------------------------------------------------------------------------------------------------
# Gumbel-softmax


def exact(model):
    """log p(x), E_q[log p(x|z)] and KL of each example, by the sum over all one-hot codes."""
    q = model.posterior
    z = q.code_of(all_codes(q.groups, q.categories)).astype(np.float64)
    q_params = model.encoder(X)[0]
    log_q = np.stack([q.log_prob(np.tile(row, (len(z), 1)), z)[0] for row in q_params])
    log_pz, _ = model.prior.log_prob(z)
    log_px = np.stack([bernoulli.log_prob(model.decoder(z)[0], x=np.tile(x, (len(z), 1)))[0] for x in X])
    np.testing.assert_allclose(np.exp(log_q).sum(axis=1), 1, rtol=1e-12)
    assert np.exp(log_pz).sum() == pytest.approx(1, rel=1e-12)
    evidence = np.log(np.exp(log_px + log_pz).sum(axis=1))
    return evidence, (np.exp(log_q) * log_px).sum(axis=1), (np.exp(log_q) * (log_q - log_pz)).sum(axis=1)


@pytest.mark.parametrize("learned", [False, True])
def test_the_discrete_bound_by_enumeration(learned):
    """Its KL to rounding, its mean over draws to 5 standard errors: one-hot draws have the law that the KL is
    of.
    """
    model = chosen(learned=learned)
    if learned:
        model.prior.logits.value = RNG.normal(size=(2, 3))
    else:
        # log 1/K, not 1/K
        np.testing.assert_array_equal(model.prior.log_prob(np.eye(6)[:1])[0], [-np.log(3)])
    evidence, expected, kl = exact(model)
    assert (expected - kl < evidence).all()
    by_group, _ = closed_form_kl(model.posterior, model.prior, model.encoder(X)[0])
    assert by_group.shape == (B, 2)
    np.testing.assert_allclose(by_group.sum(axis=1), kl, rtol=1e-12)
    n = 4000
    one, _ = model.run(Batch(X), model.draw_noise(B * n, RNG), draws=n)
    error = one.log_px.std(axis=1) / np.sqrt(n)
    assert (np.abs(one.log_px.mean(axis=1) - expected) < 5 * error).all()
    importance, _ = Iwae(n)(model, Batch(X), model.draw_noise(B * n, RNG))
    np.testing.assert_allclose(importance.terms["bound"], evidence, atol=0.1)


def test_the_score_function_is_unbiased_for_choices():
    """Noise by which each code is drawn once, weighed by its probability: the gradient of the exact bound."""
    model = chosen(1, 3, straight_through=True)
    q_params, encoder_pullback = model.encoder(X)
    p = np.exp(q_params) / np.exp(q_params).sum(axis=1, keepdims=True)
    z = np.eye(3)
    log_px = np.stack([bernoulli.log_prob(model.decoder(z)[0], x=np.tile(x, (3, 1)))[0] for x in X])
    f = log_px - np.log(3) - np.log(p)
    # −∂/∂l_k Σ_i p_i (log p(x|i) + log 1/3 − log p_i)
    slope = -p * (f - (p * f).sum(axis=1, keepdims=True)) / B
    expected = gradients(model, lambda: encoder_pullback(slope))
    found = {name: 0 for name in expected if name.startswith("encoder")}
    for k, b in product(range(3), range(B)):
        noise = np.where(np.arange(3) == k, 1e-200, 1e200)[None]
        _, pullback = ScoreFunctionElbo(1, leave_one_out=False)(
            model, Batch(X[b : b + 1]), noise, mode=TRAINING
        )
        for name, gradient in gradients(model, pullback).items():
            if name in found:
                found[name] = found[name] + p[b, k] * gradient / B
    for name, total in found.items():
        np.testing.assert_allclose(total, expected[name], rtol=1e-9, atol=1e-13)


def test_the_bias_of_the_relaxation_falls_with_its_temperature():
    """The exact gradient of E_q[f(z)] at one-hot z stands beside the relaxed one.

    The relaxed gradient is a mean over 200 000 draws.
    """
    logits, f = np.array([[0.4, -0.3, 0.8]]), np.array([1.0, -2.0, 0.5])
    A = np.array([[0, 3, -2], [3, 0, 1], [-2, 1, 0.0]])  # f(z) = f·z + ½ zᵀAz, which is f·z at one-hot z
    p = np.exp(logits[0]) / np.exp(logits[0]).sum()
    expected = p * (f - p @ f)
    n, bias = 200_000, []
    noise = np.random.default_rng(1).standard_exponential((n, 3))
    for temperature in (2.0, 1.0, 0.5, 0.25):
        q = GumbelSoftmax(1, 3, temperature=temperature)
        z, pullback = q.sample(logits, noise=noise, draws=n, mode=TRAINING)
        bias.append(np.linalg.norm(pullback((f + z @ A) / n)[0] - expected))
    assert bias[0] > 1.3 * bias[1] > 1.3**2 * bias[2] > 1.3**3 * bias[3], bias


def test_a_relaxed_draw_with_the_kl_of_choices_can_exceed_log_px_and_is_called_no_bound():
    """The decoder is right halfway between two codes, where the model never is."""
    q = GumbelSoftmax(1, 2, temperature=20.0)
    model = small(q, OneHot(1, 2), likelihood=Gaussian(0.1))
    decoder = model.decoder.layers[0]
    decoder.weight.value, decoder.bias.value = np.array([[2.0] * D, [-2.0] * D]), np.zeros(D)
    x, noise = np.zeros((B, D)), q.draw_noise(B, RNG)
    evidence = -D * (0.5 * np.log(2 * np.pi * 0.1) + 4 / 0.2)  # both codes decode to ±2
    relaxed, _ = Elbo()(model, Batch(x), noise, mode=TRAINING)
    assert relaxed.terms.keys() == {"surrogate", "log_px", "kl"}
    assert (relaxed.terms["surrogate"] > evidence + 10).all()
    for report in (
        Elbo()(model, Batch(x), noise)[0],
        Elbo()(
            small(GumbelSoftmax(1, 2, straight_through=True), OneHot(1, 2)), Batch(x), noise, mode=TRAINING
        )[0],
    ):
        assert report.terms.keys() == {"bound", "log_px", "kl"}
    discrete, _ = Elbo()(model, Batch(x), noise)
    assert (discrete.terms["bound"] <= evidence + 1e-9).all()
    with pytest.raises(
        InputError, match="a relaxed draw has no probability under the discrete law: straight_through=True"
    ):
        SampledElbo()(model, Batch(x), noise, mode=TRAINING)


def test_the_temperature_is_read_at_the_step():
    q = GumbelSoftmax(1, 3, temperature=lambda step: 2.0 if step < 10 else 0.5)
    logits, noise = RNG.normal(size=(4, 3)), RNG.standard_exponential((4, 3))
    for step, temperature in ((0, 2.0), (10, 0.5)):
        z, _ = q.sample(logits, noise=noise, mode=Mode(RNG, step))
        raised = np.exp(logits) ** (1 / temperature) / noise ** (1 / temperature)
        np.testing.assert_allclose(z, raised / raised.sum(axis=1, keepdims=True), rtol=1e-12)
    with pytest.raises(InputError, match="temperature should be positive, found 0"):
        GumbelSoftmax(1, 3, temperature=lambda step: 0.0).sample(logits, noise=noise, mode=TRAINING)


# ------------------------------------------------------------------------------------------------------------
# Concrete


def simplex(*log_odds):
    """y = log x of all points of a grid over the log-odds to the last category."""
    a = np.stack(
        [part.ravel() for part in (*np.meshgrid(*log_odds), np.zeros([len(t) for t in log_odds]))], axis=1
    )
    return (a - np.log(np.exp(a).sum(axis=1, keepdims=True)))[:, None]


@pytest.mark.parametrize(("categories", "points"), [(1, 1), (2, 4001), (3, 401)])
@pytest.mark.parametrize("temperature", [0.6, 1.7])
def test_the_density_integrates_to_one(categories, points, temperature):
    """By the trapezoidal rule, exact to rounding for a density that decays at both ends: the rest is its
    tails.
    """
    t, logits = np.linspace(-40, 40, points), np.array([0.5, -0.4, 0.2])[:categories]
    y = simplex(*[t] * (categories - 1)) if categories > 1 else np.zeros((1, 1, 1))
    log_p, _ = concrete.log_prob(y, np.broadcast_to(logits, y.shape), temperature=temperature)
    cell = (t[1] - t[0]) ** (categories - 1) if categories > 1 else 1.0
    assert np.exp(log_p).sum() * cell == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("temperature", [0.05, 0.7, 3.0])
def test_the_largest_share_is_the_category_whatever_the_temperature(temperature):
    logits, n = np.array([0.4, -0.6, 0.9]), 40_000
    q = Concrete(1, 3, temperature=temperature)
    z, _ = q.sample(logits[None].astype(np.float32), noise=q.draw_noise(n, np.random.default_rng(3)), draws=n)
    p = np.exp(logits) / np.exp(logits).sum()
    found = np.bincount(z.argmax(axis=1), minlength=3) / n
    assert (np.abs(found - p) < 5 * np.sqrt(p * (1 - p) / n)).all()
    assert np.isfinite(z).all()
    (_, log_q), pullback = q.sample_with_log_prob(logits[None].astype(np.float32), noise=q.draw_noise(1, RNG))
    assert np.isfinite(log_q).all()
    assert np.isfinite(pullback(np.ones((1, 3), np.float32), np.ones(1, np.float32))).all()


def test_the_relaxed_bounds_are_below_log_px_by_quadrature():
    """p(x) = ∫ p(x|z) p(z) dz is an integral over the log-odds of one choice.

    The weights average to p(x), and more draws are tighter.
    """
    q = Concrete(1, 2, temperature=0.7)
    model = small(q, ConcretePrior(1, 2, temperature=0.4), GroupSoftmax(1), weight=4.0)
    t = np.linspace(-60, 60, 6001)
    z = simplex(t)[:, 0]
    log_pz, _ = model.prior.log_prob(z)
    log_px = np.stack([bernoulli.log_prob(model.decoder(z)[0], x=np.tile(x, (len(z), 1)))[0] for x in X])
    evidence = np.log((np.exp(log_px + log_pz)).sum(axis=1) * (t[1] - t[0]))
    n = 4000
    one, _ = model.run(Batch(X), model.draw_noise(B * n, np.random.default_rng(5)), draws=n, kl="sampled")
    log_w, ratio = one.log_weights, np.exp(one.log_weights - evidence[:, None])
    assert (np.abs(ratio.mean(axis=1) - 1) < 5 * ratio.std(axis=1) / np.sqrt(n)).all()
    single = log_w.mean(axis=1)
    ten = np.log(np.exp(log_w.reshape(B, -1, 10)).mean(axis=2)).mean(axis=1)
    assert (single + 5 * log_w.std(axis=1) / np.sqrt(n) < evidence).all()
    assert (single < ten).all()


# -------------------------------------------------------------------------------------------------------
# Gaussians and choices


def test_a_joint_posterior_is_the_product_of_its_parts():
    """Draws, densities, KLs and gradients of the parts alone, each with its own noise, K draws of each
    example.
    """
    parts, draws = (DiagonalGaussian(2), GumbelSoftmax(1, 3)), 3
    q, p = JointPosterior(*parts), ProductPrior(StandardGaussian(2), OneHot(1, 3))
    assert (q.latent_dim, q.n_params, q.relaxed) == (5, 7, True)
    q_params, noise = RNG.normal(size=(B, 7)), q.draw_noise(B * draws, RNG)
    given, dz, dlog_q = (
        (q_params[:, :4], q_params[:, 4:]),
        RNG.normal(size=(B * draws, 5)),
        RNG.normal(size=B * draws),
    )
    pieces = dz[:, :2], dz[:, 2:]
    (z, log_q), pullback = q.sample_with_log_prob(q_params, noise=noise, draws=draws)
    alone = [
        one.sample_with_log_prob(own, noise=n, draws=draws)
        for one, own, n in zip(parts, given, noise, strict=True)
    ]
    np.testing.assert_array_equal(z, np.hstack([own for (own, _), _ in alone]))
    np.testing.assert_allclose(log_q, alone[0][0][1] + alone[1][0][1], rtol=1e-14)
    expected = np.hstack([own(piece, dlog_q) for (_, own), piece in zip(alone, pieces, strict=True)])
    np.testing.assert_allclose(pullback(dz, dlog_q), expected, rtol=1e-13)
    again, dq_and_dz = q.log_prob(np.repeat(q_params, draws, axis=0), z)
    np.testing.assert_allclose(again, log_q, rtol=1e-10)
    kl, kl_pullback = closed_form_kl(q, p, q_params)
    each = [closed_form_kl(one, other, own) for one, other, own in zip(parts, p.parts, given, strict=True)]
    np.testing.assert_array_equal(kl, np.hstack([own for own, _ in each]))
    dkl = RNG.normal(size=kl.shape)
    of_parts = np.hstack([each[0][1](dkl[:, :2]), each[1][1](dkl[:, 2:])])
    np.testing.assert_allclose(kl_pullback(dkl), of_parts, rtol=1e-14)
    assert all(comparison.ok for comparison in check_pullback(p.log_prob, {"z": z}))
    dq_params, found_dz = dq_and_dz(dlog_q)
    repeated = [np.repeat(own, draws, axis=0) for own in given]
    laws = [
        one.log_prob(own, piece)[1](dlog_q)
        for one, own, piece in zip(parts, repeated, (z[:, :2], z[:, 2:]), strict=True)
    ]
    np.testing.assert_allclose(dq_params, np.hstack([own for own, _ in laws]), rtol=1e-14)
    np.testing.assert_allclose(found_dz, np.hstack([own for _, own in laws]), rtol=1e-14)
    np.testing.assert_array_equal(
        q.code(q_params), np.hstack([one.code(own) for one, own in zip(parts, given, strict=True)])
    )


# -------------------------------------------------------------------------------------------------------- all
# of them at work


SETTINGS = {
    "vq": {"latent_dim": 4, "posterior": "vq(codes=4, groups=2)", "prior": "codes(learned=True)"},
    "vq, averages": {
        "latent_dim": 4,
        "posterior": "vq(codes=4, groups=2, decay=0.9, revive=2)",
        "prior": "codes",
    },
    "gumbel": {
        "latent_dim": 6,
        "posterior": "gumbel_softmax(3, temperature=ramp(2, 0.5, 3))",
        "prior": "one_hot",
    },
    "straight through": {
        "latent_dim": 6,
        "posterior": "gumbel_softmax(3, straight_through=True)",
        "prior": "one_hot(learned=True)",
    },
    "joint": {
        "latent_dim": 5,
        "posterior": "joint(3, straight_through=True)",
        "prior": "product(learned=True)",
    },
    "concrete": {
        "latent_dim": 6,
        "posterior": "concrete(3)",
        "prior": "concrete(temperature=0.4, learned=True)",
    },
}
IMAGES = RNG.random((12, 1, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("recipe", [mlp, convolutional])
def test_a_recipe_trains_and_draws(kind, recipe, tmp_path):
    sizes = {"hidden": 5} if recipe is mlp else {"hidden": 5, "channels": (2,)}
    told = {"model": "conditional_vae", "classes": 3} if recipe is mlp else {}
    model = recipe((1, 4, 4), **SETTINGS[kind], **sizes, **told)
    y = np.arange(12) % 3 if told else None
    model.fit(IMAGES, y, epochs=2, batch_size=5)
    assert np.isfinite(model.history[-1]["train"]["loss"])
    drawn = model.sample(3, 0, **({"y": 1} if told else {}))
    assert drawn.shape == (3, 1, 4, 4)
    assert np.isfinite(model.score_samples(IMAGES, y)).all()
    model.save(tmp_path / "model.safetensors")
    again = VAE.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.sample(3, 0, **({"y": 1} if told else {})), drawn)
    np.testing.assert_array_equal(again.reconstruct(IMAGES, y), model.reconstruct(IMAGES, y))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: VectorQuantized(5, groups=2),
            "groups should divide the 5 latents into parts of one size; found 2 groups",
        ),
        (lambda: VectorQuantized(4, revive=5), "should come with a decay, such as 0.99; found none"),
        (lambda: VectorQuantized(4, decay=1.0), "decay should be at least 0 and below 1, found 1.0"),
        (lambda: GumbelSoftmax(temperature=0), "GumbelSoftmax: temperature should be positive, found 0"),
        (lambda: ConcretePrior(temperature=-1), "ConcretePrior: temperature should be positive, found -1"),
        (
            lambda: Codes(DiagonalGaussian(2)),
            "Codes: the posterior should be a VectorQuantized, found a DiagonalGaussian",
        ),
        (
            lambda: mlp((4,), posterior="gumbel_softmax(7)"),
            "latent_dim should be a multiple of the 7 categories, .* found 20",
        ),
        (
            lambda: mlp((4,), posterior="vq"),
            r"over the same z, found codes of a codebook \(a VectorQuantized\) .*--prior codes",
        ),
        (
            lambda: mlp((4,), prior="one_hot"),
            "prior one_hot is for the posterior gumbel_softmax; found a DiagonalGaussian",
        ),
        (
            lambda: mlp((4,), prior="codes"),
            (
                "prior codes is for the posterior vq; found a DiagonalGaussian: "
                "take --posterior vq, or another prior"
            ),
        ),
        (
            lambda: mlp((4,), prior="concrete"),
            "prior concrete is for the posterior concrete; found a DiagonalGaussian",
        ),
        (
            lambda: small(GumbelSoftmax(1, 2), StandardGaussian(2)),
            r"take the prior OneHot \(--prior one_hot\)",
        ),
        (
            lambda: mlp((4,), latent_dim=10, posterior="joint"),
            "latent_dim should be more than the 10 numbers .* found 10",
        ),
        (
            lambda: mlp((4,), prior="product"),
            "prior product is for the posterior joint; found a DiagonalGaussian",
        ),
        (lambda: JointPosterior(Point(2)), "each part should have a density, found a Point"),
        (lambda: JointPosterior(), "at least one part, found none"),
        (lambda: ProductPrior(3), "should be priors as its parts, found int"),
        (lambda: GroupSoftmax(2)(np.zeros((2, 3))), r"D a multiple of 2 groups; found \(2, 3\)"),
        (
            lambda: evaluation.code_usage(mlp((4,), latent_dim=2), Dataset("x", X)),
            "one of choices, such as VectorQuantized",
        ),
    ],
)
def test_what_does_not_fit_is_said(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    "posterior", ["vq(codes=4, groups=2, decay=0.9, revive=2)", "gumbel_softmax(2, straight_through=True)"]
)
def test_a_run_resumes_to_the_bit(posterior, tmp_path):
    """What averages move, and how long codes have not been chosen, is in the checkpoint."""
    np.save(tmp_path / "x.npy", RNG.random((24, 16)).astype(np.float32))
    prior = "codes" if posterior.startswith("vq") else "one_hot"
    argv = [
        "train",
        "--data",
        str(tmp_path / "x.npy"),
        "--latent-dim",
        "4",
        "--hidden",
        "5",
        "--batch-size",
        "5",
        "--quiet",
    ]
    argv += ["--posterior", posterior, "--prior", prior]
    assert main([*argv, "--epochs", "4", "--out", str(tmp_path / "whole")]) == 0
    assert main([*argv, "--epochs", "2", "--out", str(tmp_path / "run")]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "4", "--quiet"]) == 0
    whole, run = (Run.open(tmp_path / name).model for name in ("whole", "run"))
    held = named_parameters(whole) | named_buffers(whole)
    assert len(held) == len(named_parameters(whole)) + (3 if prior == "codes" else 0)
    for name, owner in (named_parameters(run) | named_buffers(run)).items():
        np.testing.assert_array_equal(owner.value, held[name].value)


@pytest.mark.parametrize(
    ("options", "commitment"),
    [
        ((), 0.25),
        (("--beta", "2"), 0.25),
        (("--free-bits", "0.1"), 0.25),
        (("--capacity", "1"), 0.25),
        (("--penalty", "decoder_norm(weight=1)"), 0.25),
        (("--penalty", "quantization(commitment=1)"), 1.0),
    ],
    ids=repr,
)
def test_what_options_say_of_the_models_own_objective_leaves_its_own_penalties(options, commitment):
    """A codebook without decay learns by the penalty Quantization alone."""
    command = ["--posterior", "vq(codes=4, groups=2)", "--prior", "codes", *options]
    parser = Parser()
    train.add_arguments(parser)
    config = configured(train.settings_given(parser.read(command)), None)
    (phase,) = build_phases(config, build_model(config, (6,), None), steps=1)
    (found,) = (p for p in phase.objective.penalties if isinstance(p, Quantization))
    assert found.commitment == commitment
    names = [type(penalty).__name__ for penalty in phase.objective.penalties]
    assert ("DecoderNorm" in names) == ("decoder_norm(weight=1)" in options)


M2 = {"model": "conditional_vae", "classes": 2, "classifier": 3}


@pytest.mark.parametrize(
    ("settings", "objective", "stays"),
    [
        ({"posterior": "vq(codes=4)", "prior": "codes"}, Iwae(2), "posterior.codebooks: it stays as it is"),
        ({"posterior": "vq(codes=4)", "prior": "codes"}, None, None),
        ({"posterior": "vq(codes=4, decay=0.9)", "prior": "codes"}, Iwae(2), None),
        ({"critic": (3,)}, Elbo(), "critic.0.weight and 3 more: they stay as they are"),
        ({"critic": (3,)}, Elbo(penalties=(Critic(1.0),)), None),
        (
            {"model": "conditional_vae", "classes": 2, "classifier": 3},
            Elbo(),
            "classifier.0.weight and 3 more: they stay as they are",
        ),
        ({"model": "conditional_vae", "classes": 2, "classifier": 3}, None, None),
    ],
    ids=repr,
)
def test_a_network_that_no_objective_moves_is_said(settings, objective, stays, caplog):
    model = mlp(6, latent_dim=4, hidden=(5,), **settings)
    data = Dataset("x", np.random.default_rng(0).random((8, 6)), np.arange(8) % 2)
    model.fit(data, epochs=2, objective=objective)
    said = [record.getMessage() for record in caplog.records]
    assert said == ([] if stays is None else [f"Training: no objective moves {stays}"])
