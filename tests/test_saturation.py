"""Laws at saturated parameters, where a number has left the range and its logarithm has not: values and
gradients compared with mpmath, and draws that are numbers.
"""

from functools import cache
from itertools import product

import mpmath
import numpy as np
import pytest

from scratchvae import kernels
from scratchvae.distributions import (
    beta,
    dirichlet,
    gamma,
    gaussian,
    laplace,
    negative_binomial,
    von_mises_fisher,
)
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


@cache
def exact_excess(log_x):
    """e(x) = log Γ(x) − x log x + x, x e′(x) and x² e″(x): what a gamma law's KL is made of."""
    x = mpmath.exp(log_x)
    if log_x > 100:  # Stirling's series, in which nothing cancels
        inverse = 1 / x
        return (mpmath.log(2 * mpmath.pi) - log_x) / 2 + inverse / 12, -0.5 - inverse / 12, 0.5 + inverse / 6
    by_shift = mpmath.loggamma(1 + x) - log_x, x * mpmath.psi(0, 1 + x) - 1, x * x * mpmath.psi(1, 1 + x) + 1
    return by_shift[0] - x * log_x + x, by_shift[1] - x * log_x, by_shift[2] - x


def exact_gap(log_a, log_b):
    """e(b) − e(a) − (b − a) e′(a) and its slopes by log b and −log a."""
    (of_a, first, second), (of_b, slope, _) = exact_excess(log_a), exact_excess(log_b)
    ratio = mpmath.exp(log_b - log_a)
    return of_b - of_a - (ratio - 1) * first, slope - ratio * first, second * (ratio - 1)


def exact_gamma_kl(log_a, log_b, other_a, other_b):
    apart = other_a - log_a + log_b - other_b
    weight = mpmath.exp(other_a)
    fallen = weight * mpmath.expm1(-apart)
    value, of_other, of_shape = exact_gap(log_a, other_a)
    return fallen + weight * apart + value, fallen - of_shape, -fallen, weight * apart + of_other, fallen


def exact_laplace_kl(mean, log_b, log_c):
    """KL(Laplace(mean, b) ‖ Laplace(0, c)) for mean ≥ 0."""
    b, c = mpmath.exp(log_b), mpmath.exp(log_c)
    left, rise = mpmath.exp(-mean / b), -mpmath.expm1(-mean / b)
    value = log_c - log_b + (b * left + mean) / c - 1
    return value, (rise if mean else 0) / c, (b + mean) / c * left - 1, 1 - (b * left + mean) / c


def exact_laplace_from_gaussian(mean, log_var, log_c):
    std, c = mpmath.exp(log_var / 2), mpmath.exp(log_c)
    u, root = mean / std, mpmath.sqrt(2 / mpmath.pi)
    if u > 1000:
        share, width = mpmath.mpf(1), mpmath.mpf(0)
    else:
        share, width = mpmath.erf(u / mpmath.sqrt(2)), std * root * mpmath.exp(-u * u / 2) / c
    constant = mpmath.log(2) - (mpmath.log(2 * mpmath.pi) + 1) / 2
    value = constant + log_c - log_var / 2 + width + mean * share / c
    return value, share / c, (width - 1) / 2, 1 - width - mean * share / c


def exact_gaussian_kl(mean, log_var, other_log_var):
    precision = mpmath.exp(-other_log_var)
    ratio, square = mpmath.exp(log_var - other_log_var), mean * mean * precision
    value = (square + ratio - 1 - log_var + other_log_var) / 2
    return value, mean * precision, (ratio - 1) / 2, (1 - ratio - square) / 2


def exact_negative_binomial(log_mean, log_r):
    """log p(3) = log(r (r+1) (r+2)/6) − r log(1 + μ/r) + 3 log μ/(r+μ), with slopes by log μ and log r."""
    mean, r = mpmath.exp(log_mean), mpmath.exp(log_r)
    ratio = mpmath.exp(log_mean - log_r)
    share = 1 / (1 + ratio)  # r/(r+μ)
    value = log_r + mpmath.log((r + 1) * (r + 2) / 6) - r * mpmath.log1p(ratio) - 3 * mpmath.log1p(1 / ratio)
    less = ratio * share - mpmath.log1p(ratio) if ratio > 1e-20 else -ratio * ratio / 2
    of_dispersion = 1 + r / (r + 1) + r / (r + 2) + r * less - 3 * share
    return value, (3 - mean) * share, of_dispersion


def exact_sphere_kl(log_k):
    """KL of the von Mises-Fisher law on the sphere in 3 dimensions to the uniform one: log κ/sinh κ + κ A."""
    k = mpmath.exp(log_k)
    if log_k < -20:
        square = k * k
        return square / 6, square / 3
    less = mpmath.expm1(-2 * k)  # −(1 − e^(−2κ))
    value = log_k + mpmath.log(2) - mpmath.log(-less) + 2 * k * (1 + less) / -less - 1
    return value, 1 - 4 * k * k * (1 + less) / less**2


def at_mean(law):
    """`law` of two laws, the other one's mean being 0, with the slopes by the other three numbers."""

    def op(mean, log_scale, other_log_scale):
        value, pullback = law(mean, log_scale, np.zeros_like(mean), other_log_scale)
        return value, lambda d: [pullback(d)[i] for i in (0, 1, 3)]

    return op


def sphere_kl(log_concentration):
    value, pullback = von_mises_fisher.kl_to_uniform(log_concentration[:, 0], dim=3)
    return value, lambda d: [pullback(d)[:, None]]


def three(log_mean, log_dispersion):
    value, pullback = negative_binomial.log_prob(log_mean, log_dispersion, x=np.full(log_mean.shape, 3))
    return value, pullback


FAR = [s * v for v in (1e-3, 1.0, 30.0, 80.0, 100.0, 300.0, 700.0, 1e4) for s in (1, -1)]
GRID = list(product(FAR, FAR))
MEANS = [(mean, *logs) for mean in (0.0, 0.5) for logs in GRID]
SHAPES = [(a, b, c, d) for a, c in GRID for b, d in ((0.0, 0.5), (1e4, 300.0))]
CLOSED_FORMS = {  # the law, its exact value and slopes, and where
    "gamma.kl": (gamma.kl, exact_gamma_kl, SHAPES),
    "laplace.kl": (at_mean(laplace.kl), exact_laplace_kl, MEANS),
    "laplace.kl_from_gaussian": (at_mean(laplace.kl_from_gaussian), exact_laplace_from_gaussian, MEANS),
    "gaussian.kl": (at_mean(gaussian.kl), exact_gaussian_kl, list(product((0.0, 0.5), FAR[2:], FAR[2:]))),
    "negative_binomial.log_prob": (three, exact_negative_binomial, GRID),
    "von_mises_fisher.kl_to_uniform": (sphere_kl, exact_sphere_kl, [(k,) for k in FAR]),
}


@cache
def exact_closed_form(name, dtype):
    _, exact, cases = CLOSED_FORMS[name]
    with mpmath.workdps(60):
        rows = [exact(*(mpmath.mpf(float(dtype(v))) for v in case)) for case in cases]
        largest = float(np.finfo(dtype).max)
        return np.array(
            [[float(v) if abs(v) <= largest else float(mpmath.sign(v)) * np.inf for v in row] for row in rows]
        )


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_closed_form_keeps_its_digits_at_any_logarithm(name, dtype, twin):
    """What is beyond the dtype's range is infinity or the largest number, and a weight of 0 gives 0."""
    law, _, cases = CLOSED_FORMS[name]
    columns = [np.array(column, dtype)[:, None] for column in zip(*cases, strict=True)]
    with kernels.using(twin), np.errstate(over="ignore"):
        value, pullback = law(*columns)
        slopes, none = pullback(np.ones_like(value)), pullback(np.zeros_like(value))
    found = np.stack([value, *(slope[:, 0] for slope in slopes)], axis=1)
    limits = np.finfo(dtype)
    expected = np.clip(exact_closed_form(name, dtype), limits.min, limits.max)
    np.testing.assert_allclose(
        np.clip(found, limits.min, limits.max),
        expected,
        rtol=ALLOWED[dtype],
        atol=max(1e-14, float(limits.tiny)),
    )
    assert not any(slope.any() for slope in none)


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_beta_or_dirichlet_kl_is_nan_or_below_0(dtype, twin):
    logs = np.random.default_rng(0).choice(FAR, size=(2000, 6)).astype(dtype)
    columns = [column[:, None] for column in logs.T[:4]]
    with kernels.using(twin), np.errstate(over="ignore"):
        for law, arguments in ((beta.kl, columns), (dirichlet.kl, (logs[:, :3], logs[:, 3:]))):
            value, pullback = law(*arguments)
            assert (value >= 0).all()
            assert not any(np.isnan(slope).any() for slope in pullback(np.ones_like(value)))
            assert not any(slope.any() for slope in pullback(np.zeros_like(value)))
