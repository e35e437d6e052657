"""log p(x) has no z in it: its mean under any q is log p(x). To minimize the KL is to maximize the bound."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from scratchvae.arrays import InputError
from scratchvae.checks import check_pullback
from scratchvae.data import Batch
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.evaluation import (
    ascend,
    bound_on_grid,
    even_grid,
    evidence,
    expectation_by_quadrature,
    expectation_by_sampling,
    linear_gaussian_bound,
    log_q_on_grid,
)
from scratchvae.layers import Linear, Sequential, Tanh, cast
from scratchvae.likelihoods import Gaussian
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, sigma_points
from scratchvae.posteriors import DiagonalGaussian, FullGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.cases.case import cholesky_factors

B, D, Z = 3, 4, 2
EPS = np.finfo(np.float64).eps
RNG = np.random.default_rng(5)
W, BIAS, NOISE = 0.7 * RNG.normal(size=(Z, D)), RNG.normal(size=D), RNG.uniform(0.4, 0.9, D)
X = RNG.normal(size=(B, Z)) @ W + BIAS + np.sqrt(NOISE) * RNG.normal(size=(B, D))
GIVEN = {"x": X, "weight": W, "mean": BIAS, "noise_variance": NOISE}

# The oracle conditions the joint Gaussian of z and x on x: it takes no bound, no KL, no density of the
# package.
C = W.T @ W + np.diag(NOISE)
LOG_PX = stats.multivariate_normal(BIAS, C).logpdf(X)
S = np.eye(Z) - W @ np.linalg.solve(C, W.T)  # Cov z − Cov(z, x) C⁻¹ Cov(x, z)
POSTERIOR_MEAN = (X - BIAS) @ np.linalg.solve(C, W.T)
POSTERIOR_L = np.repeat(np.linalg.cholesky(S)[None], B, axis=0)
PRECISION = np.linalg.inv(S)

LAWS = {  # each q by its means (B, Z) and factors (B, Z, Z)
    "the prior": (np.zeros((B, Z)), np.repeat(np.eye(Z)[None], B, axis=0)),
    "a narrow q elsewhere": (POSTERIOR_MEAN + 1.0, np.repeat(0.3 * np.eye(Z)[None], B, axis=0)),
    "a dependent q": (RNG.normal(size=(B, Z)), cholesky_factors(B, Z, seed=2)),
    "the posterior": (POSTERIOR_MEAN, POSTERIOR_L),
}
GRID = even_grid(Z, reach=14.0, points=281)
ONE = even_grid(1)
NORMAL = gaussian.log_prob(ONE.z, np.zeros((2001, 1)), np.zeros((2001, 1)))[0][None]


def log_densities(z, mean, L):
    """log N(z; mean_b, L_b L_bᵀ) of every example at every z  ->  (B, G)."""
    each = [
        stats.multivariate_normal(m, factor @ factor.T).logpdf(z) for m, factor in zip(mean, L, strict=True)
    ]
    return np.reshape(each, (len(mean), len(z)))


def log_joint_at(z, x=X):
    """log p(x, z) of every example at every z, from the definition of the model  ->  (B, G)."""
    x_mean = z @ W + BIAS
    log_px_z = stats.norm.logpdf(x[:, None], x_mean, np.sqrt(NOISE)).sum(axis=2)
    return log_px_z + stats.norm.logpdf(z).sum(axis=1)


# ---------------------------------------------------------------------------- the evidence does not depend on
# z


def rounding(*parts):
    """What rounding may do to a sum of these: some 100 roundoffs of the largest, at conditions below 10."""
    return 1000 * EPS * max(np.abs(part).max() for part in parts)


def test_bayes_rule_gives_log_px_at_every_z():
    log_joint, log_posterior = log_joint_at(GRID.z), log_densities(GRID.z, POSTERIOR_MEAN, POSTERIOR_L)
    assert np.ptp(log_joint, axis=1).min() > 100  # both vary a lot,
    at_every_z = log_joint - log_posterior
    np.testing.assert_allclose(
        at_every_z, np.repeat(LOG_PX[:, None], len(GRID.z), axis=1), rtol=0, atol=rounding(log_joint)
    )


@pytest.mark.parametrize("name", LAWS)
def test_the_mean_of_log_px_under_any_q_is_log_px_without_a_deviation(name):
    mean, L = LAWS[name]
    log_joint, log_posterior = log_joint_at(GRID.z), log_densities(GRID.z, POSTERIOR_MEAN, POSTERIOR_L)
    allowed = rounding(log_joint)
    found = expectation_by_quadrature(log_joint - log_posterior, log_densities(GRID.z, mean, L), grid=GRID)
    # measured: below 3e-13, the mass of q beyond the grid
    np.testing.assert_allclose(found.mean, LOG_PX, rtol=1e-10)
    assert found.deviation.max() < allowed
    assert (found.standard_error == 0).all()
    z = mean[:, None] + np.random.default_rng(0).standard_normal((B, 50, Z)) @ L.transpose(0, 2, 1)
    flat = [
        log_joint_at(z[b], X[b : b + 1])
        - log_densities(z[b], POSTERIOR_MEAN[b : b + 1], POSTERIOR_L[b : b + 1])
        for b in range(B)
    ]
    sampled = expectation_by_sampling(np.concatenate(flat))
    np.testing.assert_allclose(sampled.mean, LOG_PX, rtol=0, atol=allowed)
    assert sampled.standard_error.max() < allowed


def deviation_of_the_bound(mean, L):
    """Of log p(x, z) − log q(z) = gᵀu − ½ uᵀ A u + a constant, u = z − m: √(gᵀ S_q g + ½ tr (A S_q)²)."""
    S_q = L @ L.transpose(0, 2, 1)
    g = (POSTERIOR_MEAN - mean) @ PRECISION
    AS = (PRECISION - np.linalg.inv(S_q)) @ S_q
    return np.sqrt(np.einsum("bi,bij,bj->b", g, S_q, g) + 0.5 * np.einsum("bij,bji->b", AS, AS))


@pytest.mark.parametrize("name", LAWS)
def test_the_integrand_of_the_bound_varies_with_z_unless_q_is_the_posterior(name):
    mean, L = LAWS[name]
    log_q = log_densities(GRID.z, mean, L)
    found = expectation_by_quadrature(log_joint_at(GRID.z) - log_q, log_q, grid=GRID)
    bound, _ = linear_gaussian_bound(mean, L, **GIVEN)
    np.testing.assert_allclose(found.mean, bound, rtol=1e-9)
    expected = deviation_of_the_bound(mean, L)
    assert (expected.max() < 1e-12) == (name == "the posterior")
    np.testing.assert_allclose(found.deviation, expected, rtol=1e-7, atol=rounding(log_joint_at(GRID.z)))
    K = 4000
    z = mean[:, None] + np.random.default_rng(1).standard_normal((B, K, Z)) @ L.transpose(0, 2, 1)
    values = [
        log_joint_at(z[b], X[b : b + 1]) - log_densities(z[b], mean[b : b + 1], L[b : b + 1])
        for b in range(B)
    ]
    sampled = expectation_by_sampling(np.concatenate(values))
    assert (np.abs(sampled.mean - bound) <= 5 * expected / np.sqrt(K) + 1e-10).all()
    # a deviation of K draws of a quadratic form scatters by √(kurtosis − 1) / 2√K of itself, below 4 % here
    np.testing.assert_allclose(sampled.standard_error, expected / np.sqrt(K), rtol=0.2, atol=1e-12)


@pytest.mark.parametrize(("latent_dim", "points"), [(1, 7), (2, 4)])
def test_an_even_grid_reaches_both_ends_of_each_axis(latent_dim, points):
    grid = even_grid(latent_dim, reach=3.0, points=points)
    axis = [-3.0 + 6.0 * k / (points - 1) for k in range(points)]
    expected = (
        [[z] for z in axis] if latent_dim == 1 else [[first, second] for first in axis for second in axis]
    )
    np.testing.assert_allclose(grid.z, expected, rtol=0, atol=4 * EPS)
    assert grid.cell == pytest.approx((6.0 / (points - 1)) ** latent_dim, rel=1e-14)


def test_the_integral_is_not_divided_by_that_of_q():
    found = expectation_by_quadrature(np.ones((1, 2001)), NORMAL + 5e-7, grid=ONE)
    assert found.mean[0] == pytest.approx(1 + 5e-7, rel=1e-12)


def test_expectations_are_means_and_deviations_of_what_is_known():
    grid, mean, sigma = even_grid(1, reach=12.0), 0.4, 1.3
    log_q = stats.norm(mean, sigma).logpdf(grid.z[:, 0])[None]
    found = expectation_by_quadrature(grid.z.T**2, log_q, grid=grid)
    assert found.mean[0] == pytest.approx(mean**2 + sigma**2, rel=1e-12)
    assert found.deviation[0] == pytest.approx(np.sqrt(2 * sigma**4 + 4 * mean**2 * sigma**2), rel=1e-12)
    inside = np.abs(grid.z.T) < 1  # a Beta(4, 4) law on [−1, 1], whose variance is 1/9
    log_q = np.where(inside, np.log(35 / 32) + 3 * np.log1p(-(np.where(inside, grid.z.T, 0) ** 2)), -np.inf)
    beta = expectation_by_quadrature(np.where(inside, grid.z.T, np.nan), log_q, grid=grid)  # NaN where q is 0
    assert beta.mean[0] == pytest.approx(0, abs=1e-12)
    # the third derivative of q jumps: an error of cell⁴
    assert beta.deviation[0] == pytest.approx(1 / 3, rel=1e-7)
    sampled = expectation_by_sampling(np.array([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]]))
    np.testing.assert_allclose(sampled.mean, [3, 5])
    np.testing.assert_allclose(sampled.deviation, [np.sqrt(7), 0])
    np.testing.assert_allclose(sampled.standard_error, [np.sqrt(7 / 3), 0])


# ---------------------------------------------------------------- minimizing the KL is maximizing the bound


def kl_to_posterior(mean, L):
    """KL(q ‖ p(z|x)) (B,) from traces, determinants and inverses."""
    S_q = L @ L.transpose(0, 2, 1)
    d = mean - POSTERIOR_MEAN
    trace = np.einsum("ij,bji->b", PRECISION, S_q)
    log_dets = np.linalg.slogdet(S)[1] - np.linalg.slogdet(S_q)[1]
    return 0.5 * (trace + np.einsum("bi,ij,bj->b", d, PRECISION, d) - Z + log_dets)


@pytest.mark.parametrize("name", LAWS)
def test_the_bound_in_closed_form_is_log_px_less_the_kl(name):
    mean, L = LAWS[name]
    bound, pullback = linear_gaussian_bound(mean, L, **GIVEN)
    np.testing.assert_allclose(bound, LOG_PX - kl_to_posterior(mean, L), rtol=1e-12)
    # exact for polynomials of degree 9; that of the integrand is 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    noise = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, Z)
    shares = np.outer(weights, weights).ravel() / weights.sum() ** 2
    for b in range(B):
        z = mean[b] + noise @ L[b].T
        f = log_joint_at(z, X[b : b + 1]) - log_densities(z, mean[b : b + 1], L[b : b + 1])
        assert bound[b] == pytest.approx((f @ shares)[0], rel=1e-12)
    # ∂bound/∂φ = −∂KL/∂φ
    dbound = np.array([1.0, -0.5, 2.0])
    _, kl_pullback = gaussian_full.kl(mean, L, POSTERIOR_MEAN, POSTERIOR_L)
    dmean, dL, _, _ = kl_pullback(-dbound)
    for ours, theirs in zip(pullback(dbound), (dmean, dL), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-11)


def test_gradients_of_the_bounds():
    mean, L = LAWS["a dependent q"]
    arrays = {"q_mean": mean, "q_L": L}
    assert all(c.ok for c in check_pullback(linear_gaussian_bound, arrays, GIVEN))
    coarse, fine = even_grid(Z, reach=2, points=3), even_grid(Z, reach=8, points=41)
    for posterior in (DiagonalGaussian(Z), FullGaussian(Z)):
        q_params = 0.3 * np.random.default_rng(1).normal(size=(B, posterior.n_params))
        constants = {"posterior": posterior, "grid": coarse}
        assert all(c.ok for c in check_pullback(log_q_on_grid, {"q_params": q_params}, constants))
        constants = {"posterior": posterior, "grid": fine, "log_joint": log_joint_at(fine.z)}
        assert all(c.ok for c in check_pullback(bound_on_grid, {"q_params": q_params}, constants))


def test_a_linear_vae_has_that_bound():
    """Elbo with a linear decoder, at noise that integrates quadratic forms exactly."""
    model = VAE(
        event_shape=(D,),
        encoder=Linear(D, 2 * Z, rng=0),
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=Linear(Z, D, rng=1),
        likelihood=Gaussian(0.3),
    )
    cast(model, np.float64)
    report, _ = Elbo()(model, *sigma_points(Batch(X), Z))
    (mean, log_var), _ = model.posterior.mean_and_log_var(model.encoder(X)[0])
    L = np.exp(log_var / 2)[:, :, None] * np.eye(Z)
    decoder = {"weight": model.decoder.weight.value, "mean": model.decoder.bias.value}
    bound, _ = linear_gaussian_bound(
        mean, L, x=X, noise_variance=np.full(D, np.exp(model.likelihood.log_var.value[0])), **decoder
    )
    np.testing.assert_allclose(report.terms["bound"].reshape(B, -1).mean(axis=1), bound, rtol=1e-11)


def climbing(posterior, dependent):
    """The bound as an op of q_params; the entries below the diagonal of L move only if `dependent`."""

    def bound(q_params):
        (mean, L), q_pullback = posterior.mean_and_factor(q_params)
        value, pullback = linear_gaussian_bound(mean, L, **GIVEN)
        moves = np.arange(posterior.n_params) < (posterior.n_params if dependent else 2 * Z)
        return value, lambda dbound: q_pullback(*pullback(dbound)) * moves

    return bound


@pytest.mark.parametrize("dependent", [True, False])
def test_what_the_bound_gains_the_kl_loses_down_to_the_least_kl_of_the_family(dependent):
    posterior = FullGaussian(Z)
    start = 0.5 * np.random.default_rng(0).normal(size=(B, posterior.n_params))
    start[:, 2 * Z :] *= dependent
    rate = 0.2 / np.linalg.eigvalsh(PRECISION)[-1]
    found = ascend(climbing(posterior, dependent), start, steps=400, rate=rate)
    kl = np.stack([kl_to_posterior(*posterior.mean_and_factor(q_params)[0]) for q_params in found.q_params])
    assert found.bound.shape == kl.shape == (401, B)
    np.testing.assert_array_equal(found.q_params[0], start)
    np.testing.assert_allclose(found.bound + kl, np.repeat(LOG_PX[None], 401, axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        np.diff(found.bound, axis=0), -np.diff(kl, axis=0), rtol=0, atol=rounding(found.bound)
    )
    assert (np.diff(found.bound, axis=0) > -rounding(found.bound)).all()
    assert (found.bound[-1] - found.bound[0] > 0.1).all()
    least = 0 if dependent else 0.5 * (np.log(np.diag(PRECISION)).sum() + np.linalg.slogdet(S)[1])
    assert dependent or least > 0.01
    np.testing.assert_allclose(kl[-1], least, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.bound[-1], LOG_PX - least, rtol=0, atol=1e-10)
    (mean, L), _ = posterior.mean_and_factor(found.q_params[-1])
    np.testing.assert_allclose(mean, POSTERIOR_MEAN, atol=1e-5)
    variances = np.einsum("bij,bij->bi", L, L)
    np.testing.assert_allclose(
        variances, [np.diag(S) if dependent else 1 / np.diag(PRECISION)] * B, atol=1e-5
    )


@pytest.mark.parametrize("rate", [0.1, np.array([0.2, 0.05])])
def test_steps_are_those_of_gradient_ascent(rate):
    """On −½ c (φ − a)² each step multiplies φ − a by 1 − rate c."""
    a, c = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1.0, 2.0], [0.5, 4.0]])

    def parabola(q_params):
        return -0.5 * (c * (q_params - a) ** 2).sum(axis=1), lambda d: -d[:, None] * c * (q_params - a)

    found = ascend(parabola, np.zeros((2, 2)), steps=7, rate=rate)
    t = np.arange(8)[:, None, None]
    expected = a - (1 - rate * c) ** t * a
    np.testing.assert_allclose(found.q_params, expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found.bound, [parabola(q_params)[0] for q_params in expected], rtol=1e-12)


def test_the_bound_on_a_grid_is_that_in_closed_form():
    posterior = FullGaussian(Z)
    q_params = 0.5 * np.random.default_rng(3).normal(size=(B, posterior.n_params))
    (mean, L), _ = posterior.mean_and_factor(q_params)
    log_q, _ = log_q_on_grid(q_params, posterior=posterior, grid=GRID)
    np.testing.assert_allclose(log_q, log_densities(GRID.z, mean, L), rtol=1e-10, atol=1e-10)
    found, _ = bound_on_grid(q_params, posterior=posterior, log_joint=log_joint_at(GRID.z), grid=GRID)
    np.testing.assert_allclose(found, linear_gaussian_bound(mean, L, **GIVEN)[0], rtol=1e-9)


# ------------------------------------------------------------------------ a network for a decoder, one latent


def network():
    """A VAE whose decoder bends, and whose posteriors are no Gaussians."""
    rng = np.random.default_rng(0)
    model = VAE(
        event_shape=(2,),
        encoder=Linear(2, 2, rng=rng),
        posterior=DiagonalGaussian(1),
        prior=StandardGaussian(1),
        decoder=Sequential(Linear(1, 6, rng=rng), Tanh(), Linear(6, 2, rng=rng)),
        likelihood=Gaussian(0.2),
    )
    cast(model, np.float64)
    model.likelihood.log_var.value = np.log([0.2])  # which the cast left with float32's digits
    model.decoder.layers[2].weight.value = 1.5 * model.decoder.layers[2].weight.value
    return model


def network_log_joint(model, z, x):
    """log p(x, z) of one x at every z (K, 1), by scipy's densities."""
    x_mean, _ = model.decoder(z)
    return stats.norm.logpdf(x, x_mean, np.sqrt(0.2)).sum(axis=1) + stats.norm.logpdf(z[:, 0])


SEEN = np.array([[0.4, 0.2], [-0.3, 0.6]])


def test_of_a_network_too_bayes_rule_gives_log_px_wherever_draws_of_the_posterior_fall():
    """p(z|x) by rejection: z ~ p(z) is kept with a probability proportional to p(x|z). So p(x) is not used.

    In each bin log p(x) = log ∫ p(x, z) dz − log P(z in the bin | x); both integrals run over the bin.
    """
    model = network()
    found = evidence(model, SEEN, reach=14, points=2001)
    rng, edges = np.random.default_rng(0), np.array([-8, -1, -0.3, 0.3, 1, 8.0])
    for x, log_px in zip(SEEN, found.log_px, strict=True):
        z = rng.standard_normal((200_000, 1))
        log_px_z = network_log_joint(model, z, x) - stats.norm.logpdf(z[:, 0])
        kept = z[np.log(rng.random(len(z))) < log_px_z + np.log(2 * np.pi * 0.2), 0]  # p(x|z) ≤ (2π 0.2)⁻¹
        counts, _ = np.histogram(kept, edges)
        assert counts.min() > 100
        shares = counts / len(kept)
        joint = [
            integrate.quad(
                lambda t, x=x: np.exp(network_log_joint(model, np.array([[t]]), x)[0]), a, b, epsabs=1e-12
            )[0]
            for a, b in pairwise(edges)
        ]
        error = np.sqrt((1 - shares) / (shares * len(kept)))  # of log share
        assert (np.abs(np.log(joint) - np.log(shares) - log_px) < 5 * error).all()
        assert np.log(np.sum(joint)) == pytest.approx(log_px, abs=1e-9)


def noise_nodes():
    """Nodes and weights of means over N(0, 1), by the trapezoid rule."""
    noise = np.linspace(-8, 8, 801)
    weights = np.exp(-0.5 * noise**2)
    return noise, weights / weights.sum()


def network_bound(model, q_params, x):
    """E_ε[log p(x, z)] at z = m + σ ε, and the entropy ½ log 2πe σ²: no density of q, no grid of latents."""
    noise, weights = noise_nodes()
    z = q_params[0] + np.exp(q_params[1] / 2) * noise
    return weights @ network_log_joint(model, z[:, None], x) + 0.5 * (np.log(2 * np.pi) + 1 + q_params[1])


def test_of_a_network_too_what_the_bound_gains_the_kl_loses_down_to_the_best_gaussian():
    model = network()
    found = evidence(model, SEEN, reach=14, points=2001)
    grid, posterior = found.grid, model.posterior

    def bound(q_params):
        return bound_on_grid(q_params, posterior=posterior, log_joint=found.log_joint, grid=grid)

    start = np.array([[1.5, 0.5], [-2.0, -0.5]])
    climb = ascend(bound, start, steps=200, rate=0.15)
    for b, x in enumerate(SEEN):
        path = climb.q_params[:, b]
        log_q, _ = log_q_on_grid(path, posterior=posterior, grid=grid)
        kl = expectation_by_quadrature(log_q - found.log_posterior[b], log_q, grid=grid).mean
        over_noise = np.array([network_bound(model, q_params, x) for q_params in path])
        np.testing.assert_allclose(climb.bound[:, b], over_noise, rtol=0, atol=1e-9)
        np.testing.assert_allclose(over_noise + kl, np.full(201, found.log_px[b]), rtol=0, atol=1e-9)
        assert (np.diff(kl) < 1e-12).all()
        best = optimize.minimize(
            lambda q, x=x: -network_bound(model, q, x), path[0], method="BFGS", options={"gtol": 1e-7}
        )
        assert climb.bound[-1, b] == pytest.approx(-best.fun, abs=1e-8)
        assert kl[-1] > 1e-3  # no Gaussian is p(z|x)
        # Opper & Archambeau 2009: there E_q[∂ log p(x, z)/∂z] = 0 and −E_q[∂² log p(x, z)/∂z²] = 1/σ²
        slope = np.gradient(found.log_joint[b], grid.z[:, 0])
        for f, expected in ((slope, 0), (-np.gradient(slope, grid.z[:, 0]), np.exp(-path[-1, 1]))):
            assert expectation_by_quadrature(f[None], log_q[-1:], grid=grid).mean[0] == pytest.approx(
                expected, abs=1e-3
            )


# --------------------------------------------------------------------------------------- what cannot be


def runaway(q_params):
    with np.errstate(over="ignore"):
        return -(q_params**2).sum(axis=1), lambda d: -2 * d[:, None] * q_params


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: even_grid(3), "one or two latents, found 3"),
        (lambda: even_grid(0), "one or two latents, found 0"),
        (lambda: even_grid(1, points=2), "points should be at least 3"),
        (lambda: even_grid(1, reach=np.inf), "reach should be positive, found inf"),
        (
            lambda: expectation_by_quadrature(ONE.z.T, NORMAL + 1e-5, grid=ONE),
            r"fine enough for q\(z\).* 1.00001 of its mass",
        ),
        (lambda: expectation_by_quadrature(ONE.z, NORMAL, grid=ONE), r"f should have shape \(N, 2001\)"),
        (lambda: expectation_by_sampling(np.ones((2, 1))), "number of draws should be at least 2, found 1"),
        (lambda: ascend(runaway, np.ones((1, 2)), steps=0, rate=0.1), "steps should be at least 1"),
        (
            lambda: ascend(runaway, np.ones((1, 2)), steps=1, rate=0.0),
            "rate should be positive, one number or 2, found 0",
        ),
        (lambda: ascend(runaway, np.ones((1, 2)), steps=1, rate=np.ones(3)), "one number or 2, found"),
        (
            lambda: ascend(runaway, np.ones((1, 2)), steps=1, rate=np.array([1, np.nan])),
            "one number or 2, found",
        ),
        (
            lambda: ascend(runaway, np.ones((1, 2)), steps=200, rate=5e9),
            "found other values after 16 steps at the rate 5000000000.0; lower the rate",
        ),
        (
            lambda: bound_on_grid(
                np.array([[7.9, 0.0]]), posterior=DiagonalGaussian(1), log_joint=NORMAL, grid=ONE
            ),
            r"bound_on_grid: a grid to ±8 .* fine enough for q\(z\)",
        ),
        (
            lambda: linear_gaussian_bound(
                *LAWS["the prior"], **GIVEN | {"noise_variance": np.array([1.0, 0.5, -0.1, 1])}
            ),
            "noise_variance should be positive, found -0.1 at entry 2",
        ),
        (
            lambda: linear_gaussian_bound(*LAWS["the prior"], **GIVEN | {"weight": W.T}),
            r"weight should have shape \(Z, D\)",
        ),
    ],
)
def test_what_cannot_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()
