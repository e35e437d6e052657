"""Laws at saturated parameters, where a number has left the range and its logarithm has not: values and
gradients compared with mpmath, and draws that are numbers.
"""

from functools import cache

import mpmath
import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.distributions import beta
from scratchvae.likelihoods import Beta, NegativeBinomial

DTYPES = [np.float32, np.float64]
ALLOWED = {np.float32: 2e-6, np.float64: 1e-12}
CONCENTRATION = 10.0


@cache
def exact_beta(log_a, log_b, x):
    """log p and its slopes by log a and log b. log Γ(z) is log Γ(z+1) − log z, and ψ(z) is ψ(z+1) − 1/z."""
    with mpmath.workdps(60):
        log_a, log_b, x = (mpmath.mpf(v) for v in (log_a, log_b, x))
        a, b = mpmath.exp(log_a), mpmath.exp(log_b)
        n = a + b
        log_gamma_n, log_gamma_a, log_gamma_b = (
            mpmath.loggamma(z + 1) - log_z for z, log_z in ((n, mpmath.log(n)), (a, log_a), (b, log_b))
        )
        log_p = log_gamma_n - log_gamma_a - log_gamma_b
        log_p += (a - 1) * mpmath.log(x) + (b - 1) * mpmath.log(1 - x)
        of_n, of_a, of_b = (mpmath.psi(0, z + 1) for z in (n, a, b))
        slope_a = b / n + a * (of_n - of_a + mpmath.log(x))
        slope_b = a / n + b * (of_n - of_b + mpmath.log(1 - x))
        return [float(v) for v in (log_p, slope_a, slope_b)]


def by_entry(*values, dtype):
    return [np.full((1, 1), value, dtype) for value in values]


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("x", [1e-30, 0.3, 0.99])
def test_a_beta_law_keeps_its_digits(x, dtype, twin):
    logs = [-1e4, -703.0, -100.0, -1.0, 0.0, 10.0]
    for log_a in logs:
        for log_b in logs:
            given = by_entry(x, log_a, log_b, dtype=dtype)
            with kernels.using(twin):
                value, pullback = beta.log_prob(*given)
                _, *slopes = pullback(np.ones(1, dtype))
            found = [value[0], *(slope[0, 0] for slope in slopes)]
            expected = exact_beta(*(float(v[0, 0]) for v in (*given[1:], given[0])))
            np.testing.assert_allclose(
                found, expected, rtol=ALLOWED[dtype], atol=max(1e-14, float(np.finfo(dtype).tiny))
            )


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("logit", [0.0, 10.0, -10.0, 100.0, -100.0, 1e3, -1e3, 1e4, -1e4])
def test_a_beta_likelihood_keeps_its_digits_at_any_logit(logit, dtype, twin):
    """log a = log ν − softplus(−l): dl is dlog_a σ(−l) − dlog_b σ(l)."""
    likelihood, x = Beta(CONCENTRATION, concentration_from="constant"), dtype(0.3)
    (l,) = by_entry(logit, dtype=dtype)
    log_a, log_b = (dtype(np.float32(np.log(CONCENTRATION))) - kernels.softplus(side) for side in (-l, l))
    expected, slope_a, slope_b = exact_beta(float(log_a[0, 0]), float(log_b[0, 0]), float(x))
    share = float(1 / (1 + mpmath.exp(-mpmath.mpf(logit)))), float(1 / (1 + mpmath.exp(mpmath.mpf(logit))))
    with kernels.using(twin):
        value, pullback = likelihood.log_prob(l, x=np.full((1, 1), x))
        dl = pullback(np.ones(1, dtype))
        drawn = likelihood.sample(np.repeat(l, 200, axis=0), np.random.default_rng(0))
    np.testing.assert_allclose(value[0], expected, rtol=ALLOWED[dtype])
    np.testing.assert_allclose(dl[0, 0], slope_a * share[1] - slope_b * share[0], rtol=ALLOWED[dtype])
    assert ((drawn > 0) & (drawn < 1)).all()
    assert abs(drawn.mean() - share[0]) < 5 * np.sqrt(0.25 / (1 + CONCENTRATION) / 200)


SATURATED = [-1e4, -1e3, -100.0, 0.0, 100.0, 1e3, 1e4]
ROLES = {
    "Beta": (Beta(concentration_from="decoder"), 2, 0.3),
    "NegativeBinomial": (NegativeBinomial((1,), dispersion_from="decoder", zero_inflated=True), 3, 3.0),
}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROLES)
def test_no_saturated_parameter_leaves_nan(name, dtype, twin):
    """A number beyond the dtype's range comes out as infinity, or at its end, and a weight of 0 gives 0."""
    likelihood, n, x = ROLES[name]
    x_params = np.stack([v.ravel() for v in np.meshgrid(*[SATURATED] * n)], axis=1).astype(dtype)
    with kernels.using(twin), np.errstate(over="ignore"):
        value, pullback = likelihood.log_prob(x_params, x=np.full((len(x_params), 1), x, dtype))
        gradients, none = pullback(np.ones_like(value)), pullback(np.zeros_like(value))
        drawn = likelihood.sample(x_params, np.random.default_rng(0))
    assert not np.isnan(value).any()
    assert not np.isnan(gradients).any()
    assert not none.any()
    assert not np.isnan(drawn).any()


@pytest.mark.parametrize("u", [0.0, 0.1, 0.37, 0.99])
def test_draws_of_a_beta_law_are_its_quantiles_at_any_size(u):
    """Each row is log a, log b and the quantile, by a limit of the law: an end, or a gamma or a normal law."""
    quantile = float(mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(max(u, 1e-12)) - 1))
    table = [
        (-1e4, 2.0, 0.0),
        (2.0, -1e4, 1.0),
        (-1e4, -1e4, float(u >= 0.5)),
        (-1e4, -1e4 + 1, float(u >= 1 / (1 + np.exp(-1)))),
        (1e4, 1e4 - 1, 1 / (1 + np.exp(-1))),
        (1e4, 0.0, 1.0),
        (50.0, 50.0, 0.5),
        (40.0, 60.0, np.exp(-20.0 + quantile * np.exp(-20))),
    ]
    for log_a, log_b, expected in table:
        log_a, log_b, uniform = by_entry(log_a, log_b, u, dtype=np.float64)
        found = beta.sample(log_a, log_b, uniform=uniform)[0, 0]
        if u or expected in (0.0, 1.0):
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-15)
        assert 0 < found < 1
