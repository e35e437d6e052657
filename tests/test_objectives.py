"""Bounds: their order, their limits, their terms; what schedules do; and models for which log p(x) is known
exactly.
"""

import math
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from scratchvae import ops
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import mixture
from scratchvae.evaluation import active_units, bits_per_dimension, bound, codes, log_likelihood
from scratchvae.layers import (
    EVALUATION,
    Dropout,
    Layer,
    Linear,
    Mode,
    Owner,
    Parameter,
    cast,
    named_parameters,
)
from scratchvae.layers.interface import apply
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    GaussianDiagonal,
    GaussianOptimal,
    Laplace,
    Multinomial,
    Poisson,
)
from scratchvae.models import VAE
from scratchvae.objectives import (
    ActivationKl,
    Elbo,
    Iwae,
    Pass,
    Ramp,
    Reconstruction,
    SampledElbo,
    ScoreFunctionElbo,
    SemiSupervised,
    StratifiedElbo,
    SubsampledElbo,
)
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import GaussianMixture, StandardGaussian
from scratchvae.recipes import mlp

D, Z, N = 5, 2, 7
X = np.random.default_rng(0).uniform(0, 1, (N, D))


def small(**settings):
    model = mlp((D,), latent_dim=Z, hidden=(4,), **settings)
    cast(model, np.float64)
    return model


def report(objective, model=None, seed=0, x=X, mode=EVALUATION):
    model = model or small()
    return objective(
        model, Batch(x), objective.draw_noise(model, len(x), np.random.default_rng(seed)), mode=mode
    )[0]


def test_the_terms_add_up():
    r = report(Elbo(beta=3.0))
    np.testing.assert_allclose(r.terms["bound"], r.terms["log_px"] - r.terms["kl"])
    assert r.loss == pytest.approx((-r.terms["log_px"] + 3 * r.terms["kl"]).mean())
    assert (r.terms["kl"] >= 0).all()
    assert r.means()["kl"] == pytest.approx(r.terms["kl"].mean())


def test_free_bits_cost_at_least_their_number_and_are_taken_from_the_mean_over_the_batch():
    model = small()
    q_params, _ = model.encoder(X)
    mean, log_var = q_params[:, :Z], q_params[:, Z:]
    by_latent = (0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)).mean(axis=0)
    level = float(by_latent.mean())  # between the two latents
    r = report(Elbo(free_bits=level), model)
    assert r.loss == pytest.approx(-r.terms["log_px"].mean() + np.maximum(by_latent, level).sum())
    assert by_latent.min() < level < by_latent.max()


def test_capacity_counts_the_distance_of_each_example():
    r = report(Elbo(beta=5.0, capacity=0.2))
    assert r.loss == pytest.approx((-r.terms["log_px"] + 5 * np.abs(r.terms["kl"] - 0.2)).mean())


@pytest.mark.parametrize(
    ("objective", "slope"),
    [
        (Elbo(), 1),
        (Elbo(free_bits=0.5), 1),  # max(λ, ⟨kl⟩) takes ⟨kl⟩ where they are equal
        (Elbo(free_bits=0.5 + 1e-15), 0),
        (Elbo(capacity=1.0), 0),  # |Σ kl − C| has the slope 0 there
        (Elbo(capacity=1.0 + 1e-15), -1),
        (Elbo(capacity=1.0 - 1e-15), 1),
    ],
    ids=repr,
)
def test_at_a_kink_the_slope_is_the_one_that_is_promised(objective, slope):
    """Two latents of mean 1 and variance 1 cost ½ each, exactly; the decoder looks at neither."""
    encoder, decoder = Linear(D, 2 * Z, rng=0), Linear(Z, D, rng=0)
    model = VAE(
        event_shape=(D,),
        encoder=encoder,
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=decoder,
        likelihood=Bernoulli(),
    )
    cast(model, np.float64)
    encoder.weight.value[:], encoder.bias.value[:], decoder.weight.value[:] = 0, [1, 1, 0, 0], 0
    one, pullback = objective(model, Batch(X), np.zeros((N, Z)))
    assert (one.terms["kl"] == 1).all()
    pullback()
    np.testing.assert_allclose(encoder.bias.grad, [slope, slope, 0, 0], rtol=1e-14)


def test_one_importance_sample_is_the_sampled_bound():
    one, sampled = report(Iwae(1)), report(SampledElbo())
    np.testing.assert_allclose(one.terms["bound"], sampled.terms["bound"], rtol=1e-12)
    assert one.loss == pytest.approx(sampled.loss, rel=1e-12)


def test_the_importance_weighted_bound_lies_between_the_means_and_the_largest_weight():
    K = 6
    model, objective = small(), Iwae(K)
    r = report(objective, model)
    noise = objective.draw_noise(model, N, np.random.default_rng(0))
    plain = report(SampledElbo(samples=K), model)
    assert (r.terms["bound"] >= plain.terms["bound"]).all()
    q_params, _ = model.encoder(np.repeat(X, K, axis=0))
    mean, log_var = q_params[:, :Z], q_params[:, Z:]
    z = mean + np.exp(log_var / 2) * noise
    logits, _ = model.decoder(z)
    p = 1 / (1 + np.exp(-logits))
    x = np.repeat(X, K, axis=0)
    log_w = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1) + stats.norm.logpdf(z).sum(1)
    log_w -= stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(1)
    np.testing.assert_allclose(
        r.terms["bound"], logsumexp(log_w.reshape(N, K), axis=1) - np.log(K), rtol=1e-12
    )


@pytest.mark.parametrize("K", [1, 2, 4])
def test_objectives_of_several_draws_report_the_same_terms(K):
    """log_px and kl are means over an example's own draws, which stand side by side."""
    model = small()
    plain = report(SampledElbo(samples=K), model)
    for objective in (Iwae(K), ScoreFunctionElbo(K, leave_one_out=K > 1)):
        terms = report(objective, model).terms
        for name in ("log_px", "kl") if isinstance(objective, Iwae) else ("log_px", "kl", "bound"):
            assert terms[name].shape == (N,)
            np.testing.assert_allclose(terms[name], plain.terms[name], rtol=1e-12)


class Drawn(Owner):
    """A model whose passes, one after another, have the given weights; `asked` keeps what is handed to their
    pullbacks.
    """

    likelihood = Bernoulli()

    def __init__(self, log_weights, asked=None):
        self.log_weights, self.asked = iter(log_weights), asked
        self.parameter = Parameter(np.zeros(1))

    def draw_noise(self, rows, rng):
        return np.empty((rows, 0))

    def run(self, batch, noise, *, draws=1, **settings):
        log_px = next(self.log_weights)
        zero = np.zeros_like(log_px)
        return Pass(log_px, zero, zero, zero, zero), lambda **parts: self.asked.append(parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_share_is_dropped_where_no_sum_would_notice_it(dtype):
    """w̃ below ε² is: of an example's draws, whatever their number and that of the examples."""
    limit = 2 * np.log(np.finfo(dtype).eps)
    log_px, asked = np.array([[0, limit - 0.1, limit + 0.1], [limit + 0.1, 0, limit - 0.1]] * 4, dtype), []
    _, pullback = Iwae(3)(Drawn([log_px], asked), Batch(np.empty((8, 1), dtype)), None)
    pullback()
    (passed,) = asked
    assert passed.pop("path") is None
    expected = np.where(log_px < limit, 0, -np.exp(log_px) / 8)
    for found in (passed["dlog_px"], passed["dlog_pz"], -passed["dlog_q"]):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0)


def test_the_sampled_bound_estimates_the_closed_form_without_bias():
    model = small()
    exact = report(Elbo(), model).terms["kl"]
    draws = np.stack([report(SampledElbo(samples=50), model, seed=s).terms["kl"] for s in range(60)])
    assert (np.abs(draws.mean(axis=0) - exact) < 4 * draws.std(axis=0) / np.sqrt(60)).all()


def test_one_component_at_the_origin_is_the_standard_prior():
    model = small()
    model.prior = GaussianMixture(Z, components=1, rng=0)
    model.prior.means.value[:] = 0
    cast(model, np.float64)
    np.testing.assert_allclose(
        report(SampledElbo(), model).terms["bound"], report(SampledElbo(), small()).terms["bound"], rtol=1e-12
    )


class Affine(Layer):
    """q_params of the exact posterior of the linear-Gaussian model below: mean z = x A + c, and a constant
    log-variance.
    """

    def __init__(self, A, c, log_var):
        self.W = Parameter(np.hstack([A, np.zeros_like(A)]))
        self.b = Parameter(np.concatenate([c, log_var]))

    def __call__(self, x, *, mode=EVALUATION, needs_dx=True):
        return apply(ops.linear, x, self.W, self.b)


def linear_gaussian(variance=0.3):
    """x = z w + m + noise with one latent has a Gaussian posterior.

    log p(x) is that of N(m, w wᵀ + σ² I).
    """
    w, m = np.array([1.0, -0.5, 2.0]), np.array([0.2, 0.1, -0.3])
    precision = 1 + w @ w / variance
    decoder = Linear(1, 3, rng=0)
    A = (w / variance / precision)[:, None]
    model = VAE(
        event_shape=(3,),
        encoder=Affine(A, -m @ A, np.array([-np.log(precision)])),
        posterior=DiagonalGaussian(1),
        prior=StandardGaussian(1),
        decoder=decoder,
        likelihood=Gaussian(variance),
    )
    cast(model, np.float64)
    decoder.weight.value, decoder.bias.value = w[None], m
    model.likelihood.log_var.value = np.log([variance])
    return model, stats.multivariate_normal(m, np.outer(w, w) + variance * np.eye(3))


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    model, law = linear_gaussian()
    x = law.rvs(20, random_state=0)
    exact = law.logpdf(x)
    np.testing.assert_allclose(model.score_samples(x, samples=3), exact, rtol=1e-10)
    for objective in (Iwae(4), SampledElbo(samples=2)):
        np.testing.assert_allclose(report(objective, model, x=x).terms["bound"], exact, rtol=1e-10)
    closed = bound(model, Dataset("x", np.repeat(x, 2000, axis=0)), Elbo(), rng=np.random.default_rng(0))
    assert closed["bound"] == pytest.approx(exact.mean(), abs=0.02)


def test_with_a_wrong_posterior_the_bounds_are_ordered_and_the_estimate_converges():
    """The examples are so many that any draws show it.

    `score_samples` seeds its draws by each example's bits, and the last bits of x differ between versions of
    SciPy. At K = 20 the mean of 1,000 examples lies 0.143 below log p(x), with a standard deviation of 0.017.
    """
    model, law = linear_gaussian()
    x = law.rvs(1000, random_state=0)
    exact = law.logpdf(x).mean()
    model.encoder.b.value[0] += 0.6
    model.encoder.b.value[1] += 1.0
    values = [report(Elbo(), model, x=np.repeat(x, 10, axis=0)).terms["bound"].mean()]
    values += [model.score_samples(x, samples=K).mean() for K in (5, 20, 2000)]
    assert values == sorted(values)
    assert values[0] < exact - 0.1
    assert values[-1] == pytest.approx(exact, abs=0.02)


def test_chunks_of_draws_give_what_all_at_once_gives(monkeypatch):
    model, law = linear_gaussian()
    model.encoder.b.value[1] += 1.0
    data = Dataset("x", law.rvs(4, random_state=0))
    found = []
    for rows in (1000, 7):
        drawn = iter(np.random.default_rng(0).normal(size=(60, model.posterior.latent_dim)))
        monkeypatch.setattr(
            model.posterior,
            "draw_noise",
            lambda n, rng, drawn=drawn: np.array([next(drawn) for _ in range(n)]),
        )
        monkeypatch.setattr(import_module("scratchvae.evaluation.log_likelihood"), "ROWS", rows)
        found.append(
            log_likelihood(model, data.subset(slice(0, 1)), samples=60, rng=np.random.default_rng(0))
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
    monkeypatch.undo()
    monkeypatch.setattr(import_module("scratchvae.evaluation.log_likelihood"), "ROWS", 20)
    assert log_likelihood(model, data, samples=6, rng=np.random.default_rng(0)).shape == (4,)


@pytest.mark.parametrize(
    "log_w",
    [
        [-np.inf, -np.inf, 0.0, 1.0],
        [0.0, 1.0, -np.inf, -np.inf],
        [-np.inf] * 4,
        [-np.inf, -1e4, -np.inf, 3.0],
        [1e4, 9_999.0, -1e4, 1e4],
        [-1e4, -9_999.0, 1e4, 9_998.0],
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 3, 4])
def test_weights_of_nothing_and_of_any_size_are_summed_in_pieces(log_w, piece, monkeypatch):
    """A weight of 0, log w = −∞, is what a draw has that can't have made x; all of them 0 give −∞ and never
    NaN.
    """
    monkeypatch.setattr(import_module("scratchvae.evaluation.log_likelihood"), "ROWS", piece)
    for row in (np.array([log_w]), np.array([log_w[::-1]])):
        model = Drawn([row[:, k : k + piece] for k in range(0, 4, piece)])
        found = log_likelihood(model, Dataset("x", X[:1]), samples=4, rng=np.random.default_rng(0))
        np.testing.assert_allclose(found, logsumexp(row, axis=1) - np.log(4), rtol=1e-12)


def test_batches_of_examples_are_each_estimated():
    model, law = linear_gaussian()
    data = Dataset("x", law.rvs(9, random_state=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("scratchvae.evaluation.log_likelihood"), "ROWS", 12)
        found = log_likelihood(model, data, samples=4, rng=np.random.default_rng(0))
    assert len(set(found)) == 9
    whole = log_likelihood(model, data, samples=20_000, rng=np.random.default_rng(1))
    assert np.abs(found - whole).max() < 1
    np.testing.assert_allclose(whole, law.logpdf(data.batch(slice(None)).x), atol=0.05)


def test_memory_of_an_estimate_does_not_grow_with_its_samples():
    model, law = linear_gaussian()
    data, peaks = Dataset("x", law.rvs(3, random_state=0)), []
    for samples in (5_000, 5_000, 50_000):
        tracemalloc.start()
        log_likelihood(model, data, samples=samples, rng=np.random.default_rng(0))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]


def test_weights_that_differ_by_thousands_of_nats_do_not_overflow():
    model, law = linear_gaussian()
    model.likelihood.log_var.value[:] = -12.0
    x = law.rvs(3, random_state=0)
    found = log_likelihood(model, Dataset("x", x), samples=40, rng=np.random.default_rng(0))
    noise = model.posterior.draw_noise(120, np.random.default_rng(0))
    log_w = model.run(Batch(x), noise, draws=40, kl="sampled")[0].log_weights
    assert np.ptp(log_w, axis=1).min() > 1000
    np.testing.assert_allclose(found, logsumexp(log_w, axis=1) - np.log(40), rtol=1e-12)


def test_importance_shares_are_never_subnormal_numbers():
    model, law = linear_gaussian()
    model.likelihood.log_var.value[:] = -12.0  # weights thousands of nats apart
    shares = []
    decoder = model.decoder

    class Watched:
        def __call__(self, z, **settings):
            y, pullback = decoder(z, **settings)
            return y, lambda dy: shares.append(np.abs(dy)) or pullback(dy)

    model.decoder = Watched()
    objective, x = Iwae(200), law.rvs(5, random_state=0)
    _, pullback = objective(model, Batch(x), objective.draw_noise(model, 5, np.random.default_rng(0)))
    pullback()
    (dx_params,) = shares
    assert (dx_params == 0).mean() > 0.3
    assert dx_params[dx_params > 0].min() > 1e-50


def test_grey_pixels_are_binarized_where_they_should_be():
    model, data = small(), Dataset("grey", np.full((400, D), 0.5))
    seen = []
    model.likelihood.require_support = lambda x: None
    inner = model.encoder
    model.encoder = lambda x, **k: seen.append(x.copy()) or inner(x, **k)
    for binarized in (False, True):
        bound(model, data, Elbo(), rng=np.random.default_rng(0), binarized=binarized)
        log_likelihood(model, data, samples=2, rng=np.random.default_rng(0), binarized=binarized)
    kinds = [set(np.unique(x)) for x in seen]
    assert kinds == [{0.5}, {0.5}, {0.0, 1.0}, {0.0, 1.0}]


def test_a_density_is_compared_with_probabilities_by_its_levels():
    assert bits_per_dimension(-784 * np.log(2), 784) == pytest.approx(1)
    assert bits_per_dimension(0.0, 784, levels=256) == pytest.approx(8)  # the uniform density on [0, 1]


def test_active_units_are_those_whose_codes_vary():
    model = small()
    weight = named_parameters(model)["encoder.2.weight"]
    weight.value[:, 1] = 0
    data = Dataset("x", 100 * X)
    assert active_units(codes(model, data)).tolist() == [True, False]


def test_a_unit_is_active_where_its_variance_is_above_the_threshold():
    """Not its deviation, which of codes in (−1, 1) is larger; and at the threshold it is not active yet."""
    # variances 0.0025, 0.04, ¼, 0.36
    z = np.array([0.05, 0.2, 0.5, 0.6]) * np.array([[1.0], [-1.0], [1.0], [-1.0]]) + 3.0
    assert active_units(z).tolist() == [False, True, True, True]
    assert active_units(z, threshold=0.25).tolist() == [False, False, False, True]


def test_the_optimal_variance_is_the_mean_square_in_training_and_its_average_afterwards():
    law, mean = GaussianOptimal(), np.zeros((N, D))
    training = Mode(np.random.default_rng(0))
    log_px, _ = law.log_prob(mean, x=X, mode=training)
    best = (X**2).mean()
    np.testing.assert_allclose(log_px, stats.norm.logpdf(X, 0, np.sqrt(best)).sum(1), rtol=1e-10)
    for factor in (0.9, 1.1):
        assert stats.norm.logpdf(X, 0, np.sqrt(factor * best)).sum() < log_px.sum()
    law.log_prob(mean, x=2 * X, mode=training)
    assert law.variance.value[0] == pytest.approx((best + 4 * best) / 2, rel=1e-6)
    held_out, _ = law.log_prob(mean, x=X)
    np.testing.assert_allclose(held_out, stats.norm.logpdf(X, 0, np.sqrt(2.5 * best)).sum(1), rtol=1e-6)
    for almost in (X, X + 1e-170):
        log_px, pullback = law.log_prob(almost, x=X, mode=training)
        assert np.isfinite(log_px).all()
        assert np.isfinite(pullback(np.ones(N))).all()


def test_the_running_variance_is_a_plain_average_until_a_batch_counts_by_the_momentum():
    law, training, running = GaussianOptimal(momentum=0.25), Mode(np.random.default_rng(0)), 1.0
    for seen in range(1, 9):
        x = np.full((2, D), float(seen))
        law.log_prob(np.zeros_like(x), x=x, mode=training)
        share = max(0.25, 1 / seen)
        running = (1 - share) * running + share * seen**2
        # kept in float32, eight times rounded
        assert law.variance.value[0] == pytest.approx(running, rel=1e-5)
        assert law.batches_seen.value[0] == seen
    law.log_prob(np.zeros_like(x), x=x)
    assert law.batches_seen.value[0] == 8


@pytest.mark.parametrize("floor", [0.0, 0.3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_diagonal_variances_are_those_of_scipy_and_move_by_the_closed_form(floor, dtype):
    start = np.linspace(0.5, 4, D)
    law, mean, x = GaussianDiagonal(start, min_variance=floor), (0.1 * X).astype(dtype), X.astype(dtype)
    cast(law, dtype)
    log_px, pullback = law.log_prob(mean, x=x)
    dmean = pullback(np.arange(1.0, N + 1).astype(dtype))
    dlog_excess = law.log_excess.grad
    assert {part.dtype for part in (log_px, dmean, dlog_excess, law.variance)} == {np.dtype(dtype)}
    seed, residual = np.arange(1.0, N + 1)[:, None], X - 0.1 * X
    close = {"rtol": 2e-5, "atol": 1e-4}  # the start is stored in float32, and float32's sums of N · D terms
    np.testing.assert_allclose(law.variance, start, rtol=1e-6)
    np.testing.assert_allclose(log_px, stats.norm.logpdf(X, 0.1 * X, np.sqrt(start)).sum(axis=1), **close)
    np.testing.assert_allclose(dmean, seed * residual / start, **close)
    expected = (seed * 0.5 * (residual**2 / start - 1)).sum(axis=0) * (start - floor) / start
    np.testing.assert_allclose(dlog_excess, expected, **close)


def test_a_diagonal_variance_goes_down_to_its_floor_and_no_further():
    law, x = GaussianDiagonal(np.ones(D), min_variance=0.01), np.zeros((N, D))
    cast(law, np.float64)
    law.log_excess.value[:] = -1000.0  # whose exponential is 0
    log_px, pullback = law.log_prob(x, x=x)
    pullback(np.ones(N))
    np.testing.assert_allclose(log_px, D * stats.norm.logpdf(0, 0, 0.1), rtol=1e-12)
    np.testing.assert_array_equal(law.log_excess.grad, 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GaussianDiagonal(1.0), r"variance should have shape \(D,\), found \(\)"),
        (lambda: GaussianDiagonal([1.0], min_variance=-1), "min_variance should be at least 0, found -1"),
        (lambda: GaussianDiagonal([1.0, 0.0]), "finite and above min_variance = 1e-06; found 0 for entry 1"),
        (lambda: GaussianDiagonal([2.0, 1.0, np.inf]), "found inf for entry 2"),
        (lambda: GaussianDiagonal([2.0, 1.0], min_variance=1), "found 1 for entry 1"),
        (
            lambda: GaussianDiagonal([1.0, 1.0]).n_params((3,)),
            "a variance for each entry, D = 3; found 2 for events",
        ),
        (
            lambda: GaussianDiagonal(np.ones(4)).n_params((3,)),
            "a variance for each entry, D = 3; found 4 for events",
        ),
        (
            lambda: mlp((1, 3), likelihood=GaussianDiagonal([1.0, 1.0])),
            r"found 2 for events of shape \(1, 3\)",
        ),
        (
            lambda: GaussianDiagonal([1.0]).log_prob(np.ones((4, 3)), x=np.ones((4, 3))),
            r"x_params should have shape \(B, 1\)",
        ),
        (
            lambda: GaussianDiagonal([1.0]).require_support(np.array([[np.nan]])),
            "GaussianDiagonal: x should be finite",
        ),
    ],
)
def test_variances_that_do_not_fit_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_categorical_levels_keep_every_byte():
    law = Categorical(256)
    byte = np.arange(256, dtype=np.uint8)
    x = (byte.astype(np.float32) / np.float32(255))[:, None]
    logits = np.full((256, 256), -50.0)
    logits[byte, byte] = 50.0
    assert (law.log_prob(logits, x=x)[0] > -1e-12).all()
    np.testing.assert_allclose(law.mean(logits)[:, 0], x[:, 0], atol=1e-6)
    np.testing.assert_allclose(law.sample(logits, np.random.default_rng(0))[:, 0], x[:, 0], atol=1e-6)


def test_multinomial_speaks_of_as_many_draws_as_it_is_told():
    logits = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 0.5, 0.5]], np.float32))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for total in (1, 40):
        law = Multinomial(total)
        drawn = np.array([law.sample(logits, np.random.default_rng(seed)) for seed in range(2000)])
        assert (drawn.sum(axis=2) == total).all()
        np.testing.assert_allclose(law.mean(logits), total * p, rtol=1e-6)
        assert np.all(np.abs(drawn.mean(axis=0) - total * p) < 4.5 * np.sqrt(total * p * (1 - p) / 2000))
        counts = np.array([[3.0, 0, 1], [0, 7, 7]])
        np.testing.assert_array_equal(
            law.log_prob(logits, x=counts)[0], Multinomial().log_prob(logits, x=counts)[0]
        )


@pytest.mark.parametrize("law", [Multinomial(), Poisson()])
def test_counts_are_told_from_what_is_none(law):
    law.require_support(np.array([[0.0, 1.0, 2.0**24]], np.float32))
    for wrong, found in ((0.5, "0.5"), (-1.0, "-1"), (np.nan, "nan"), (np.inf, "inf")):
        with pytest.raises(
            InputError, match=f"{type(law).__name__}: x should be counts 0, 1, 2, …; found {found}"
        ):
            law.require_support(np.array([[3.0, wrong]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_of_a_poisson_is_its_rate_and_stays_finite(dtype):
    mean = Poisson().mean(np.array([[-1e30, -80.0, 0.0, 3.0, 1e30]], dtype))
    np.testing.assert_allclose(mean, [[0, np.exp(-80.0), 1, np.exp(3.0), np.finfo(dtype).max]], rtol=1e-6)
    assert mean.dtype == dtype


def test_schedules_become_numbers_at_a_step():
    ramp = Ramp(0.0, 4.0, 100)
    assert [ramp(s) for s in (0, 50, 100, 1000)] == [0, 2, 4, 4]
    assert [Ramp(3.0, 1.0, 10)(s) for s in (0, 5, 10, 11)] == [3, 2, 1, 1]
    for step, weight in ((25, 1.0), (50, 2.0), (math.inf, 4.0)):
        mode = Mode(step=step)
        assert report(Elbo(beta=ramp), mode=mode).loss == report(Elbo(beta=weight)).loss
        assert report(SampledElbo(beta=ramp), mode=mode).loss == report(SampledElbo(beta=weight)).loss
        assert report(Elbo(capacity=ramp), mode=mode).loss == report(Elbo(capacity=weight)).loss
    assert report(Elbo(beta=ramp)).loss == report(Elbo(beta=4.0)).loss  # evaluation is after all steps


def test_corruption_keeps_the_share_it_should():
    _, epsilon, kept = Reconstruction(noise_std=0.5, mask_rate=0.2).draw_noise(
        small(), 4000, np.random.default_rng(0)
    )
    assert kept.mean() == pytest.approx(0.8, abs=0.02)
    assert epsilon.std() == pytest.approx(1, abs=0.02)


class Given:
    """A generator whose next numbers are known."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def random(self, shape=None, dtype=np.float64):
        return np.resize(np.array(self.numbers, dtype), shape)


EVEN = np.zeros(2), np.array([[-3.0], [5.0]]), np.zeros((2, 1))  # a mixture of two
HALVES = (0.0, float(np.nextafter(np.float32(0.5), 0)), 0.5, 0.9)


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda rng: Dropout(0.5)(np.ones((1, 4)), mode=Mode(rng))[0], [0, 0, 2, 2]),
        (
            lambda rng: Reconstruction(mask_rate=0.5).draw_noise(small(model="autoencoder"), 1, rng)[2][
                :, :4
            ],
            [0, 0, 1, 1],
        ),
        (lambda rng: Bernoulli().sample(np.zeros((1, 4)), rng), [1, 1, 0, 0]),
        (lambda rng: Categorical(2).sample(np.zeros((1, 8)), rng), [0, 0, 1, 1]),
        (lambda rng: Multinomial(4).sample(np.zeros((1, 2)), rng), [2, 2]),
        (lambda rng: mixture.sample(*EVEN, uniform=rng.random(4), noise=np.zeros((4, 1))).T, [-3, -3, 5, 5]),
    ],
    ids=["Dropout", "Reconstruction", "Bernoulli", "Categorical", "Multinomial", "mixture"],
)
def test_half_of_the_half_open_interval_is_what_lies_below_one_half(draw, expected):
    """U[0, 1) holds 0 and not 1, so that P(u < ½) is ½, and P(u ≤ ½) is more."""
    np.testing.assert_array_equal(draw(Given(*HALVES))[0], expected)


@pytest.mark.parametrize("z", [[-0.1, 0.5], [0.5, 1.1], [-0.1, 1.1], [np.nan, 0.5]])
def test_codes_outside_of_the_unit_interval_have_no_activation_kl(z):
    codes_of_two = np.array([z, [0.5, 0.5]])
    one = Pass(np.zeros((2, 1)), codes_of_two, codes_of_two)
    with pytest.raises(InputError, match=r"codes should lie in \(0, 1\).*found codes from"):
        ActivationKl(1.0)(None, None, one, None, mode=EVALUATION)


def test_denoising_corrupts_in_training_only_and_reconstructs_the_clean_data():
    model = small(model="autoencoder")
    objective = Reconstruction(noise_std=0.5, mask_rate=0.4)
    noise = objective.draw_noise(model, N, np.random.default_rng(0))
    clean = report(Reconstruction(), model)
    assert objective(model, Batch(X), noise)[0].loss == clean.loss
    trained = objective(model, Batch(X), noise, mode=Mode(np.random.default_rng(0)))[0]
    _, epsilon, kept = noise
    z, _ = model.encoder(kept * (X + 0.5 * epsilon))
    expected, _ = Bernoulli().log_prob(model.decoder(z)[0], x=X)
    np.testing.assert_allclose(trained.terms["log_px"], expected, rtol=1e-6)


BAD_SCALES = (-1.0, 0.0, float("inf"), float("nan"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Elbo(free_bits=1.0, capacity=2.0), "give one of them"),
        (lambda: Elbo(free_bits=-1.0), "at least 0, found -1.0"),
        (lambda: Elbo(beta=float("nan")), "at least 0, found nan"),
        (lambda: Iwae(0), "at least 1, found 0"),
        (lambda: SampledElbo(samples=0), "at least 1, found 0"),
        (lambda: Reconstruction(mask_rate=1.0), "below 1"),
        (
            lambda: report(Elbo(), small(prior="gaussian_mixture")),
            "no closed form .* from DiagonalGaussian to GaussianMixture",
        ),
        (
            lambda: report(Elbo(), small(model="autoencoder")),
            "from Point to .*; of the objectives reconstruction takes a Point",
        ),
        (
            lambda: report(Elbo(), small(prior="gaussian_mixture")),
            "of the objectives sampled_elbo and iwae need none",
        ),
        (lambda: report(SampledElbo(), small(model="autoencoder")), "should have a density, found a Point"),
        (
            lambda: Bernoulli().require_support(np.array([[0.5, 2.0]])),
            r"numbers in \[0, 1\]; found 2 in row 0",
        ),
        *(
            (lambda law=law, bad=bad: law(bad), f"positive, found {bad}")
            for law in (Gaussian, Laplace)
            for bad in BAD_SCALES
        ),
        (lambda: Multinomial(0), "total should be at least 1, found 0"),
        (lambda: Categorical(1), "at least 2, found 1"),
        (lambda: Gaussian().require_support(np.array([[np.inf]])), "finite"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


TAKEN = {  # each place that reads a schedule
    "Elbo beta": lambda weight: {"objective": Elbo(beta=weight)},
    "Elbo capacity": lambda weight: {"objective": Elbo(capacity=weight)},
    "SampledElbo": lambda weight: {"objective": SampledElbo(beta=weight)},
    "SubsampledElbo": lambda weight: {"objective": SubsampledElbo(beta=weight), "modalities": 2},
    "StratifiedElbo": lambda weight: {
        "objective": StratifiedElbo(beta=weight),
        "posterior": "gaussian_mixture(components=2)",
    },
    "SemiSupervised": lambda weight: {
        "objective": SemiSupervised(beta=weight),
        "model": "conditional_vae",
        "classes": 2,
        "classifier": 3,
    },
    "learning rate": lambda rate: {"learning_rate": rate},
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-3, None, "1", True])
@pytest.mark.parametrize("place", TAKEN)
def test_a_schedule_may_give_what_a_fixed_weight_may_be_and_nothing_else(place, value):
    for schedule, words in (
        (lambda step: value, f"a schedule: its .* at step 0 should be at least 0, found {value!r:.3}"),
        (lambda step: np.float64(1e-3), None),
    ):
        given = TAKEN[place](schedule)
        fit = {name: given.pop(name) for name in ("objective", "learning_rate") if name in given}
        model = mlp((D,), latent_dim=Z, hidden=(4,), **given)
        told = (np.arange(N) % 2,) if "classes" in given else ()
        if words is None:
            model.fit(X, *told, epochs=1, **fit)
        else:
            with pytest.raises(InputError, match=words):
                model.fit(X, *told, epochs=1, **fit)
