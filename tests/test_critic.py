"""A critic of codes beside closed forms and enumeration, what each of the two phases moves, and a schedule in
cycles.
"""

from copy import deepcopy

import numpy as np
import pytest

from scratchvae import VAE, Autoencoder, mlp
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Layer, Parameter, cast, named_parameters
from scratchvae.objectives import (
    Critic,
    Cycles,
    DecoderNorm,
    Discrimination,
    Elbo,
    Pass,
    Reconstruction,
    SampledElbo,
)
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.training import Adam, Training, phases_of

RNG = np.random.default_rng(0)
D, Z = 6, 2
X = RNG.random((12, D)).astype(np.float32)


class Known(Layer):
    """A critic that is some function of z, without Parameters."""

    def __init__(self, function):
        self.function = function

    def __call__(self, z, *, mode=EVALUATION, needs_dx=True):
        return self.function(z)[:, None], lambda dT: np.zeros_like(z)


class Codes:
    """What a critic's penalty and its objective read of a model whose codes are given."""

    posterior, prior = DiagonalGaussian(Z), StandardGaussian(Z)

    def __init__(self, critic, z=None):
        self.critic, self.z = critic, z

    def draw_noise(self, rows, rng):
        return rng.standard_normal((rows, Z))

    def run(self, batch, noise, *, mode):
        return pass_of(self.z), None


def pass_of(z, draws=1):
    rows = len(z) // draws
    return Pass(np.zeros((rows, draws)), np.zeros((rows, 2 * Z)), z)


def value_of(penalty, critic, z, draws=1):
    one = pass_of(z, draws)
    return penalty(Codes(critic), Batch(np.zeros((len(one.log_px), D))), one, None, mode=EVALUATION)


def log_normal(z, mean, covariance):
    apart = z - mean
    squares = np.einsum("ni,ij,nj->n", apart, np.linalg.inv(covariance), apart)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


MEAN, COVARIANCE = np.array([0.3, -1.2]), np.array([[0.9, 0.5], [0.5, 0.7]])
# exact for the quadratic functions that these critics are
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(3)
GRID = MEAN + np.stack(np.meshgrid(NODES, NODES), axis=-1).reshape(-1, 2) @ np.linalg.cholesky(COVARIANCE).T
MASS = np.outer(WEIGHTS, WEIGHTS).ravel() / WEIGHTS.sum() ** 2


def test_with_the_best_critic_of_gaussian_codes_the_penalty_is_their_total_correlation():
    def best(z):
        return log_normal(z, MEAN, COVARIANCE) - log_normal(z, MEAN, np.diag(np.diag(COVARIANCE)))

    found, _ = value_of(Critic(1.0), Known(best), GRID)
    correlation = COVARIANCE[0, 1] / np.sqrt(COVARIANCE[0, 0] * COVARIANCE[1, 1])
    assert MASS @ found == pytest.approx(-0.5 * np.log(1 - correlation**2), rel=1e-12)


def test_with_the_best_critic_against_the_prior_the_penalty_is_the_kl():
    def best(z):
        return log_normal(z, MEAN, COVARIANCE) - log_normal(z, np.zeros(2), np.eye(2))

    found, _ = value_of(Critic(1.0, against="prior"), Known(best), GRID)
    closed = 0.5 * (np.trace(COVARIANCE) + MEAN @ MEAN - 2 - np.linalg.slogdet(COVARIANCE)[1])
    assert MASS @ found == pytest.approx(closed, rel=1e-12)


class Listed(Layer):
    """A critic with a logit of its own for each of a few codes, which the first latent numbers."""

    def __init__(self, logits):
        self.logits = Parameter(np.array(logits, np.float64))

    def __call__(self, z, *, mode=EVALUATION, needs_dx=True):
        places = z[:, 0].astype(int)

        def pullback(dT):
            received = np.zeros_like(self.logits.value)
            np.add.at(received, places, dT[:, 0])
            self.logits.receive(received)

        return self.logits.value[places][:, None], pullback


def test_the_best_critic_is_the_log_ratio_and_its_loss_is_that_of_jensen_and_shannon():
    """Of codes and other draws that take three values, counted: there the gradient of the loss is 0, and
    elsewhere not.
    """
    q, r = np.array([5, 2, 3]), np.array([1, 4, 5])
    codes, others = (np.repeat(np.arange(3.0), counts)[:, None] * [1, 0] for counts in (q, r))
    critic = Listed(np.log(q / r))
    report, pullback = Discrimination("prior")(Codes(critic, codes), Batch(np.zeros((10, D))), (None, others))
    pullback()
    np.testing.assert_allclose(critic.logits.grad, 0, atol=1e-15)
    p, s = q / 10, r / 10
    jensen_shannon = 0.5 * (p @ np.log(2 * p / (p + s)) + s @ np.log(2 * s / (p + s)))
    assert report.loss == pytest.approx(np.log(2) - jensen_shannon, rel=1e-13)
    assert report.loss == pytest.approx(report.terms["cross_entropy"].mean(), rel=1e-13)
    blind = Listed(np.zeros(3))
    report, pullback = Discrimination("prior")(Codes(blind, codes), Batch(np.zeros((10, D))), (None, others))
    pullback()
    assert report.loss == pytest.approx(np.log(2), rel=1e-13)
    np.testing.assert_allclose(blind.logits.grad, (r - q) / 40, rtol=1e-12)  # 1/2B (½ r − ½ q)


def test_a_critic_that_is_sure_still_has_finite_terms():
    T = np.array([-800.0, -30.0, 0.0, 30.0, 800.0])
    found, pullback = value_of(Critic(1.0, "prior", "non_saturating"), Known(lambda z: T), np.zeros((5, Z)))
    np.testing.assert_allclose(found, [0, np.exp(-30.0), np.log(2), 30, 800], rtol=1e-12)
    assert np.isfinite(pullback(np.ones(5))["dz"]).all()


def test_what_codes_are_permuted_by():
    own, places = Discrimination().draw_noise(Codes(None), 50, np.random.default_rng(0))
    assert own.shape == places.shape == (50, Z)
    np.testing.assert_array_equal(np.sort(places, axis=0), np.repeat(np.arange(50)[:, None], Z, axis=1))
    assert not np.array_equal(places[:, 0], places[:, 1])
    z = RNG.normal(size=(50, Z))
    seen = []
    Discrimination()(
        Codes(Known(lambda z: seen.append(z) or np.zeros(len(z))), z), Batch(np.zeros((50, D))), (own, places)
    )
    np.testing.assert_array_equal(seen[0][:50], z)
    np.testing.assert_array_equal(seen[0][50:], np.stack([z[places[:, 0], 0], z[places[:, 1], 1]], axis=1))


def judged(**settings):
    return mlp((D,), latent_dim=Z, hidden=(8,), critic=(5,), seed=1, **settings)


CASES = {
    "FactorVAE": (Elbo(penalties=(Critic(2.0),)), {}),
    "two draws": (SampledElbo(samples=2, penalties=(Critic(2.0),)), {"posterior": "full_gaussian"}),
    "adversarial": (
        Reconstruction(penalties=(Critic(2.0, "prior", "non_saturating"),)),
        {"model": "autoencoder"},
    ),
    "of a mixture": (SampledElbo(penalties=(Critic(2.0, "prior"),)), {"prior": "gaussian_mixture"}),
}


@pytest.mark.parametrize("case", CASES)
def test_each_phase_moves_its_own_network_and_leaves_the_other_as_it_is(case):
    """In the critic's phase the gradient of what made the codes is exactly none, though the loss does depend
    on it.
    """
    objective, settings = CASES[case]
    model = judged(**settings)
    first, second = phases_of(model, objective, Adam(0.1))
    assert second.objective == Discrimination(objective.penalties[0].against)
    parameters = named_parameters(model)
    critics = {name for name in parameters if name.startswith("critic.")}
    assert set(first.moved(parameters)) == set(parameters) - critics
    assert set(second.moved(parameters)) == critics
    batch = Batch(X)
    noise = second.objective.draw_noise(model, len(X), np.random.default_rng(0))
    report, pullback = second.objective(model, batch, noise)
    pullback()
    assert {name for name, parameter in parameters.items() if parameter.grad is not None} == critics
    moved = deepcopy(model)
    for parameter in named_parameters(moved.encoder).values():
        parameter.value = 2 * parameter.value
    assert second.objective(moved, batch, noise)[0].loss != report.loss
    before = {name: parameter.value.copy() for name, parameter in parameters.items()}
    Training(model, [first], Dataset("x", X), epochs=1).run()
    changed = {
        name for name, parameter in parameters.items() if not np.array_equal(parameter.value, before[name])
    }
    assert changed
    assert not changed & critics
    before = {name: parameter.value.copy() for name, parameter in parameters.items()}
    Training(model, [second], Dataset("x", X), epochs=1).run()
    changed = {
        name for name, parameter in parameters.items() if not np.array_equal(parameter.value, before[name])
    }
    assert changed == critics


def test_a_critic_learns_what_the_total_correlation_is():
    """Of codes with a correlation of 0.9, whose total correlation is 0.83 nats: 112 steps bring the estimate
    near.

    Over eight seeds the estimate was between 0.56 and 0.95. That of a critic that learns nothing is 0, and
    its sign turned −0.83.
    """
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2000, 2)) @ np.linalg.cholesky([[1, 0.9], [0.9, 1]]).T
    model = mlp(
        (2,), latent_dim=2, hidden=(4,), critic=(32, 32), likelihood="gaussian", model="autoencoder", seed=0
    )
    for network in (model.encoder, model.decoder):
        network.layers = ()  # so that codes are the examples
    (critic,) = phases_of(model, Reconstruction(penalties=(Critic(1.0),)), Adam(1e-2))[1:]
    Training(model, [critic], Dataset("pairs", z.astype(np.float32)), epochs=7, batch_size=128).run()
    T, _ = model.critic(z.astype(np.float32))
    assert T.mean() == pytest.approx(-0.5 * np.log(1 - 0.81), abs=0.6)


def test_a_fit_has_both_phases_and_is_kept_with_its_critic(tmp_path):
    model = VAE(
        latent_dim=Z, hidden=8, critic=(5, 4), objective=Elbo(penalties=(Critic(1.0),)), epochs=2
    ).fit(X)
    assert {"0.critic", "1.cross_entropy"} <= model.history[-1]["train"].keys()
    again = VAE.load(model.save(tmp_path / "a.safetensors") or tmp_path / "a.safetensors")
    assert "critic.4.weight" in named_parameters(again.model_)
    z = model.transform(X)
    np.testing.assert_array_equal(again.model_.critic(z)[0], model.model_.critic(z)[0])
    recipe = mlp((D,), latent_dim=Z, hidden=8, critic=(5, 4), likelihood="gaussian", seed=0)
    unfitted = VAE(latent_dim=Z, hidden=8, critic=(5, 4), standardize=False)
    unfitted.fit(X, epochs=1, learning_rate=1e-30)
    for name, parameter in named_parameters(recipe).items():
        np.testing.assert_allclose(named_parameters(unfitted.model_)[name].value, parameter.value, atol=1e-20)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Critic(-1.0), "weight"),
        (lambda: Critic(1.0, against="posterior"), "permuted, prior"),
        (lambda: Critic(1.0, form="saturating"), "log_ratio"),
        (lambda: Discrimination("codes"), "permuted, prior"),
        (
            lambda: mlp((D,)).fit(X, objective=Elbo(penalties=(Critic(1.0),))),
            r"--critic 256 256 give it; found none",
        ),
        (lambda: Autoencoder(critic=0).fit(X), "critic"),
        (lambda: mlp((D,), model="conditional_vae", classes=2, critic=3), "conditional_vae has no critic"),
        (lambda: Elbo(penalties=(Critic(1.0), Critic(1.0, "prior"))), "a term of their own"),
        (lambda: Cycles(10, count=0), "count"),
        (lambda: Cycles(0), "steps"),
        (lambda: Cycles(10, rising=0), "rising should be above 0"),
        (lambda: Cycles(10, rising=1.5), "at most 1"),
        (lambda: Cycles(10, end=-1), "end"),
        (lambda: DecoderNorm(-1), "weight"),
    ],
)
def test_what_makes_no_sense_is_refused(build, words):
    with pytest.raises(InputError, match=words):
        build()


def test_networks_of_one_s_own_come_with_a_critic_of_one_s_own():
    made = mlp((D,), latent_dim=Z, hidden=(3,))
    parts = {
        name: getattr(made, name)
        for name in ("event_shape", "encoder", "decoder", "posterior", "prior", "likelihood")
    }
    with pytest.raises(InputError, match=r"found \(5,\), which is no Layer"):
        VAE(**parts, critic=(5,)).fit(X, objective=Elbo(penalties=(Critic(1.0),)))


def test_cycles_of_a_weight():
    """Fu et al. 2019, equation 6: with T = 100, M = 4, R = 0.5 the weight is 0 at 0, 25, 50, 75, and 1 from
    half of each on.
    """
    weight = Cycles(100, end=3.0)
    assert [weight(s) for s in (0, 25, 50, 75)] == [0, 0, 0, 0]
    assert [weight(s) for s in (5, 30, 55, 80)] == pytest.approx([3 * 0.4] * 4)
    assert [weight(s) for s in (12.5, 20, 49, 74.9, 99, 100, 130, np.inf)] == [3.0] * 8
    once = Cycles(100, count=1, rising=0.25)
    assert [once(s) for s in (0, 10, 25, 99, np.inf)] == pytest.approx([0, 0.4, 1, 1, 1])
    assert np.mean([weight(s + 0.5) for s in range(1000)][:100]) == pytest.approx(3 * 0.75, abs=0.01)


def test_the_norm_of_a_decoder():
    model = mlp((D,), latent_dim=Z, hidden=(3,))
    cast(model, np.float64)
    one = pass_of(np.zeros((4, Z)))
    found, _ = DecoderNorm(1.0)(model, Batch(np.zeros((4, D))), one, None, mode=EVALUATION)
    values = [parameter.value.ravel() for parameter in named_parameters(model.decoder).values()]
    assert found == pytest.approx(np.sum(np.concatenate(values) ** 2), rel=1e-13)
