"""Penalties on an autoencoder's codes: closed forms, differences, limits, and training with them."""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.layers import BatchNorm, Linear, ReLU, Sequential, Sigmoid, Tanh, cast
from scratchvae.likelihoods import Gaussian
from scratchvae.objectives import L1, ActivationKl, Contraction, Pass, Reconstruction, jacobian_norm
from scratchvae.recipes import mlp
from scratchvae.training import minimize

RNG = np.random.default_rng(0)
X = RNG.uniform(0.1, 0.9, (5, 6))
Z = RNG.uniform(0.1, 0.9, (5, 3))


def in_float64(layer):
    cast(layer, np.float64)
    return layer


def code(x, encoder):
    return encoder(x)[0]


def test_contraction_of_one_sigmoid_layer_by_the_closed_form():
    linear = Linear(6, 3, rng=0)
    encoder = in_float64(Sequential(linear, Sigmoid()))
    h, W = code(X, encoder), linear.weight.value
    expected = ((h * (1 - h)) ** 2 * (W**2).sum(axis=0)).sum(axis=1)  # Rifai et al. 2011
    np.testing.assert_allclose(jacobian_norm(encoder, X)[0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    "last", [[], [Sigmoid()], [Tanh(), Linear(3, 2, rng=3)]], ids=["linear", "sigmoid", "deeper"]
)
def test_contraction_is_the_squared_norm_of_the_jacobian_by_differences(last):
    encoder = in_float64(Sequential(Sequential(Linear(6, 4, rng=1), Tanh()), Linear(4, 3, rng=2), *last))
    h = 1e-6
    columns = [(code(X + h * e, encoder) - code(X - h * e, encoder)) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(
        jacobian_norm(encoder, X)[0], (np.stack(columns) ** 2).sum(axis=(0, 2)), rtol=1e-7
    )


def at(z):
    """A pass whose draws are z, one an example."""
    return Pass(np.zeros((len(z), 1)), z, z)


def test_activation_kl_is_zero_at_its_target_and_the_sum_over_latents():
    penalty = ActivationKl(1.0, target=0.3)
    at_target, pullback = penalty(None, None, at(np.full((4, 3), 0.3)), None, mode=None)
    assert np.abs(at_target).max() < 1e-15
    assert np.abs(pullback(np.ones(()))["dz"]).max() < 1e-15
    value, _ = penalty(None, None, at(Z), None, mode=None)
    on = Z.mean(axis=0)
    expected = (0.3 * np.log(0.3 / on) + 0.7 * np.log(0.7 / (1 - on))).sum()
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dead", [0.0, 1.0])
def test_latents_that_are_always_off_or_always_on_give_numbers(dtype, dead):
    value, pullback = ActivationKl(1.0)(None, None, at(np.full((4, 2), dead, dtype)), None, mode=None)
    assert np.isfinite(value).all()
    dz = pullback(np.ones((), dtype))["dz"]
    assert np.isfinite(dz).all()
    assert (np.sign(dz) == (1 if dead else -1)).all()  # towards the target


def test_l1_has_no_slope_at_zero():
    value, pullback = L1(1.0)(None, None, at(np.array([[0.0, -2.0, 0.5]])), None, mode=None)
    assert value[0] == 2.5
    np.testing.assert_array_equal(pullback(np.ones(1))["dz"], [[0, -1, 1]])


def trained(penalties, **settings):
    rng = np.random.default_rng(0)
    hidden = rng.random((400, 4)) < 0.3
    x = np.clip(hidden @ rng.random((4, 12)) + 0.05 * rng.standard_normal((400, 12)), 0, None).astype(
        np.float32
    )
    shape = {"latent_dim": 8, "hidden": (), "model": "autoencoder", "likelihood": "gaussian"}
    model = mlp((12,), **shape, **settings)
    model.fit(x, epochs=30, batch_size=50, learning_rate=0.01, objective=Reconstruction(penalties=penalties))
    return model, x


def test_each_penalty_does_what_it_is_for():
    plain, x = trained(())
    sparse, _ = trained((L1(0.3),))
    contracted, _ = trained((Contraction(0.3),))
    on_target, _ = trained((ActivationKl(3.0, target=0.1),), code_activation="sigmoid")
    off_target, _ = trained((), code_activation="sigmoid")

    def norm(model):
        return jacobian_norm(model.encoder, x)[0].mean()

    assert np.abs(sparse.encode(x)).sum(axis=1).mean() < 0.5 * np.abs(plain.encode(x)).sum(axis=1).mean()
    assert norm(contracted) < 0.5 * norm(plain)
    distance = [np.abs(model.encode(x).mean(axis=0) - 0.1).max() for model in (on_target, off_target)]
    assert distance[0] < 0.1 < distance[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ActivationKl(1.0, target=0.0), "target should be a number between 0 and 1, found 0.0"),
        (lambda: L1(-1.0), "weight should be at least 0, found -1.0"),
        (lambda: Contraction(np.nan), "weight should be at least 0, found nan"),
        (
            lambda: ActivationKl(1.0)(None, None, at(Z + 0.5), None, mode=None),
            r"codes should lie in \(0, 1\).*found codes from",
        ),
        (
            lambda: ActivationKl(1.0)(None, None, at(Z * np.nan), None, mode=None),
            r"codes should lie in \(0, 1\).*nan",
        ),
        (
            lambda: Reconstruction(penalties=(0.3,)),
            "penalties should be such as L1, ActivationKl or Contraction, found 0.3",
        ),
        (
            lambda: Reconstruction(penalties=(L1(1.0), ActivationKl(1.0))),
            "each have a term of their own, found spars",
        ),
        (lambda: jacobian_norm(Sequential(Linear(6, 2, rng=0), BatchNorm(2)), X), "found BatchNorm"),
        (
            lambda: mlp((6,)).fit(X, objective=Reconstruction(penalties=(Contraction(1.0),))),
            "a Point; found a DiagonalGaussian",
        ),
        (
            lambda: mlp((6,), code_activation="sigmoid"),
            "code_activation is for a model whose encoder puts out codes",
        ),
        (lambda: mlp((6,), model="autoencoder", code_activation="step"), "code_activation should be one of"),
    ],
)
def test_what_cannot_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_an_encoder_without_curvature_has_a_constant_jacobian():
    encoder = in_float64(Sequential(Linear(6, 2, rng=0), ReLU()))
    norm, pullback = jacobian_norm(encoder, X)
    pullback(np.ones(5))
    on = code(X, encoder) > 0
    W = encoder.layers[0].weight
    np.testing.assert_allclose(W.grad, 2 * W.value * on.sum(axis=0), rtol=1e-12)  # of Σ_b Σ_j [on] Σ_d W_dj²
    np.testing.assert_allclose(norm, (on * (W.value**2).sum(axis=0)).sum(axis=1), rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------
# the identity


def test_a_deep_autoencoder_is_the_identity_where_codes_are_as_large_as_the_data():
    """12 numbers in a layer of ELUs each way; the error held out goes the same way, so that it is no memory
    of examples.
    """
    D, variance, rng = 12, 1e-6, np.random.default_rng(0)
    x, unseen = rng.uniform(-0.5, 0.5, (300, D)), rng.uniform(-0.5, 0.5, (200, D))
    left, before = {}, {}
    for latent_dim in (D, D // 2):
        model = mlp(
            (D,),
            latent_dim=latent_dim,
            hidden=(20,),
            activation="elu",
            model="autoencoder",
            likelihood=Gaussian(variance),
            init="orthogonal",
        )
        cast(model, np.float64)
        before[latent_dim] = ((model.reconstruct(unseen) - unseen) ** 2).mean() / x.var()
        objective = Reconstruction()
        minimize(model, objective, Batch(x), objective.draw_noise(model, len(x), rng), max_steps=200)
        left[latent_dim] = [((model.reconstruct(part) - part) ** 2).mean() / x.var() for part in (x, unseen)]
    seen, held_out = left[D]
    assert seen < 1e-5  # measured: 2e-7
    assert held_out < 2e-5  # measured: 1e-6
    assert min(left[D // 2]) > 0.1
    assert min(before.values()) > 0.5
