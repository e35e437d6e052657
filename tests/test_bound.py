"""The bound: its gap is the divergence to the true posterior, its forms agree, its gradient's estimators have
one mean.
"""

import numpy as np
import pytest
from scipy import integrate, stats

from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.distributions import gaussian, gaussian_full
from scratchvae.evaluation import estimator_noise, evidence
from scratchvae.layers import Linear, Sequential, Tanh, cast, named_parameters
from scratchvae.likelihoods import Bernoulli, Gaussian, Poisson
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, SampledElbo, ScoreFunctionElbo
from scratchvae.posteriors import DiagonalGaussian, FullGaussian
from scratchvae.priors import GaussianMixture, StandardGaussian
from scratchvae.reference.cases.case import cholesky_factors

D = 4
X = np.random.default_rng(0).uniform(0.1, 0.9, (3, D))


def model(Z=1, *, decoder=None, likelihood=None, posterior=None, prior=None, seed=0):
    posterior, likelihood = posterior or DiagonalGaussian(Z), likelihood or Bernoulli()
    rng = np.random.default_rng(seed)
    made = VAE(
        event_shape=(D,),
        encoder=Sequential(Linear(D, 5, rng=rng), Tanh(), Linear(5, posterior.n_params, rng=rng)),
        posterior=posterior,
        prior=prior or StandardGaussian(Z),
        decoder=decoder or Sequential(Linear(Z, 5, rng=rng), Tanh(), Linear(5, D, rng=rng)),
        likelihood=likelihood,
    )
    cast(made, np.float64)
    for p in named_parameters(made.decoder).values():
        p.value = p.value * 2.0  # a bound with a gap worth seeing
    return made


MODELS = {
    "one latent": lambda: (model(), {}),
    "two latents": lambda: (model(2), {"points": 401, "reach": 12.0}),
    "two dependent latents": lambda: (model(2, posterior=FullGaussian(2)), {"points": 401, "reach": 16.0}),
    "a mixture for a prior": lambda: (
        model(prior=GaussianMixture(1, components=3, rng=0)),
        {"reach": 16.0, "points": 4001},
    ),
    "real values": lambda: (model(likelihood=Gaussian(0.3)), {}),
}


@pytest.mark.parametrize("name", ["one latent", "two latents", "a mixture for a prior", "real values"])
def test_densities_on_the_grid_are_those_of_q_and_of_the_posterior(name):
    """q by SciPy's normal law, p(z|x) by p(x, z) up to its mass; both have the mass 1 in all cells."""
    one, grid = MODELS[name]()
    found = evidence(one, X, **grid)
    Z = one.posterior.latent_dim
    assert found.grid.z.shape == (found.log_q.shape[1], Z)
    q_params, _ = one.encoder(X)
    x_params, _ = one.decoder(found.grid.z)
    log_pz, _ = one.prior.log_prob(found.grid.z)
    for n in range(len(X)):
        mean, log_var = q_params[n, :Z], q_params[n, Z:]
        log_q = stats.norm.logpdf(found.grid.z, mean, np.exp(log_var / 2)).sum(axis=1)
        np.testing.assert_allclose(found.log_q[n], log_q, rtol=1e-10)
        log_px, _ = one.likelihood.log_prob(x_params, x=np.repeat(X[n : n + 1], len(found.grid.z), axis=0))
        np.testing.assert_allclose(
            found.log_posterior[n] + found.log_px[n], log_px + log_pz, rtol=1e-10, atol=1e-10
        )
        for density in (found.log_q[n], found.log_posterior[n]):
            assert np.exp(density).sum() * found.grid.cell == pytest.approx(1, abs=1e-6)


def noise_grid(Z, points=65):
    """Nodes (G, Z) and weights (G,) for means over N(0, I): the trapezoid rule."""
    nodes = np.linspace(-8, 8, points)
    grid = np.stack(np.meshgrid(*[nodes] * Z, indexing="ij"), axis=-1).reshape(-1, Z)
    weights = stats.norm.pdf(grid).prod(axis=1)
    return grid, weights / weights.sum()


@pytest.mark.parametrize("name", MODELS)
def test_log_px_is_the_bound_and_the_divergence_to_the_posterior(name):
    """The bound as a mean over the noise, through the objective; log p(x) and the divergence on the grid of
    latents.
    """
    one, grid = MODELS[name]()
    found = evidence(one, X, **grid)
    noise, weights = noise_grid(one.posterior.latent_dim, 129)
    K = len(noise)
    report, _ = SampledElbo(samples=1)(one, Batch(np.repeat(X, K, axis=0)), np.tile(noise, (len(X), 1)))
    bound = report.terms["bound"].reshape(len(X), K) @ weights
    np.testing.assert_allclose(found.bound, bound, atol=2e-7)
    np.testing.assert_allclose(bound + found.kl_to_posterior, found.log_px, atol=2e-7)
    assert (found.kl_to_posterior > 1e-4).all()


def test_log_px_of_one_latent_by_adaptive_quadrature():
    one = model()

    def joint(t, x):
        z = np.array([[t]])
        log_px, _ = one.likelihood.log_prob(one.decoder(z)[0], x=x[None])
        return np.exp(log_px[0]) * stats.norm.pdf(t)

    expected = [np.log(integrate.quad(joint, -8, 8, args=(x,), epsabs=1e-13, epsrel=1e-12)[0]) for x in X]
    np.testing.assert_allclose(evidence(one, X).log_px, expected, rtol=1e-9)


def linear_gaussian():
    """x = W z + b + noise: everything is known."""
    decoder = Linear(2, D, rng=3)
    one = model(2, decoder=decoder, likelihood=Gaussian(0.4), posterior=FullGaussian(2))
    W, b = decoder.weight.value.T, decoder.bias.value
    return one, W, b, np.exp(one.likelihood.log_var.value[0])


def test_a_linear_gaussian_model_has_all_three_terms_in_closed_form():
    one, W, b, variance = linear_gaussian()
    M = np.linalg.inv(np.eye(2) + W.T @ W / variance)  # the posterior's covariance
    posterior_mean = (X - b) @ W @ M / variance
    posterior_L = np.repeat(np.linalg.cholesky(M)[None], len(X), axis=0)
    log_px = stats.multivariate_normal(b, W @ W.T + variance * np.eye(D)).logpdf(X)
    rng = np.random.default_rng(4)
    for k in range(5):  # whatever q is
        mean, L = rng.normal(size=(3, 2)), cholesky_factors(3, 2, seed=k)
        kl = gaussian_full.kl(mean, L, posterior_mean, posterior_L)[0]
        # E log p(x|z) = −½ (D log 2πσ² + E‖x − W z − b‖²/σ²), a quadratic form in z
        x_mean = mean @ W.T + b
        spread = gaussian_full.expected_quadratic_form(mean - mean, L @ L.transpose(0, 2, 1), W.T @ W)[0]
        log_px_z = -0.5 * (
            D * np.log(2 * np.pi * variance) + (((X - x_mean) ** 2).sum(axis=1) + spread) / variance
        )
        bound = log_px_z - gaussian_full.kl_to_standard(mean, L)[0]
        np.testing.assert_allclose(bound + kl, log_px, rtol=1e-12)
        joint_less_entropy = (
            log_px_z
            + gaussian_full.expected_log_prob(mean, L, 0 * mean, np.broadcast_to(np.eye(2), L.shape))[0]
        )
        # the other form
        np.testing.assert_allclose(joint_less_entropy + gaussian_full.entropy(L)[0], bound, rtol=1e-12)
    np.testing.assert_allclose(evidence(one, X, points=641, reach=16).log_px, log_px, rtol=1e-9)


def test_the_evidence_is_the_same_for_every_q_and_the_bound_is_not():
    one = model()
    log_px, bounds = [], []
    for shift in (0.0, 0.5, 1.0):
        one.encoder.layers[2].bias.value = one.encoder.layers[2].bias.value + shift
        found = evidence(one, X, reach=24, points=4001)
        log_px.append(found.log_px)
        bounds.append(found.bound)
    np.testing.assert_allclose(log_px[1:], [log_px[0]] * 2, rtol=1e-12)
    assert np.ptp(bounds, axis=0).min() > 0.01


def narrow(one):
    """With q(z|x) = N(0, e⁻⁴) whatever x."""
    last = one.encoder.layers[2]
    last.weight.value, last.bias.value = np.zeros((5, 2)), np.array([0.0, -4.0])
    return one


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_density_of_zero_where_q_is_zero_too_counts_for_nothing(dtype):
    """log p(x|z) = z' − exp(z'), z' = 120 z, falls to −∞ long before the grid ends."""
    decoder = Linear(1, 1, rng=0)
    one = VAE(
        event_shape=(1,),
        encoder=Linear(1, 2, rng=0),
        posterior=DiagonalGaussian(1),
        prior=StandardGaussian(1),
        decoder=decoder,
        likelihood=Poisson(),
    )
    cast(one, dtype)
    decoder.weight.value, decoder.bias.value = np.full((1, 1), 120, dtype), np.zeros(1, dtype)
    one.encoder.weight.value, one.encoder.bias.value = np.zeros((1, 2), dtype), np.array([0, -9], dtype)
    found = evidence(one, np.ones((1, 1)), points=20_001)
    assert np.isfinite([found.log_px, found.bound, found.kl_to_posterior]).all()
    assert found.log_px == pytest.approx(found.bound + found.kl_to_posterior, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: evidence(model(3), X), "for one or two latents, found 3"),
        (lambda: evidence(model(), 5 * X), r"numbers in \[0, 1\]"),
        (lambda: evidence(model(), X[0]), r"x should have shape \(N, D\)"),
        (lambda: evidence(model(), X, points=9), "wide and fine enough for .*every second point"),
        (
            lambda: evidence(model(), X, reach=1.0),
            r"evidence: a grid to ±1 with 2001 points .* for q\(z\|x\); .* at the ends",
        ),
        (
            lambda: evidence(model(decoder=Linear(1, D, rng=0), likelihood=Gaussian(1e-5)), X),
            "fine enough for p",
        ),
        (
            lambda: evidence(narrow(model(decoder=Linear(1, D, rng=0))), 0 * X, reach=1.0),
            "wide and fine enough for p",
        ),
        (lambda: evidence(model(), X, reach=-1.0), "reach should be positive"),
        (lambda: ScoreFunctionElbo(samples=1), "at least 2 samples, found 1"),
        (
            lambda: estimator_noise(model(), Elbo(), Batch(X), draws=1, rng=np.random.default_rng(0)),
            "draws should be at least 2",
        ),
    ],
)
def test_what_cannot_be_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call()


# Estimators of the gradient


def exact_gradients(one):
    """Of the mean loss, by quadrature over the reparameterized noise."""
    noise, weights = noise_grid(1, 161)
    gradients = {}
    for t, weight in zip(noise[:, 0], weights, strict=True):
        _, pullback = SampledElbo()(one, Batch(X), np.full((len(X), 1), t))
        pullback()
        for name, p in named_parameters(one).items():
            gradients[name] = gradients.get(name, 0) + weight * p.grad
            p.grad = None
    return gradients


ESTIMATORS = {  # the objective, and how many draws an example
    "reparameterized": (Elbo(), 1),
    "reparameterized, sampled KL": (SampledElbo(), 1),
    "score function": (ScoreFunctionElbo(samples=1, leave_one_out=False), 1),
    "score function, two draws": (ScoreFunctionElbo(samples=2, leave_one_out=False), 2),
    "score function, leave one out": (ScoreFunctionElbo(samples=2), 2),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_of_the_gradient_has_the_same_exact_mean(name):
    """The mean over all draws by quadrature over the noise of each of K draws: no sampling error to hide
    behind.
    """
    objective, K = ESTIMATORS[name]
    one = model(
        prior=StandardGaussian(1) if name == "reparameterized" else GaussianMixture(1, components=3, rng=0)
    )
    noise, weights = noise_grid(K)
    total = {}
    for draws, weight in zip(noise, weights, strict=True):
        if weight < 1e-12:
            continue
        _, pullback = objective(one, Batch(X), np.tile(draws, len(X))[:, None])
        pullback()
        for parameter_name, p in named_parameters(one).items():
            total[parameter_name] = total.get(parameter_name, 0) + weight * p.grad
            p.grad = None
    for parameter_name, expected in exact_gradients(one).items():
        np.testing.assert_allclose(total[parameter_name], expected, atol=1e-7)


def test_leaving_one_out_leaves_no_noise_where_q_is_the_posterior():
    """f is then log p(x) at every draw, and f − b is 0."""
    one, W, b, variance = linear_gaussian()
    precision_L = np.linalg.cholesky(np.linalg.inv(np.eye(2) + W.T @ W / variance))
    M = precision_L @ precision_L.T
    one.encoder = Linear(D, 5, rng=0)
    cast(one, np.float64)
    one.encoder.weight.value = np.hstack([W @ M / variance, np.zeros((D, 3))])
    free = [np.log(precision_L[0, 0]), np.log(precision_L[1, 1]), precision_L[1, 0]]
    one.encoder.bias.value = np.concatenate([-b @ W @ M / variance, free])
    noise = np.random.default_rng(0).standard_normal((3 * len(X), 2))
    for objective, still in (
        (ScoreFunctionElbo(3), True),
        (ScoreFunctionElbo(3, leave_one_out=False), False),
    ):
        _, pullback = objective(one, Batch(X), noise)
        pullback()
        assert (np.abs(one.encoder.weight.grad).max() < 1e-12) == still
        one.encoder.weight.grad = one.encoder.bias.grad = None


def test_noise_of_estimators_is_measured():
    one, rng = model(), np.random.default_rng(0)
    found = {
        name: estimator_noise(one, objective, Batch(X), draws=800, rng=rng)
        for name, (objective, _) in ESTIMATORS.items()
    }
    exact = exact_gradients(one)
    for noise in found.values():
        for name, mean in noise.gradient_mean.items():
            error = np.sqrt(noise.gradient_variance[name] / noise.draws) + 1e-9
            assert (np.abs(mean - exact[name]) < 5 * error).all()
    encoder = {name: noise.total_variance("encoder") for name, noise in found.items()}
    assert encoder["reparameterized"] < encoder["score function, leave one out"] < encoder["score function"]
    assert encoder["score function, two draws"] == pytest.approx(encoder["score function"] / 2, rel=0.2)
    assert all(p.grad is None for p in named_parameters(one).values())


def test_moments_are_numpys_of_the_same_draws():
    one = model()
    for p in named_parameters(one).values():
        p.grad = np.full_like(p.value, 7.0)  # left by an earlier pullback
    found = estimator_noise(one, Iwae(2), Batch(X), draws=7, rng=np.random.default_rng(3))
    rng, losses, gradients = np.random.default_rng(3), [], []
    for _ in range(7):
        report, pullback = Iwae(2)(one, Batch(X), Iwae(2).draw_noise(one, 3, rng))
        pullback()
        losses.append(report.loss)
        weight = one.encoder.layers[0].weight
        gradients.append(weight.grad)
        for p in named_parameters(one).values():
            p.grad = None
    assert found.loss_mean == pytest.approx(np.mean(losses), rel=1e-12)
    assert found.loss_variance == pytest.approx(np.var(losses, ddof=1), rel=1e-9)
    np.testing.assert_allclose(
        found.gradient_mean["encoder.0.weight"], np.mean(gradients, axis=0), rtol=1e-10
    )
    np.testing.assert_allclose(
        found.gradient_variance["encoder.0.weight"], np.var(gradients, axis=0, ddof=1), rtol=1e-8
    )
    total = np.var(gradients, axis=0, ddof=1).sum()
    assert found.total_variance("encoder.0.weight") == pytest.approx(total, rel=1e-8)
    parts = [found.total_variance(prefix) for prefix in ("encoder", "decoder")]
    assert found.total_variance() == pytest.approx(sum(parts), rel=1e-12)
    assert 0 < total < parts[0]


def test_monte_carlo_kl_has_the_closed_forms_mean_and_the_known_variance():
    mean, log_var = np.full((1, 1), 0.8), np.full((1, 1), -0.9)
    s2 = np.exp(log_var[0, 0])
    # log q(z) − log p(z) at z = mean + σ ε is ½ (z² − ε² − log σ²): its variance is ½ (σ² − 1)² + mean² σ²
    nodes, weights = noise_grid(1)
    z, _ = gaussian.reparameterize(
        np.repeat(mean, len(nodes), axis=0), np.repeat(log_var, len(nodes), axis=0), noise=nodes
    )
    terms = 0.5 * (z**2 - nodes**2 - log_var)[:, 0]
    assert weights @ terms == pytest.approx(gaussian.kl_to_standard(mean, log_var)[0][0], rel=1e-12)
    assert weights @ terms**2 - (weights @ terms) ** 2 == pytest.approx(
        0.5 * (s2 - 1) ** 2 + 0.64 * s2, rel=1e-11
    )
