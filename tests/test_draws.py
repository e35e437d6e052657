"""Several draws of one example: what a role makes of them is what it makes of the example repeated."""

import numpy as np
import pytest

from scratchvae import likelihoods, posteriors
from scratchvae.arrays import InputError
from scratchvae.distributions import bernoulli, gaussian
from scratchvae.layers import Mode, cast, named_parameters
from scratchvae.reference import all_parts

B, K, D = 3, 4, 5
RNG = np.random.default_rng(0)
LIKELIHOODS = {part.of.__name__: part.example(D) for part in all_parts() if part.example}
REAL = RNG.normal(size=(B, D))
POSTERIORS = {"DiagonalGaussian": posteriors.DiagonalGaussian(D), "FullGaussian": posteriors.FullGaussian(D)}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_each_x_meets_its_draws(name, training):
    likelihood, x = LIKELIHOODS[name]
    cast(likelihood, np.float64)
    x_params, seed = RNG.normal(size=(B * K, likelihood.n_params((D,)))), RNG.normal(size=B * K)
    found = []
    for constants in ({"x": x, "draws": K}, {"x": np.repeat(x, K, axis=0)}):
        log_px, pullback = likelihood.log_prob(x_params, **constants, mode=Mode(RNG if training else None))
        dx_params = pullback(seed)
        found.append([log_px, dx_params, *(p.grad for p in named_parameters(likelihood).values())])
        cast(likelihood, np.float64)  # forgets the gradients
    assert found[0][0].shape == (B * K,)
    for shared, repeated in zip(*found, strict=True):
        np.testing.assert_allclose(shared, repeated, rtol=1e-13)


@pytest.mark.parametrize("name", POSTERIORS)
def test_each_q_has_its_draws(name):
    posterior = POSTERIORS[name]
    q_params, noise = RNG.normal(size=(B, posterior.n_params)), RNG.normal(size=(B * K, D))
    dz, dlog_q = RNG.normal(size=(B * K, D)), RNG.normal(size=B * K)
    (z, log_q), pullback = posterior.sample_with_log_prob(q_params, noise=noise, draws=K)
    (one_z, one_log_q), one_pullback = posterior.sample_with_log_prob(
        np.repeat(q_params, K, axis=0), noise=noise
    )
    np.testing.assert_allclose(z, one_z, rtol=1e-14)
    np.testing.assert_allclose(log_q, one_log_q, rtol=1e-14)
    summed = one_pullback(dz, dlog_q).reshape(B, K, -1).sum(axis=1)
    np.testing.assert_allclose(pullback(dz, dlog_q), summed, rtol=1e-12, atol=1e-14)


def test_every_role_is_here():
    concrete = {name for name in likelihoods.__all__ if name[0].isupper()} - {"Likelihood", "OutsideSupport"}
    assert LIKELIHOODS.keys() == concrete
    assert POSTERIORS.keys() == {name for name in posteriors.__all__ if name.endswith("Gaussian")}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: bernoulli.log_prob(np.zeros((6, 2)), x=np.zeros((2, 2)), draws=2),
            r"logits should have shape \(4, D\)",
        ),
        (
            lambda: bernoulli.log_prob(np.zeros((5, 2)), x=np.zeros((2, 2)), draws=0),
            "draws should be at least 1, found 0",
        ),
        (
            lambda: gaussian.reparameterize(REAL, REAL, noise=REAL, draws=2),
            r"noise should have shape \(6, D\)",
        ),
        (lambda: gaussian.log_prob_of_draw(REAL, noise=REAL, draws=2), r"noise should have shape \(6, D\)"),
    ],
)
def test_rows_that_do_not_match_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
