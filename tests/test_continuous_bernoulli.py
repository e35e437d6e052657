"""The continuous Bernoulli law: a density near λ = ½ and far from it, its mean, its draws, and faulty forms
of public code.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from scratchvae import kernels
from scratchvae.arrays import InputError
from scratchvae.distributions import bernoulli, continuous_bernoulli
from scratchvae.kernels.textbook.logistic import LOG_2
from scratchvae.likelihoods import ContinuousBernoulli
from scratchvae.recipes import LIKELIHOODS

RNG = np.random.default_rng(0)
ETA = (-60.0, -7.0, -LOG_2, -0.3, -1e-9, 0.0, 1e-4, 0.5, 0.6931471, 0.6931472, 3.0, 60.0)


def log_p(eta, x):
    x = np.atleast_1d(np.asarray(x, float))[:, None]
    return continuous_bernoulli.log_prob(np.full_like(x, eta), x=x)[0]


@pytest.mark.parametrize("eta", ETA)
def test_the_density_has_mass_one_and_the_mean_that_the_role_gives(eta):
    total, _ = quad(lambda x: np.exp(log_p(eta, x)[0]), 0, 1, epsabs=1e-12, epsrel=1e-12)
    first, _ = quad(lambda x: x * np.exp(log_p(eta, x)[0]), 0, 1, epsabs=1e-12, epsrel=1e-12)
    assert total == pytest.approx(1, abs=1e-10)
    assert ContinuousBernoulli().mean(np.full((1, 1), eta))[0, 0] == pytest.approx(first, abs=1e-10)


def test_values_are_those_of_scipys_truncated_exponential():
    """e^(ηx) on [0, 1] is, from the end that it leads to, an exponential law cut off at 1."""
    x = RNG.uniform(0, 1, 50)
    for eta in (-9.0, -0.8, 0.02, 4.0):
        away, from_end = abs(eta), 1 - x if eta > 0 else x
        np.testing.assert_allclose(
            log_p(eta, x), stats.truncexpon.logpdf(from_end, away, scale=1 / away), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cross_entropy_and_the_published_forms_are_wrong_here(dtype):
    """Bernoulli's has no normalizer.

    A clamp of λ to ±10⁻⁴ is off far out, and a Taylor series with a wrong term near ½.
    """
    x = np.array([[0.98]], dtype)
    eta = np.array([[13.0]], dtype)
    right, pullback = continuous_bernoulli.log_prob(eta, x=x)
    assert abs(bernoulli.log_prob(eta, x=x)[0] - right)[0] > 2
    clamped = np.log(0.9999 / 0.0001)
    assert abs(log_p(clamped, 0.98) - right)[0] > 0.1
    assert pullback(np.ones(1, dtype))[0, 0] != 0  # where a clamp would have none
    lam = 0.55  # log C ≈ log 2 + 4/3 (λ − ½)² + 104/45 (λ − ½)⁴: Loaiza-Ganem & Cunningham's section 4.2
    eta_near, d = np.log(lam / (1 - lam)), lam - 0.5
    series = np.log(2) + 4 / 3 * d**2 + 104 / 45 * d**4
    cross = 0.3 * np.log(lam) + 0.7 * np.log(1 - lam)
    # what is left out is of the order d⁶
    assert log_p(eta_near, 0.3)[0] == pytest.approx(cross + series, abs=1e-7)
    wrong = np.log(2) + 4 / 3 * d**2 + 10 / 45 * d**4
    assert abs(log_p(eta_near, 0.3)[0] - cross - wrong) > 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_twins_agree_and_nothing_overflows(dtype):
    eta, x = np.meshgrid([0, 1e-30, 1e-4, 0.6931, 0.6932, 1, 17, 88, 1e3, 1e4, 1e30], [0, 1e-6, 0.5, 1])
    eta, x = np.concatenate([eta, -eta]).ravel().astype(dtype), np.concatenate([x, x]).ravel().astype(dtype)
    found = []
    for twin in kernels.TWINS:
        with kernels.using(twin), np.errstate(all="raise", under="ignore"):
            found.append(kernels.continuous_bernoulli(eta, x))
    for ours, theirs in zip(*found, strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, rtol=16 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)


@pytest.mark.parametrize("eta", [-40.0, -2.0, 0.0, 1e-9, 2.0, 900.0])
def test_draws_follow_the_distribution_function(eta):
    u = np.concatenate([[0.0], RNG.random(200), [1 - 2.0**-53]])[:, None]
    x = continuous_bernoulli.sample(np.full_like(u, eta), uniform=u)
    assert (x >= 0).all()
    assert (x <= 1).all()
    away, from_end = abs(eta), 1 - x if eta > 0 else x
    nearer = from_end if away == 0 else np.expm1(-away * from_end) / np.expm1(-away)
    # P(X ≤ x), which is u: x is the inverse of the distribution function, and rises with u
    np.testing.assert_allclose(1 - nearer if eta > 0 else nearer, u, atol=1e-12 * (1 + away))


def test_black_and_white_are_in_the_support_and_what_is_outside_is_refused():
    likelihood = LIKELIHOODS.build("continuous_bernoulli", event_shape=(2,))
    likelihood.require_support(np.array([[0.0, 1.0]]))
    with pytest.raises(InputError, match="ContinuousBernoulli: x should be numbers in"):
        likelihood.require_support(np.array([[0.0, 1.01]]))
    with pytest.raises(
        InputError, match=r"continuous_bernoulli\.log_prob: x should lie in \[0, 1\], found -1 to 0"
    ):
        continuous_bernoulli.log_prob(np.zeros((1, 2)), x=np.array([[0.0, -1.0]]))
    with pytest.raises(InputError, match="found nan to nan"):
        continuous_bernoulli.log_prob(np.zeros((1, 2)), x=np.array([[0.0, np.nan]]))
