"""Linear networks trained to their optimum: autoencoders become PCA, VAEs probabilistic PCA, and every point
lies on R(D).
"""

import numpy as np
import pytest
from scipy import optimize
from scipy.linalg import subspace_angles

from scratchvae.arrays import InputError
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import rate_distortion, reverse_water_filling
from scratchvae.layers import EVALUATION, Linear, Sequential, cast, named_parameters
from scratchvae.likelihoods import Bernoulli, Gaussian, GaussianDiagonal, GaussianOptimal
from scratchvae.models import FactorAnalysis, ProbabilisticPCA
from scratchvae.objectives import Elbo, Reconstruction, Report, sigma_points
from scratchvae.priors import GaussianMixture
from scratchvae.recipes import mlp
from scratchvae.training import Diverged, minimize
from scratchvae.training.newton import newton_step

N, D = 120, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) @ RNG.normal(size=(D, D)) + RNG.normal(size=D)
CENTRED = X - X.mean(axis=0)
EIGENVALUES, AXES = (part[..., ::-1] for part in np.linalg.eigh(CENTRED.T @ CENTRED / N))


def linear(kind, latent_dim, likelihood=None, seed=0):
    """One Linear each way, float64."""
    law = likelihood or Gaussian(1.0)
    model = mlp((D,), latent_dim=latent_dim, hidden=(), model=kind, likelihood=law, seed=seed)
    cast(model, np.float64)
    return model


def autoencoder(latent_dim, x=X):
    model, objective = linear("autoencoder", latent_dim), Reconstruction()
    found = minimize(model, objective, Batch(x), objective.draw_noise(model, len(x), RNG))
    assert found.converged
    return model


# --------------------------------------------------------------------------------------------------- linear
# autoencoder = PCA


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 5])
def test_a_linear_autoencoder_is_pca(latent_dim):
    model = autoencoder(latent_dim)
    error = ((model.reconstruct(X) - X) ** 2).sum(axis=1).mean()
    assert error == pytest.approx(EIGENVALUES[latent_dim:].sum(), rel=1e-6)
    decoder = model.decoder.layers[0].weight.value
    assert subspace_angles(decoder.T, AXES[:, :latent_dim]).max() < 1e-5  # measured: below 3e-7


@pytest.mark.parametrize("latent_dim", [D, D + 2])
def test_with_as_many_latents_as_inputs_a_linear_autoencoder_is_the_identity(latent_dim):
    model = autoencoder(latent_dim)
    assert ((model.reconstruct(X) - X) ** 2).mean() < 1e-12  # measured: 1e-15
    unseen = 3 * RNG.normal(size=(50, D))
    np.testing.assert_allclose(model.reconstruct(unseen), unseen, atol=1e-5)
    there, back = model.encoder.layers[0].weight.value, model.decoder.layers[0].weight.value
    np.testing.assert_allclose(there @ back, np.eye(D), atol=1e-5)


# ------------------------------------------------------------------------------------------------ linear
# VAE = probabilistic PCA


def bound(model, x=X):
    """The exact bound of each example, of a VAE with a linear decoder."""
    latent_dim = model.posterior.latent_dim
    report, _ = Elbo()(model, *sigma_points(Batch(x), latent_dim))
    return report.terms["bound"].reshape(len(x), 2 * latent_dim).mean(axis=1)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_a_linear_vae_is_probabilistic_pca(latent_dim):
    model = linear("vae", latent_dim, Gaussian(1.0, learned=True))
    assert minimize(model, Elbo(), *sigma_points(Batch(X), latent_dim)).converged
    exact = ProbabilisticPCA(latent_dim).fit(X)
    # measured: below 2e-6
    np.testing.assert_allclose(bound(model), exact.score_samples(X), rtol=0, atol=1e-4)
    decoder, log_var = model.decoder.layers[0], model.likelihood.log_var.value
    assert np.exp(log_var[0]) == pytest.approx(EIGENVALUES[latent_dim:].mean(), rel=1e-6)
    assert subspace_angles(decoder.weight.value.T, AXES[:, :latent_dim]).max() < 1e-5
    np.testing.assert_allclose(decoder.bias.value, X.mean(axis=0), atol=1e-5)
    # not only the subspace: latents are PCA's axes, up to order and sign, as q is diagonal
    # (Lucas et al. 2019, theorem 1)
    gram = np.sort(np.diag(decoder.weight.value @ decoder.weight.value.T))[::-1]
    np.testing.assert_allclose(gram, EIGENVALUES[:latent_dim] - EIGENVALUES[latent_dim:].mean(), rtol=1e-5)
    spread = model.encoder.layers[0].weight.value[:, latent_dim:]
    assert np.abs(spread).max() < 1e-5  # log σ² of q(z|x) is the same for every x


# ------------------------------------------------------------------------------------------------ linear
# VAE = factor analysis


def factors(latent_dim, n_entries=8, n=200):
    """Examples (N, D) of Z causes and of noise whose variance differs between entries."""
    rng = np.random.default_rng(latent_dim)
    causes = rng.normal(size=(n, latent_dim)) @ rng.normal(size=(latent_dim, n_entries)) + rng.normal(
        size=n_entries
    )
    return causes + np.linspace(0.4, 1.6, n_entries) * rng.normal(size=causes.shape)


def linear_with_diagonal_noise(x, latent_dim, min_variance, seed=0):
    """A linear VAE from random weights and unit variances, trained to the maximum of its exact bound."""
    law = GaussianDiagonal(np.ones(x.shape[1]), min_variance=min_variance)
    model = mlp(x.shape[1:], latent_dim=latent_dim, hidden=(), likelihood=law, seed=seed)
    cast(model, np.float64)
    minimize(model, Elbo(), *sigma_points(Batch(x), latent_dim))
    return model


@pytest.mark.parametrize(
    ("exact", "x"),
    [(ProbabilisticPCA(Z), X) for Z in (1, 3, 5)] + [(FactorAnalysis(Z), factors(Z)) for Z in (1, 2)],
    ids=lambda part: f"{type(part).__name__} {part.latent_dim}" if hasattr(part, "latent_dim") else "",
)
def test_the_closed_form_optimum_in_a_vaes_weights(exact, x):
    model = exact.fit(x).to_vae()
    np.testing.assert_allclose(bound(model, x), exact.score_samples(x), rtol=1e-12)
    np.testing.assert_allclose(model.transform(x), exact.transform(x), atol=1e-12)
    # q is exact
    np.testing.assert_allclose(model.score_samples(x[:5], samples=3), exact.score_samples(x[:5]), rtol=1e-6)
    _, pullback = Elbo()(model, *sigma_points(Batch(x), exact.latent_dim))
    pullback()
    steepest = max(np.abs(p.grad).max() for p in named_parameters(model).values())
    # until its own gradient, by log ψ, is below 1e-6; measured: 7e-10
    searched = isinstance(exact, FactorAnalysis)
    assert steepest < (1e-5 if searched else 1e-11)
    unseen = RNG.normal(size=(20, x.shape[1]))
    np.testing.assert_allclose(bound(model, unseen), exact.score_samples(unseen), rtol=1e-12)


@pytest.mark.parametrize(("latent_dim", "min_variance", "seed"), [(1, 0.0, 0), (1, 1e-6, 1), (2, 0.05, 0)])
def test_a_linear_vae_with_a_variance_for_each_entry_is_factor_analysis(latent_dim, min_variance, seed):
    x = factors(latent_dim)
    exact, model = (
        FactorAnalysis(latent_dim).fit(x),
        linear_with_diagonal_noise(x, latent_dim, min_variance, seed),
    )
    # measured: below 5e-6
    np.testing.assert_allclose(bound(model, x), exact.score_samples(x), rtol=0, atol=1e-4)
    # measured: below 3e-6
    np.testing.assert_allclose(model.likelihood.variance, exact.noise_variance, rtol=1e-4)
    W, psi = model.decoder.layers[0].weight.value, exact.noise_variance
    assert subspace_angles(W.T, exact.weight.T).max() < 1e-5  # measured: below 1e-7
    # not only the span: latents are the canonical factors, up to order and sign, as q is diagonal
    found, expected = (w / psi @ w.T for w in (W, exact.weight))
    order = np.argsort(np.diag(found))[::-1]
    np.testing.assert_allclose(found[np.ix_(order, order)], expected, atol=1e-4 * expected.max())
    unseen = factors(latent_dim, n=300)[200:]
    np.testing.assert_allclose(bound(model, unseen), exact.score_samples(unseen), rtol=0, atol=1e-4)


def heywood():
    """Examples with ρ_12 = ρ_13 = 0.7 and ρ_23 = 0.4, for which one factor would need ψ_1 = 1 − ρ_12
    ρ_13 / ρ_23 < 0.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    white = (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T
    return white @ np.linalg.cholesky([[1, 0.7, 0.7], [0.7, 1, 0.4], [0.7, 0.4, 1]]).T


def test_a_variance_that_the_data_drive_to_zero_ends_at_the_floor():
    x, floor = heywood(), 0.02
    exact, model = FactorAnalysis(1, min_noise_variance=floor).fit(x), linear_with_diagonal_noise(x, 1, floor)
    assert exact.noise_variance[0] == pytest.approx(floor, rel=1e-12)
    np.testing.assert_allclose(model.likelihood.variance, exact.noise_variance, rtol=1e-4)
    np.testing.assert_allclose(bound(model, x), exact.score_samples(x), rtol=0, atol=1e-4)
    constant = np.concatenate([factors(1), np.full((200, 1), 3.0)], axis=1)  # an entry that never varies
    model = linear_with_diagonal_noise(constant, 1, floor)
    assert model.likelihood.variance[-1] == pytest.approx(floor, rel=1e-4)
    expected = FactorAnalysis(1, min_noise_variance=floor).fit(constant).score(constant)
    assert bound(model, constant).mean() == pytest.approx(expected, abs=1e-4)


def test_a_latent_too_many_collapses_to_the_prior():
    """σ² held above an eigenvalue: its direction is not worth a latent."""
    variance = 0.5 * (EIGENVALUES[1] + EIGENVALUES[2])
    model = linear("vae", 4, Gaussian(variance))
    minimize(model, Elbo(), *sigma_points(Batch(X), 4))
    kept = np.sort(np.diag(model.decoder.layers[0].weight.value @ model.decoder.layers[0].weight.value.T))[
        ::-1
    ]
    np.testing.assert_allclose(kept[:2], EIGENVALUES[:2] - np.exp(model.likelihood.log_var.value), rtol=1e-5)
    assert kept[2:].max() < 1e-8


# ------------------------------------------------------------------------------------------------------------
# rate, distortion


def linear_vae(variance, latent_dim=D):
    """The optimum of the bound among linear VAEs with that decoder variance, above λ_D, in closed form."""
    return ProbabilisticPCA(latent_dim, min_noise_variance=variance).fit(X).to_vae()


@pytest.mark.parametrize(
    ("variance", "beta", "latent_dim"), [(1.0, 1.0, 6), (0.5, 4.0, 6), (4.0, 0.25, 3), (3.0, 0.4, 2)]
)
def test_a_trained_linear_vae_lies_on_the_rate_distortion_function(variance, beta, latent_dim):
    model = linear("vae", latent_dim, Gaussian(variance))
    found = minimize(model, Elbo(beta=beta), *sigma_points(Batch(X), latent_dim))
    rate, error = reverse_water_filling(
        EIGENVALUES, beta * np.exp(model.likelihood.log_var.value[0]), latent_dim=latent_dim
    )
    assert found.report.terms["kl"].mean() == pytest.approx(rate, rel=1e-6)
    sigma2 = np.exp(model.likelihood.log_var.value[0])
    squared = -2 * sigma2 * (found.report.terms["log_px"].mean() + 0.5 * D * np.log(2 * np.pi * sigma2))
    assert squared == pytest.approx(error, rel=1e-6)
    point = rate_distortion(lambda: model, [{}], Dataset("x", X), samples=200)[0]
    assert point.rate == pytest.approx(rate, rel=1e-6)
    assert point.squared_error == pytest.approx(error, rel=0.02)
    assert point.distortion == pytest.approx(-found.report.terms["log_px"].mean(), rel=0.02)


def test_rate_distortion_sweeps_settings():
    data = Dataset("x", X)
    settings = [
        {"variance": variance, "latent_dim": Z} for Z in (1, D) for variance in EIGENVALUES[[-2, 2, 0]]
    ]
    points = rate_distortion(linear_vae, settings, data, samples=100)
    assert [point.setting for point in points] == settings
    assert [point.latent_dim for point in points] == [1, 1, 1, D, D, D]
    for point in points[-2:]:
        rate, error = reverse_water_filling(EIGENVALUES, point.setting["variance"])
        assert point.rate == pytest.approx(rate, rel=1e-9, abs=1e-12)
        assert point.squared_error == pytest.approx(error, rel=0.03)
        again = rate_distortion(linear_vae, [point.setting], data, samples=100)
        assert again == [point]
    for point in points:  # R + D = −bound, and no code of the data's moments beats Shannon's
        level = np.geomspace(1e-3, EIGENVALUES[0], 400)
        rates, errors = np.array([reverse_water_filling(EIGENVALUES, s) for s in level]).T
        assert point.squared_error > 0.97 * np.interp(point.rate, rates[::-1], errors[::-1])
        model = linear_vae(**point.setting)
        assert point.rate + point.distortion == pytest.approx(-bound(model).mean(), rel=0.02)


def test_a_plain_autoencoder_has_an_infinite_rate_and_the_error_of_pca():
    (point,) = rate_distortion(autoencoder, [{"latent_dim": 2}], Dataset("x", X))
    assert point.rate == np.inf
    assert point.squared_error == pytest.approx(EIGENVALUES[2:].sum(), rel=1e-6)
    assert point.distortion == pytest.approx(
        0.5 * point.squared_error + 0.5 * D * np.log(2 * np.pi), rel=1e-6
    )


def test_a_prior_without_a_closed_form_is_measured_by_draws():
    model = linear("vae", 2)
    (exact,) = rate_distortion(lambda: model, [{}], Dataset("x", X))
    model.prior = GaussianMixture(2, components=1, rng=0)
    cast(model.prior, np.float64)
    model.prior.means.value[:] = 0  # N(0, I) again
    (drawn,) = rate_distortion(lambda: model, [{}], Dataset("x", X), samples=20_000)
    assert drawn.rate == pytest.approx(exact.rate, rel=0.01)  # its standard error is 0.04


def test_reverse_water_filling_is_shannons():
    """Against a numerical solution: the cheapest split of an error over independent Gaussians."""
    variances = np.array([3.0, 0.2, 1.0])
    for s in (0.1, 0.5, 2.0):
        rate, error = reverse_water_filling(variances, s)
        best = optimize.minimize(
            lambda share: 0.5 * np.log(variances / share).sum(),
            np.minimum(variances, error / 3) * 0.9,
            bounds=[(1e-6, v) for v in variances],
            constraints={"type": "ineq", "fun": lambda share, error=error: error - share.sum()},
            options={"ftol": 1e-12},
        )
        assert rate == pytest.approx(best.fun, abs=1e-6)
    assert reverse_water_filling(variances, 5.0) == (0.0, pytest.approx(4.2))
    assert reverse_water_filling([1.0, 0.0], 0.5) == (pytest.approx(0.5 * np.log(2)), 0.5)
    assert reverse_water_filling(variances, 0.1, latent_dim=1) == (
        pytest.approx(0.5 * np.log(30)),
        pytest.approx(1.3),
    )


# ------------------------------------------------------------------------------------------------------------
# sigma points


@pytest.mark.parametrize("Z", [1, 2, 5])
def test_sigma_points_integrate_cubic_polynomials_exactly(Z):
    x = RNG.normal(size=(3, 4))
    copies, noise = sigma_points(Batch(x), Z)
    np.testing.assert_array_equal(copies.x, np.repeat(x, 2 * Z, axis=0))
    A, b, T = RNG.normal(size=(Z, Z)), RNG.normal(size=Z), RNG.normal(size=(Z, Z, Z))
    for points in noise.reshape(3, 2 * Z, Z):
        quadratic = np.einsum("ni,ij,nj->n", points, A, points) + points @ b
        assert quadratic.mean() == pytest.approx(np.trace(A), rel=1e-12)  # E[ε'Aε + b'ε] = tr A
        cubic = np.einsum("ijk,ni,nj,nk->n", T, points, points, points)
        assert cubic.mean() == pytest.approx(0, abs=1e-12)
    assert sigma_points(Batch(x.astype(np.float32)), Z)[1].dtype == np.float32


def test_the_bound_on_sigma_points_is_the_expectation_over_draws():
    model = linear("vae", 2)
    many = np.repeat(X[:4], 50_000, axis=0)
    report, _ = Elbo()(model, Batch(many), np.random.default_rng(0).standard_normal((len(many), 2)))
    draws = report.terms["bound"].reshape(4, -1)
    error = draws.std(axis=1) / np.sqrt(draws.shape[1])
    assert (np.abs(draws.mean(axis=1) - bound(model, X[:4])) < 4 * error).all()


# ------------------------------------------------------------------------------------------------------------
# minimize


def test_minimize_finds_least_squares():
    """A decoder that has to make x from a code that it can't change: linear regression, whose solution is
    known.
    """
    model = linear("autoencoder", 2)
    frozen = model.encoder.layers[0]
    model.encoder = Fixed(frozen)
    objective = Reconstruction()
    found = minimize(model, objective, Batch(X), objective.draw_noise(model, N, RNG), tolerance=1e-10)
    z = np.concatenate([X @ frozen.weight.value + frozen.bias.value, np.ones((N, 1))], axis=1)
    best, squares, _, _ = np.linalg.lstsq(z, X, rcond=None)
    np.testing.assert_allclose(model.decoder.layers[0].weight.value, best[:2], atol=1e-6)
    assert found.report.loss == pytest.approx(
        0.5 * squares.sum() / N + 0.5 * D * np.log(2 * np.pi), rel=1e-12
    )
    assert found.steps <= len(found.losses) <= found.evaluations
    assert found.losses[0] > found.report.loss


class Fixed:
    """A layer whose Parameters nobody finds."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x, **settings):
        return self.layer(x, **settings)


def test_buffers_are_those_of_the_minimum_and_not_of_the_way_there():
    model, objective = linear("autoencoder", 2, GaussianOptimal()), Reconstruction()
    found = minimize(model, objective, Batch(X), objective.draw_noise(model, N, RNG))
    residual = X - model.reconstruct(X)
    np.testing.assert_allclose(model.likelihood.variance.value, (residual**2).mean(), rtol=1e-9)
    np.testing.assert_array_equal(model.likelihood.batches_seen.value, 1)
    assert -model.score(X) == pytest.approx(found.report.loss, rel=1e-9)


def test_minimize_is_deterministic_and_keeps_dtypes():
    results = []
    for _ in range(2):
        model = mlp((D,), latent_dim=2, hidden=(4,), activation="tanh", likelihood=Gaussian(1.0), seed=3)
        noise = Elbo().draw_noise(model, N, np.random.default_rng(0))
        found = minimize(model, Elbo(), Batch(X.astype(np.float32)), noise, max_steps=15)
        assert not found.converged
        assert found.steps == 15
        results.append((found.report.loss, [p.value for p in named_parameters(model).values()]))
    assert results[0][0] == results[1][0]
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(3))
def test_a_minimum_knows_how_far_it_is_from_the_lowest(seed):
    """Stopped on the way, `left` is what the loss then still falls by; at the end it is far below the loss's
    rounding.
    """
    model = linear("vae", 2, Gaussian(1.0, learned=True), seed=seed)
    way = [
        minimize(model, Elbo(), *sigma_points(Batch(X), 2), tolerance=tolerance)
        for tolerance in (1e-4, 1e-5, 1e-9)
    ]
    assert [stop.converged for stop in way] == [True, True, True]
    for stop, tolerance in zip(way, (1e-4, 1e-5, 1e-9), strict=True):
        assert 0 < stop.gradient <= tolerance
    for stop in way[:2]:
        fall = stop.report.loss - way[-1].report.loss
        # measured: within 0.01; no quadratic form
        assert stop.left == pytest.approx(fall, rel=0.1, abs=way[-1].rounding)
        assert stop.left > 100 * stop.rounding
    assert way[-1].left < 1e-3 * way[-1].rounding


def test_the_limit_of_rounding_is_convergence_too():
    """A tolerance of 0 can't be reached; what is left of the loss is below what it can show."""
    found = minimize(
        linear("vae", 2, Gaussian(1.0, learned=True)), Elbo(), *sigma_points(Batch(X), 2), tolerance=0.0
    )
    assert found.converged
    assert 0 < found.gradient < 1e-11
    assert found.left <= found.rounding
    assert found.rounding == pytest.approx(2.2e-16 * (1 + np.log2(4 * N * D)) * (D + 25.9), rel=0.05)


class Off(Elbo):
    """An Elbo whose gradient to the decoder's bias is `factor` times what it should be."""

    factor = 1.0

    def __call__(self, model, batch, noise, *, mode=EVALUATION):
        report, right = super().__call__(model, batch, noise, mode=mode)

        def pullback():
            right()
            model.decoder.layers[0].bias.grad = self.factor * model.decoder.layers[0].bias.grad

        return report, pullback


@pytest.mark.parametrize(("factor", "converged"), [(1.0, True), (-1.0, False), (-0.1, False)])
def test_where_the_gradient_is_not_the_slope_of_the_loss_nothing_has_converged(factor, converged):
    model, objective = linear("vae", 2, Gaussian(1.0, learned=True)), Off()
    objective.factor = factor
    found = minimize(model, objective, *sigma_points(Batch(X), 2))
    assert found.converged == converged
    assert (found.left <= found.rounding) == converged


def quadratic(H):
    """gradient_at of ½ θᵀ H θ, and the list of the θ that it is asked at."""
    asked = []

    def gradient_at(theta):
        asked.append(theta)
        return H @ theta

    return gradient_at, asked


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_newtons_step_solves_a_quadratic_form_and_says_what_it_gains(unit):
    rng = np.random.default_rng(2)
    A = rng.normal(size=(8, 8))
    H, theta = A @ A.T + np.eye(8), unit * rng.normal(size=8)
    gradient_at, _ = quadratic(H)
    step, left = newton_step(gradient_at, theta, H @ theta, epsilon=2.2e-16)
    # H ≥ I, and 1e-4 of the gradient is left
    np.testing.assert_allclose(step, theta, atol=1e-4 * np.linalg.norm(H @ theta))
    assert left == pytest.approx(0.5 * theta @ H @ theta, rel=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("epsilon", [2.2e-16, 1.2e-7])
def test_differences_of_gradients_are_as_long_as_rounding_asks_for(scale, epsilon):
    """h ‖d‖ = ∛ε (1 + ‖θ‖), to both sides of θ, whatever the length of d."""
    theta, g = scale * np.array([0.6, -0.8, 0.0]), np.array([30.0, 0.0, 40.0])
    gradient_at, asked = quadratic(np.diag([1.0, 2.0, 3.0]))
    newton_step(gradient_at, theta, g, epsilon=epsilon)
    for one, other in zip(asked[::2], asked[1::2], strict=True):
        np.testing.assert_allclose((one + other) / 2, theta, rtol=1e-12)
        assert np.linalg.norm(one - theta) == pytest.approx(epsilon ** (1 / 3) * (1 + scale), rel=1e-6)


@pytest.mark.parametrize(("spread", "differences"), [(1e-5, 2), (0.95e-4, 2), (1.05e-4, 4), (1e-3, 4)])
def test_conjugate_gradients_end_at_a_ten_thousandth_of_the_gradient(spread, differences):
    """H = 1 ± spread leaves just that share of the gradient after the first direction, and next to none after
    the second.
    """
    curvatures = np.array([1 - spread, 1 + spread])
    gradient_at, asked = quadratic(np.diag(curvatures))
    step, _ = newton_step(gradient_at, np.zeros(2), np.ones(2), epsilon=2.2e-16)
    assert len(asked) == differences
    np.testing.assert_allclose(step, 1 / curvatures, atol=1.5e-4)


def test_a_curve_downwards_gains_without_limit_and_a_flat_one_ends_the_search():
    for H in (-np.eye(2), np.diag([1.0, -1.0]), np.zeros((2, 2))):
        gradient_at, _ = quadratic(H)
        assert newton_step(gradient_at, np.zeros(2), np.array([1.0, 2.0]), epsilon=2.2e-16)[1] == np.inf
    gradient_at, _ = quadratic(np.diag([2.0, 0.0]))
    step, left = newton_step(gradient_at, np.zeros(2), np.array([2.0, 0.0]), epsilon=2.2e-16)
    np.testing.assert_allclose(step, [1, 0], rtol=1e-6)
    assert left == pytest.approx(1.0, rel=1e-6)


class Valley(Reconstruction):
    """Its loss is 10⁶ + Σ a_i (cosh(w_i − 1) − 1) of the decoder's bias w: only its gradient can tell where
    the end is.
    """

    def __call__(self, model, batch, noise, *, mode=EVALUATION):
        w, a = model.decoder.layers[0].bias, np.linspace(1, 3, D)
        loss = 1e6 + (a * (np.cosh(w.value - 1) - 1)).sum()

        def pullback():
            w.grad = a * np.sinh(w.value - 1)

        return Report(float(loss), {"log_px": np.full(len(batch), -loss)}), pullback


def test_newtons_steps_go_on_where_the_loss_has_no_digits_left_and_other_parameters_none_to_do():
    """The loss is right to 1e-9 only, which leaves w at 1 ± 1e-5.

    All Parameters but w have the gradient 0.
    """
    model = linear("autoencoder", 2)
    found = minimize(model, Valley(), Batch(X), None, tolerance=1e-13)
    assert found.gradient <= 1e-13
    np.testing.assert_allclose(model.decoder.layers[0].bias.value, 1, atol=1e-13)


def test_a_search_that_ran_out_of_steps_has_not_converged():
    found = minimize(
        linear("vae", 2, Gaussian(1.0, learned=True)), Elbo(), *sigma_points(Batch(X), 2), max_steps=5
    )
    assert not found.converged
    assert found.steps == 5
    assert np.isnan(found.left)


def test_a_loss_that_is_no_number_leaves_the_parameters_alone():
    model = linear("vae", 2)
    model.decoder.layers[0].bias.value[1] = np.nan
    before = {name: p.value.copy() for name, p in named_parameters(model).items()}
    with pytest.raises(
        Diverged, match=r"minimize: the loss is nan; its term log_px .*decoder\.0\.bias went first"
    ):
        minimize(model, Elbo(), *sigma_points(Batch(X), 2))
    for name, parameter in named_parameters(model).items():
        np.testing.assert_array_equal(parameter.value, before[name])


def test_steps_that_overflow_are_named_and_taken_back():
    model = linear("vae", 2, Gaussian(1.0, learned=True))
    before = {name: p.value.copy() for name, p in named_parameters(model).items()}
    with pytest.raises(Diverged, match="Smaller first weights, or data in smaller units, may help"):
        minimize(model, Elbo(), *sigma_points(Batch(100 * X), 2))
    for name, parameter in named_parameters(model).items():
        np.testing.assert_array_equal(parameter.value, before[name])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: minimize(linear("vae", 2), Elbo(), *sigma_points(Batch(X), 2), max_steps=0),
            "max_steps should be at least 1",
        ),
        (
            lambda: minimize(linear("vae", 2), Elbo(), *sigma_points(Batch(X), 2), tolerance=-1),
            "tolerance should be at least 0",
        ),
        (
            lambda: minimize(linear("vae", 2, Bernoulli()), Elbo(), *sigma_points(Batch(X), 2)),
            r"numbers in \[0, 1\]",
        ),
        (
            lambda: minimize(linear("vae", 2), Elbo(), *sigma_points(Batch(X[:0]), 2)),
            "at least one example, found none",
        ),
        (lambda: ProbabilisticPCA(2).to_vae(), "fit the model first"),
        (lambda: FactorAnalysis(2).to_vae(), "fit the model first"),
        (lambda: rate_distortion(linear, [], Dataset("x", X), samples=0), "samples should be at least 1"),
        (lambda: reverse_water_filling([1.0, -1.0], 1.0), "finite and not negative"),
        (lambda: reverse_water_filling([[1.0]], 1.0), r"should be \(D,\)"),
        (lambda: reverse_water_filling([1.0], 0.0), "level should be positive, found 0.0"),
        (
            lambda: reverse_water_filling([1.0], 0.5, latent_dim=-1),
            "latent_dim should be at least 0, found -1",
        ),
        (lambda: sigma_points(Batch(X), 0), "latent_dim should be at least 1"),
        (lambda: sigma_points(Batch(X[0]), 2), r"x should have shape \(B, D\)"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_a_model_without_parameters_is_named():
    model = linear("autoencoder", 2)
    model.encoder = model.decoder = Sequential()
    with pytest.raises(InputError, match="should have Parameters, found none"):
        minimize(model, Reconstruction(), Batch(X), None)
    assert isinstance(linear("vae", 1).encoder.layers[0], Linear)
