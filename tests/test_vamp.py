"""The prior that is made of the encoder: what its density is, where its gradients go, and what it shares with
the model.
"""

from copy import deepcopy

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from scratchvae import evaluation
from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch, Dataset
from scratchvae.distributions import mixture
from scratchvae.layers import (
    BatchNorm,
    Dropout,
    Linear,
    Mode,
    Sequential,
    Tanh,
    cast,
    named_buffers,
    named_parameters,
)
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, SampledElbo, ScoreFunctionElbo
from scratchvae.posteriors import DiagonalGaussian, FullGaussian, Point
from scratchvae.priors import StandardGaussian, VampPrior, vamp
from scratchvae.recipes import mlp
from scratchvae.training import Adam, Training, load_checkpoint, restore_model, save_checkpoint

D, Z, B = 4, 2, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(B, D))
POSTERIORS = {"DiagonalGaussian": DiagonalGaussian, "FullGaussian": FullGaussian}


def small(posterior=None, *, between=None, **settings):
    """A VAE in float64 whose prior reads its encoder, with `between` the encoder's two layers."""
    posterior = posterior or DiagonalGaussian(Z)
    encoder = Sequential(Linear(D, 3, rng=1), *(between or [Tanh()]), Linear(3, posterior.n_params, rng=2))
    model = VAE(
        event_shape=(D,),
        encoder=encoder,
        posterior=posterior,
        prior=VampPrior((D,), encoder, posterior, **{"components": 5, "rng": 3, **settings}),
        decoder=Sequential(Linear(posterior.latent_dim, 3, rng=4), Tanh(), Linear(3, D, rng=5)),
        likelihood=Gaussian(0.3),
    )
    cast(model, np.float64)
    return model


def received(model, pullback, *seeds):
    """The gradient of every Parameter by name, after the pullback has run."""
    for parameter in named_parameters(model).values():
        parameter.grad = None
    pullback(*seeds)
    return {
        n: np.zeros_like(p.value) if p.grad is None else p.grad for n, p in named_parameters(model).items()
    }


# ------------------------------------------------------------------------------------------------------------
# its density


@pytest.mark.parametrize("name", POSTERIORS)
def test_with_the_data_as_pseudo_inputs_it_is_the_aggregate_posterior(name):
    """1/N Σ_n q(z|x_n), each density by SciPy."""
    model = small(POSTERIORS[name](Z), pseudo_inputs=X.astype(np.float32).reshape(B, 2, 2))
    z = RNG.normal(size=(6, Z))
    q_params, _ = model.encoder(X.astype(np.float32).astype(np.float64))
    if name == "DiagonalGaussian":
        laws = [stats.multivariate_normal(row[:Z], np.diag(np.exp(row[Z:]))) for row in q_params]
    else:
        factors = [np.array([[np.exp(row[2]), 0], [row[4], np.exp(row[3])]]) for row in q_params]
        laws = [stats.multivariate_normal(row[:2], L @ L.T) for row, L in zip(q_params, factors, strict=True)]
    expected = logsumexp([law.logpdf(z) for law in laws], axis=0) - np.log(B)
    np.testing.assert_allclose(model.prior.log_prob(z)[0], expected, rtol=1e-12)


def test_at_given_codes_it_is_a_mixture_with_equal_weights():
    """The same Gaussians through distributions.mixture; its gradients by their parameters go on through the
    encoder.
    """
    model, z, seed = small(), RNG.normal(size=(6, Z)), RNG.normal(size=6)
    q_params, components_pullback = model.prior.components()
    expected, mixture_pullback = mixture.log_prob(z, np.zeros(5), q_params[:, :Z], q_params[:, Z:])
    found, pullback = model.prior.log_prob(z)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    dz, _, dmeans, dlog_vars = mixture_pullback(seed)
    of_mixture = received(model, components_pullback, np.hstack([dmeans, dlog_vars]))
    np.testing.assert_allclose(pullback(seed), dz, rtol=1e-12)
    for key, gradient in received(model, pullback, seed).items():
        np.testing.assert_allclose(gradient, of_mixture[key], rtol=1e-10, atol=1e-14, err_msg=key)
    assert np.abs(of_mixture["prior.pseudo_inputs"]).min() > 0


# pairs of one example, and of two; 6 examples have 30 pairs of 6 numbers
@pytest.mark.parametrize("numbers", [1, 70])
def test_few_examples_at_a_time_give_what_all_at_once_give(numbers, monkeypatch):
    model, z, seed = small(), RNG.normal(size=(6, Z)), RNG.normal(size=6)
    together, pullback = model.prior.log_prob(z)
    dz, gradients = pullback(seed), received(model, pullback, seed)
    monkeypatch.setattr(vamp, "NUMBERS_AT_ONCE", numbers)
    apart, pullback = model.prior.log_prob(z)
    np.testing.assert_allclose(apart, together, rtol=1e-14)
    np.testing.assert_allclose(pullback(seed), dz, rtol=1e-13)
    for key, gradient in received(model, pullback, seed).items():
        np.testing.assert_allclose(gradient, gradients[key], rtol=1e-12, atol=1e-15, err_msg=key)
    none, pullback = model.prior.log_prob(z[:0])
    assert none.shape == (0,)
    assert pullback(none).shape == (0, Z)


@pytest.mark.parametrize("name", POSTERIORS)
def test_its_gradients(name):
    """By z, by the encoder's Parameters and by pseudo-inputs within their bounds and beyond them."""
    model = small(POSTERIORS[name](Z), bounds=(-0.8, 0.8))
    parameters = {n: p for n, p in named_parameters(model).items() if n.startswith(("encoder", "prior"))}
    u = model.prior.pseudo_inputs.value
    assert (np.abs(u) > 0.81).any()
    assert (np.abs(u) < 0.79).any()

    def op(z, *values):
        for parameter, value in zip(parameters.values(), values, strict=True):
            parameter.value = value
        log_pz, prior_pullback = model.prior.log_prob(z)

        def pullback(dlog_pz):
            for parameter in parameters.values():
                parameter.grad = None
            dz = prior_pullback(dlog_pz)
            return dz, *(parameter.grad for parameter in parameters.values())

        return log_pz, pullback

    arrays = {"z": RNG.normal(size=(3, Z)), **{n: p.value for n, p in parameters.items()}}
    assert not [str(c) for c in check_pullback(op, arrays) if not c.ok]


def test_the_encoder_reads_what_the_bounds_leave():
    """An entry beyond a bound counts as the bound and has no gradient; one at a bound is within."""
    u = np.array([[-0.5, 0.0, 0.5, 1.0], [0.25, 1.5, 0.75, 7.0]], np.float32)
    bounded, plain = small(pseudo_inputs=u, bounds=(0, 1)), small(pseudo_inputs=np.clip(u, 0, 1))
    z = RNG.normal(size=(3, Z))
    (found, pullback), (expected, plain_pullback) = bounded.prior.log_prob(z), plain.prior.log_prob(z)
    np.testing.assert_array_equal(found, expected)
    name = "prior.pseudo_inputs"
    du, of_plain = (
        received(bounded, pullback, np.ones(3))[name],
        received(plain, plain_pullback, np.ones(3))[name],
    )
    np.testing.assert_array_equal(du, np.where((u >= 0) & (u <= 1), of_plain, 0))
    assert np.abs(of_plain).min() > 0


def test_no_prior_makes_the_bound_of_its_data_larger_than_the_aggregate_posterior():
    """By quadrature: the rate with it is I(x; z) <= log N; with another prior it is larger by KL(q(z) ||
    p(z)), equation 7.
    """
    x = np.random.default_rng(5).normal(size=(20, D)).astype(np.float32)
    model = small(DiagonalGaussian(1), pseudo_inputs=x)
    grid = evaluation.even_grid(1, reach=12.0, points=4001)
    q_params, _ = model.encoder(x.astype(np.float64))
    log_q, _ = evaluation.log_q_on_grid(q_params, posterior=model.posterior, grid=grid)
    rates = {}
    for prior in (model.prior, StandardGaussian(1), small(DiagonalGaussian(1), pseudo_inputs=x[:7]).prior):
        log_pz, _ = prior.log_prob(grid.z)
        rates[prior] = evaluation.expectation_by_quadrature(log_q - log_pz, log_q, grid=grid).mean.mean()
        log_aggregate = logsumexp(log_q, axis=0)[None] - np.log(20)
        gap = evaluation.expectation_by_quadrature(log_aggregate - log_pz, log_aggregate, grid=grid).mean[0]
        assert rates[prior] - rates[model.prior] == pytest.approx(gap, rel=1e-6, abs=1e-9)
        assert prior is model.prior or gap > 1e-3
    assert 0 < rates[model.prior] < np.log(20)


# ------------------------------------------------------------------------------------------------------ where
# gradients go


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize(
    "objective",
    [
        SampledElbo(samples=3),
        SampledElbo(gradient="stl"),
        Iwae(3),
        Iwae(3, gradient="dreg"),
        ScoreFunctionElbo(samples=3),
    ],
    ids=str,
)
def test_the_encoder_receives_by_q_and_by_p_and_the_pseudo_inputs_by_p(objective, posterior):
    """A prior with a copy of the encoder tells the two apart: the shared encoder's gradient is the sum of
    both encoders'.
    """
    model = small(POSTERIORS[posterior](Z))
    noise = RNG.normal(size=(B * objective.samples, Z))
    shared = received(model, objective(model, Batch(X), noise)[1])
    apart = deepcopy(model)
    apart.prior.encoder = deepcopy(model.encoder)
    separate = received(apart, objective(apart, Batch(X), noise)[1])
    for name, gradient in shared.items():
        by_p = separate.get(f"prior.{name}", np.zeros(()))
        np.testing.assert_allclose(gradient, separate[name] + by_p, rtol=1e-10, atol=1e-13, err_msg=name)
        assert not name.startswith("encoder") or np.abs(by_p).max() > 1e-3
    assert len(separate) == len(shared) + 4


@pytest.mark.parametrize("objective", [SampledElbo(gradient="stl"), Iwae(1, gradient="dreg")], ids=str)
def test_estimators_without_the_score_keep_the_expected_gradient(objective):
    """By Gauss and Hermite's rule over the noise of one draw:

    q's own score goes, what the encoder gets by p(z) stays.
    """
    model = small(DiagonalGaussian(1))
    points, shares = np.polynomial.hermite_e.hermegauss(60)
    batch, noise = Batch(X[:1]).repeat(60), points[:, None]
    expected = []
    for estimator in (SampledElbo(), objective):
        one, run_pullback = model.run(batch, noise, kl="sampled", score=estimator == SampledElbo())
        weights = (shares / shares.sum())[:, None] + 0 * one.log_px
        path = None if estimator != objective or "stl" in str(objective) else np.ones_like(weights)
        seeds = {"dlog_px": weights, "dlog_pz": weights, "dlog_q": -weights, "path": path}
        expected.append(received(model, lambda seeds=seeds, run_pullback=run_pullback: run_pullback(**seeds)))
    for name, gradient in expected[0].items():
        np.testing.assert_allclose(
            expected[1][name], gradient, rtol=0, atol=1e-9 * max(1, np.abs(gradient).max())
        )


# --------------------------------------------------------------------------------------------------------
# what it shares


def test_a_shared_encoder_keeps_its_names_and_comes_once(tmp_path):
    model, plain = (
        mlp((D,), latent_dim=Z, hidden=(3,), prior=prior, seed=1) for prior in ("vamp", "standard_gaussian")
    )
    names = list(named_parameters(model))
    names.remove("prior.pseudo_inputs")
    assert names == list(named_parameters(plain))
    copy = deepcopy(model)
    assert copy.prior.encoder is copy.encoder
    data = Dataset("x", X.astype(np.float32))
    model = mlp((D,), latent_dim=Z, hidden=(3,), prior="vamp", likelihood="gaussian", seed=1)
    training = Training(model, model.phases(Adam(1e-2)), data, epochs=2, batch_size=2).run()
    save_checkpoint(tmp_path / "c.safetensors", training, {})
    other = mlp((D,), latent_dim=Z, hidden=(3,), prior="vamp", likelihood="gaussian", seed=2)
    restore_model(load_checkpoint(tmp_path / "c.safetensors"), other)
    z = RNG.normal(size=(5, Z)).astype(np.float32)
    np.testing.assert_array_equal(other.prior.log_prob(z)[0], model.prior.log_prob(z)[0])
    assert other.prior.encoder is other.encoder


def test_pseudo_inputs_are_read_in_evaluation_mode():
    """p(z) is one density in training too: no mask is drawn, and BatchNorm's statistics are those of the
    examples alone.
    """
    model = small(between=[BatchNorm(3), Tanh(), Dropout(0.5)])
    for buffer in named_buffers(model).values():
        buffer.value = RNG.uniform(0.5, 1.5, buffer.value.shape)
    plain = deepcopy(model)
    plain.prior = StandardGaussian(Z)
    z, noise = RNG.normal(size=(4, Z)), RNG.normal(size=(B, Z))
    before = model.prior.log_prob(z)[0]
    np.testing.assert_array_equal(model.prior.log_prob(z, mode=Mode(np.random.default_rng(0)))[0], before)
    for one in (model, plain):
        one.run(Batch(X), noise, kl="sampled", mode=Mode(np.random.default_rng(0)))
    for name, buffer in named_buffers(plain).items():
        np.testing.assert_array_equal(named_buffers(model)[name].value, buffer.value, err_msg=name)
    assert (model.prior.log_prob(z)[0] != before).all()  # since the running statistics have moved


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({}, D),
        ({"fill": "learned"}, 2 * D),
        ({"fill": "zero_and_mask"}, 2 * D),
        ({"model": "conditional_vae", "classes": 3}, D + 3),
        ({"model": "conditional_vae", "condition_dim": 2, "fill": "learned"}, 2 * D + 2),
    ],
)
def test_a_pseudo_input_is_as_wide_as_what_the_encoder_gets(settings, width):
    """x, and behind it which entries were observed and what the model is told."""
    model = mlp(
        (D,), latent_dim=Z, hidden=(3,), likelihood="gaussian", prior="vamp(components=5)", **settings
    )
    assert model.prior.pseudo_inputs.value.shape == (5, width)
    told = (
        np.arange(B) % 3
        if "classes" in settings
        else np.ones((B, 2))
        if "condition_dim" in settings
        else None
    )
    assert np.isfinite(model.fit(X, told, epochs=1).score(X, told))


def test_a_model_with_it_is_trained_sampled_and_scored():
    rng = np.random.default_rng(1)
    centres = np.array([[2.0, 0, 0, 0], [-2.0, 0, 0, 0]])
    x = (centres[rng.integers(2, size=400)] + 0.3 * rng.normal(size=(400, D))).astype(np.float32)
    model = mlp((D,), latent_dim=1, hidden=(16,), likelihood="gaussian(learned=True)", prior="vamp", seed=1)
    first = model.prior.pseudo_inputs.value.copy()
    model.fit(x, epochs=30, batch_size=50, learning_rate=1e-2)
    assert (model.prior.pseudo_inputs.value != first).all()
    assert type(model.default_objective()) is SampledElbo
    samples = model.sample(300, rng=0)
    assert samples.shape == (300, D)
    assert samples.dtype == np.float32
    assert model.prior.sample(0, rng).shape == (0, 1)
    share = (samples[:, 0] > 0).mean()
    assert 0.35 < share < 0.65  # of two equal groups; the standard error of 300 draws is 0.03
    assert np.abs(np.abs(samples[:, 0]) - 2).mean() < 0.5
    exact = evaluation.evidence(model, x[:5], reach=20.0, points=8001).log_px
    estimated = model.score_samples(x[:5], samples=4000)
    np.testing.assert_allclose(estimated, exact, atol=0.1)


def alone(posterior=None, **settings):
    return VampPrior((D,), Linear(D, 2 * Z), posterior or DiagonalGaussian(Z), **settings)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: alone(Point(Z)), "posterior should have a density over real vectors or .* found a Point"),
        (lambda: alone(components=2.5), "components should be a whole number, .*found 2.5"),
        (lambda: alone(bounds=(1, 0)), r"low < high, found \(1, 0\)"),
        (lambda: alone(pseudo_inputs=X[:, :3]), r"events? of 4 entries, .*found shape \(3, 3\)"),
        (lambda: alone(pseudo_inputs=X[:0]), r"at least one event .*found shape \(0, 4\)"),
        (lambda: alone(pseudo_inputs=0 * X / 0), "pseudo_inputs should be finite"),
        (lambda: alone(pseudo_inputs=np.ones((2, D), int)), "floating, .*found int64"),
        (lambda: small().prior.sample(-1, RNG), "n should be at least 0, found -1"),
        (lambda: small().prior.log_prob(np.zeros((2, 5))), r"z should have shape \(B, 2\)"),
        (
            lambda: Elbo()(small(), Batch(X), X[:, :Z]),
            "no closed form .* from DiagonalGaussian to VampPrior .*; .*sampled_elbo",
        ),
    ],
)
def test_what_it_cannot_do_is_said(call, words):
    with np.errstate(invalid="ignore"), pytest.raises(InputError, match=words):
        call()
