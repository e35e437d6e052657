"""The posterior that is a mixture, its two kinds of draws, and the signal and the noise of an estimator."""

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import norm

from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch
from scratchvae.distributions import mixture
from scratchvae.evaluation import EstimatorNoise, bound_on_grid, even_grid
from scratchvae.objectives import Elbo, Iwae, SampledElbo, StratifiedElbo
from scratchvae.posteriors import DiagonalGaussian, MixturePosterior
from scratchvae.recipes import mlp
from scratchvae.reference.cases.case import objective_case
from scratchvae.reference.cases.models import X, vae

B, C, Z = 4, 3, 2
RNG = np.random.default_rng(0)
LOGITS, MEANS, LOG_VARS = RNG.normal(size=(B, C)), 2 * RNG.normal(size=(B, C, Z)), RNG.normal(size=(B, C, Z))
Q_PARAMS = np.hstack([LOGITS, MEANS.reshape(B, -1), LOG_VARS.reshape(B, -1)])


def test_one_component_is_the_diagonal_gaussian():
    """Draws, log-densities and gradients, with and without the score, up to rounding of the equation that is
    solved.
    """
    one, plain = MixturePosterior(Z, 1), DiagonalGaussian(Z)
    q_params, noise = RNG.normal(size=(B, 2 * Z)), RNG.normal(size=(3 * B, Z))
    dz, dlog_q = RNG.normal(size=(3 * B, Z)), RNG.normal(size=3 * B)
    for score in (True, False):
        (z, log_q), pullback = one.sample_with_log_prob(
            np.c_[np.ones(B), q_params], noise=noise, draws=3, score=score
        )
        (other, log_other), other_pullback = plain.sample_with_log_prob(
            q_params, noise=noise, draws=3, score=score
        )
        np.testing.assert_allclose(z, other, rtol=1e-13)
        np.testing.assert_allclose(log_q, log_other, rtol=1e-12)
        found = pullback(dz, dlog_q)
        np.testing.assert_allclose(found[:, 1:], other_pullback(dz, dlog_q), atol=1e-11)
        np.testing.assert_allclose(found[:, 0], 0, atol=1e-12)  # a weight that is 1 whatever its logit


@pytest.mark.parametrize(
    "noise",
    [RNG.normal(size=(B, Z)), np.full((B, Z), 6.5), np.full((B, Z), -6.5)],
    ids=["", "above", "below"],
)
@pytest.mark.parametrize("apart", [1.0, 10.0])
def test_a_draw_has_the_conditional_distribution_functions_that_its_noise_says(noise, apart):
    z, _ = mixture.reparameterize(LOGITS, apart * MEANS, LOG_VARS, noise=noise)
    before = LOGITS
    for d in range(Z):
        a = (z[:, d, None] - apart * MEANS[:, :, d]) / np.exp(LOG_VARS[:, :, d] / 2)
        side = -np.sign(noise[:, d])  # by the lesser tail
        weights = np.exp(log_softmax(before, axis=1))
        F = (weights * norm.cdf(side[:, None] * a)).sum(axis=1)
        np.testing.assert_allclose(F, norm.cdf(side * noise[:, d]), rtol=1e-11)
        before = before + norm.logpdf(a) - LOG_VARS[:, :, d] / 2


def small(q_params):
    """One x, one latent, and the q(z|x) of these numbers."""
    model = vae(posterior=MixturePosterior(1, 2))
    model.encoder.layers[-1].weight.value = np.zeros_like(model.encoder.layers[-1].weight.value, np.float64)
    model.encoder.layers[-1].bias.value = np.array(q_params)
    return model


def gradient(model, objective, x, noise):
    _, pullback = objective(model, Batch(x), noise)
    pullback()
    return model.encoder.layers[-1].bias.grad


AXIS = np.linspace(-8, 8, 101)
KINDS = {
    "implicit": (SampledElbo(), 1),
    "implicit, stl": (SampledElbo(gradient="stl"), 1),
    "stratified": (StratifiedElbo(), 2),
    "importance-weighted, one draw": (Iwae(1, "dreg"), 1),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind == "stratified")) for kind in KINDS]
)
def test_each_estimator_has_the_slope_of_the_bound_by_quadrature(kind):
    """Over an even grid of the noise, beside one of z.

    Each rule is exact to some e^-30 for functions as smooth as these.
    """
    (objective, K), x = KINDS[kind], RNG.uniform(size=(1, 4))
    q_params = np.array([0.3, -0.4, -0.4, 1.1, -0.5, -1.0])
    model, grid = small(q_params), even_grid(1)
    (log_px, log_pz), _ = model.log_joint(Batch(x), grid.z, draws=len(grid.z))
    _, bound_pullback = bound_on_grid(
        q_params[None], posterior=model.posterior, log_joint=log_px + log_pz, grid=grid
    )
    expected = -bound_pullback(np.ones(1))[0]
    noise = np.stack(np.meshgrid(*[AXIS] * K, indexing="ij"), axis=-1).reshape(-1, K)
    weights = np.exp(-0.5 * (noise**2).sum(axis=1))
    total = np.zeros(6)
    for row, weight in zip(noise, weights / weights.sum(), strict=True):
        if weight > 1e-16:
            model.encoder.layers[-1].bias.grad = None
            given = row[:, None] if K == 1 else model.posterior.stratified(row[:, None])
            total += weight * gradient(model, objective, x, given)
    np.testing.assert_allclose(total, expected, atol=1e-9)


def test_the_gradients_of_the_weighted_bound_are_its_slopes():
    """Those of learned weights too, which the mixture of several encoders has not."""
    posterior = MixturePosterior(2, 3)
    noise = posterior.stratified(np.random.default_rng(2).normal(size=(len(X) * 4 * 3, 2)))
    objective = StratifiedElbo(samples=4, weighted=True)
    case = objective_case("weighted", objective, vae(posterior=posterior), X, noise=noise)
    checks = list(check_pullback(case.op, case.arrays, case.constants, tolerance=1e-7))
    assert len(checks) == len(case.arrays)
    assert all(check.ok for check in checks), checks


def test_a_stratified_draw_is_of_the_component_that_stands_behind_it():
    q, noise = MixturePosterior(Z, C), RNG.normal(size=(2 * B * C, Z))
    stratified = q.stratified(noise)
    z, _ = q.sample(Q_PARAMS, noise=stratified, draws=2 * C)
    for row, draw in enumerate(z):
        b, c = row // (2 * C), row % C
        np.testing.assert_allclose(draw, MEANS[b, c] + np.exp(LOG_VARS[b, c] / 2) * noise[row], rtol=1e-13)
    weights = np.exp(log_softmax(LOGITS, axis=1))
    np.testing.assert_allclose(q.code(Q_PARAMS), np.einsum("bc,bcz->bz", weights, MEANS), rtol=1e-13)


def test_a_mixture_is_trained_by_its_name():
    x = (RNG.random((12, 5)) < 0.5).astype(np.float32)
    for objective in (None, StratifiedElbo(samples=2), Iwae(3)):
        model = mlp((5,), latent_dim=2, hidden=(4,), posterior="gaussian_mixture(components=3)", seed=0)
        model.fit(x, epochs=1, objective=objective)
        assert type(model.default_objective()) is SampledElbo
        assert np.isfinite(model.history[0]["train"]["bound"])
        assert model.transform(x).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: StratifiedElbo().draw_noise(vae(), 2, RNG),
            "should be a MixturePosterior, .*; found a DiagonalGaussian",
        ),
        (lambda: StratifiedElbo(samples=0), "samples should be at least 1"),
        (lambda: StratifiedElbo(beta=-1.0), "beta should be at least 0"),
        (lambda: StratifiedElbo(beta=2.0, weighted=True), "beta should be 1 with weighted draws, found 2.0"),
        (lambda: MixturePosterior(2, 0), "components should be at least 1"),
        (
            lambda: MixturePosterior(Z, C).sample(Q_PARAMS, noise=np.zeros((B, Z + 2))),
            r"should be \(4, 2\), or \(4, 3\).*\(4, 4\)",
        ),
        (
            lambda: Elbo()(vae(posterior=MixturePosterior(2)), Batch(np.zeros((1, 4))), np.zeros((1, 2))),
            "no closed form",
        ),
    ],
)
def test_what_a_mixture_cannot_do_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_signal_and_noise_of_known_gradients():
    """Two Parameters: a mean of (3, 4), each entry with a variance of 2, and a mean that is all noise."""
    mean = {"a.weight": np.array([3.0, 4.0]), "b": np.array([0.1])}
    found = EstimatorNoise(10, 0.0, 1.0, mean, {"a.weight": np.array([2.0, 2.0]), "b": np.array([1.0])})
    assert found.signal("a") == pytest.approx(np.sqrt(25 - 4 / 10))
    assert found.signal("b") == 0  # 0.01 is less than what noise adds, 1/10
    assert found.signal_to_noise("a") == pytest.approx(np.sqrt(24.6) / 2)
    clear = EstimatorNoise(10, 0.0, 1.0, {"a.weight": np.array([6.0, 8.0])}, {"a.weight": np.zeros(2)})
    assert found.signal_to_noise("a", of=clear) == pytest.approx(10 / 2)
