"""Divergences between gamma, Dirichlet and beta laws: quadrature, equal laws, and shared special cases."""

import numpy as np
import pytest
from scipy import integrate, stats

from scratchvae.distributions import beta, dirichlet, gamma

RNG = np.random.default_rng(0)
LOGS = [RNG.normal(size=(4, 3)) for _ in range(4)]


def by_quadrature(law, other):
    return integrate.quad(
        lambda x: law.pdf(x) * (law.logpdf(x) - other.logpdf(x)), *law.support(), limit=200
    )[0]


def test_gamma_and_beta_by_quadrature():
    """Of one entry each, whose shapes are at least 1, so that no density is infinite at an end."""
    a, b, c, d = (1 + np.exp(v[:2, :1]) for v in LOGS)
    logs = [np.log(v) for v in (a, b, c, d)]
    gammas, betas = gamma.kl(*logs)[0], beta.kl(*logs)[0]
    for i in range(len(a)):
        p, q = (stats.gamma(s[i, 0], scale=1 / r[i, 0]) for s, r in ((a, b), (c, d)))
        assert gammas[i] == pytest.approx(by_quadrature(p, q), rel=1e-7)
        p, q = (stats.beta(s[i, 0], r[i, 0]) for s, r in ((a, b), (c, d)))
        assert betas[i] == pytest.approx(by_quadrature(p, q), rel=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [-18.0, 0.0, 18.0])
def test_two_equal_laws_are_0_apart_exactly(size, dtype):
    first, second = (size + v for v in LOGS[:2])
    first, second = first.astype(dtype), second.astype(dtype)
    for op, arguments in (
        (gamma.kl, (first, second, first, second)),
        (beta.kl, (first, second, first, second)),
        (dirichlet.kl, (first, first)),
    ):
        kl, pullback = op(*arguments)
        assert kl.dtype == dtype
        assert not kl.any()
        assert not any(g.any() for g in pullback(np.ones_like(kl)))


def test_a_scaled_gamma_is_no_farther_away():
    """x → c x changes no KL, and its slope along both rates is 0."""
    kl, pullback = gamma.kl(*LOGS)
    scaled, _ = gamma.kl(LOGS[0], LOGS[1] + 3, LOGS[2], LOGS[3] + 3)
    np.testing.assert_allclose(scaled, kl, rtol=1e-13)
    _, dlog_rate, _, dother = pullback(np.ones(4))
    np.testing.assert_array_equal(dlog_rate, -dother)


def test_shares_put_together_are_a_dirichlet_again():
    """Two of the shares as one: the KL falls, as that of any function of x does; a third law of share 0 adds
    nothing.
    """
    a, b = LOGS[0], LOGS[1]
    kl, _ = dirichlet.kl(a, b)
    merged = [np.stack([np.logaddexp(v[:, 0], v[:, 1]), v[:, 2]], axis=1) for v in (a, b)]
    assert (dirichlet.kl(*merged)[0] < kl).all()


def test_many_shares_are_independent_gammas_of_their_total():
    """KL(gammas of one rate) = KL(their sum, a gamma law) + KL(shares, a Dirichlet law), since the two are
    independent.
    """
    a, b, rate = LOGS[0], LOGS[1], np.zeros((4, 3))
    total = [np.log(np.exp(v).sum(axis=1, keepdims=True)) for v in (a, b)]
    of_sum, _ = gamma.kl(total[0], rate[:, :1], total[1], rate[:, :1])
    np.testing.assert_allclose(gamma.kl(a, rate, b, rate)[0], of_sum + dirichlet.kl(a, b)[0], rtol=1e-12)


def test_large_shapes_are_gaussian():
    """At shapes of 10⁸, Gamma(a, b) is N(a/b, a/b²) up to 1/√a:

    KL = ½ (ρ − 1 − log ρ) + …; here by one mean and ρ = 1.44.
    """
    a, other = np.full((1, 1), np.log(1e8)), np.full((1, 1), np.log(1.44e8))
    kl, _ = gamma.kl(a, np.zeros((1, 1)), other, other - a)
    np.testing.assert_allclose(kl, 0.5 * (1.44 - 1 - np.log(1.44)), rtol=1e-7)
