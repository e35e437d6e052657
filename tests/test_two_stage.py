"""A second VAE as a prior: its estimate of p(z) beside closed forms, quadrature and PyTorch, and its fit."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from scratchvae import VAE, Autoencoder
from scratchvae.__main__ import main
from scratchvae.data import Batch
from scratchvae.layers import Linear, Mode, cast, named_parameters
from scratchvae.likelihoods import Gaussian, GaussianDiagonal
from scratchvae.models import fit_prior
from scratchvae.objectives import SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian, TwoStage
from scratchvae.reference.cases.fitted_priors import linear_stage

RNG = np.random.default_rng(0)
Z = np.array([[0.3, -1.2], [2.0, 0.5], [-1.0, 4.0]])


@pytest.mark.parametrize("draws", [1, 3])
def test_with_the_exact_encoder_the_estimate_is_the_density_of_a_linear_gaussian_model(draws):
    """z ~ N(b, WᵀW + σ² I), and no draw matters, in training either."""
    rows = np.array([[1.5, 0.5], [-0.3, 0.9]])  # which are orthogonal
    bias = np.array([0.4, -0.2])
    prior = linear_stage(rows, bias, -0.7, draws=draws)
    expected = multivariate_normal(bias, rows.T @ rows + np.exp(-0.7) * np.eye(2)).logpdf(Z)
    for mode in (Mode(), Mode(np.random.default_rng(1), 0)):
        np.testing.assert_allclose(prior.log_prob(Z, mode=mode)[0], expected, rtol=1e-12)
    drawn = prior.sample(200_000, np.random.default_rng(2)).astype(np.float64)
    covariance = rows.T @ rows + np.exp(-0.7) * np.eye(2)
    # 5 standard errors, of the means and of the (co)variances
    assert (np.abs(drawn.mean(axis=0) - bias) < 5 * np.sqrt(np.diag(covariance) / 200_000)).all()
    assert (np.abs(np.cov(drawn.T) - covariance) < 5 * np.sqrt(2 / 200_000) * np.diag(covariance).max()).all()


def crooked(draws):
    """One latent by small networks, whose q(u|z) is wider than N(0, 1), so that its weights are bounded."""
    prior = TwoStage(1, hidden=5, draws=draws, rng=3)
    cast(prior, np.float64)
    for i, parameter in enumerate(named_parameters(prior).values()):
        parameter.value = 0.6 * np.random.default_rng([9, i]).normal(size=parameter.value.shape)
    last = prior.encoder.layers[-1]
    last.weight.value[:, 1], last.bias.value[1] = 0, 1.0  # log σ² of q(u|z)
    return prior


def test_the_estimate_is_unbiased_and_its_logarithm_a_bound_that_rises_with_the_draws():
    """p(z) by the trapezoid rule over u; means of 20 000 estimates to five standard errors."""
    u, n = np.linspace(-12, 12, 4001), 20_000
    prior = crooked(1)
    mean = prior.decoder(u[:, None])[0][:, 0]
    log_var = prior.log_var.value[0]
    z = np.array([0.2, 1.1])
    joint = -0.5 * (u**2 + np.log(2 * np.pi)) - 0.5 * (
        (z[:, None] - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi)
    )
    p = np.exp(joint).sum(axis=1) * (u[1] - u[0])
    means = []
    for draws in (1, 4):
        prior = crooked(draws)
        copies = np.repeat(z, n)[:, None]
        log_p, _ = prior.log_prob(copies, mode=Mode(np.random.default_rng(5), 0))
        estimates = np.exp(log_p).reshape(2, n)
        error = estimates.std(axis=1) / np.sqrt(n)
        assert (np.abs(estimates.mean(axis=1) - p) < 5 * error).all()
        means.append(log_p.reshape(2, n).mean(axis=1))
    assert (means[0] < means[1] - 0.01).all()
    assert (means[1] < np.log(p)).all()


def test_one_draw_is_the_elbo_of_a_vae_of_codes():
    """The same networks, noise and variance as a VAE with a Gaussian likelihood."""
    prior = TwoStage(2, hidden=5, draws=1, rng=3)
    prior.log_var.value = np.array([-0.4], np.float32)
    cast(prior, np.float64)
    model = VAE(
        event_shape=(2,),
        encoder=prior.encoder,
        posterior=DiagonalGaussian(2),
        prior=StandardGaussian(2),
        decoder=prior.decoder,
        likelihood=GaussianDiagonal(np.full(2, np.exp(-0.4)), min_variance=1e-9),
    )
    cast(model, np.float64)
    noise = np.repeat(prior.noise.value, len(Z), axis=0)
    report, _ = SampledElbo()(model, Batch(Z), noise)
    # the likelihood's variance went through float32
    np.testing.assert_allclose(prior.log_prob(Z)[0], report.terms["bound"], rtol=1e-6)


def test_in_evaluation_log_p_is_a_function_of_z_and_in_training_the_noise_is_new():
    prior = crooked(3)
    z = RNG.normal(size=(6, 1))
    whole = prior.log_prob(z)[0]
    np.testing.assert_allclose(whole, [prior.log_prob(one[None])[0][0] for one in z], rtol=1e-12)
    rng = np.random.default_rng(0)
    first, second = (prior.log_prob(z, mode=Mode(rng, 0))[0] for _ in range(2))
    assert not np.allclose(first, second)
    same = prior.log_prob(np.repeat(z[:1], 2, axis=0), mode=Mode(rng, 0))[0]
    assert same[0] != same[1]  # each z has draws of its own


@pytest.mark.parametrize("draws", [1, 4])
def test_pytorch_has_the_same_gradients(draws):
    torch = pytest.importorskip("torch")
    prior = TwoStage(2, hidden=(5, 4), draws=draws, rng=3)
    cast(prior, np.float64)
    parameters = named_parameters(prior)
    for i, parameter in enumerate(parameters.values()):
        parameter.value = np.random.default_rng([9, i]).normal(size=parameter.value.shape)
    of = {name: torch.tensor(p.value, requires_grad=True) for name, p in parameters.items()}
    z = torch.tensor(Z, requires_grad=True)

    def network(name, h):
        for i in (0, 2, 4):
            h = h @ of[f"{name}.{i}.weight"] + of[f"{name}.{i}.bias"]
            h = torch.relu(h) if i < 4 else h
        return h

    mean, log_var = network("encoder", z).chunk(2, dim=1)
    q = torch.distributions.Normal(mean, (log_var / 2).exp())
    u = q.mean + q.stddev * torch.tensor(prior.noise.value)[:, None]  # (K, B, Z)
    law = torch.distributions.Normal(network("decoder", u), (of["log_var"] / 2).exp())
    start = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    log_w = (law.log_prob(z) + start.log_prob(u) - q.log_prob(u)).sum(2)
    expected = torch.logsumexp(log_w, 0) - np.log(draws)
    weights = torch.tensor([0.3, -1.1, 0.7], dtype=torch.float64)
    (weights * expected).sum().backward()
    found, pullback = prior.log_prob(Z)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10)
    dz = pullback(weights.numpy())
    for ours, theirs in ((dz, z), *((p.grad, of[name]) for name, p in parameters.items())):
        theirs = theirs.grad.numpy()
        assert np.abs(ours - theirs).max() <= 1e-10 * max(np.abs(theirs).max(), 1e-3)


def ring(n, rng):
    """Points near a circle of radius 3, a law that is far from N(0, I)."""
    angle = rng.uniform(0, 2 * np.pi, n)
    x = 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * rng.normal(size=(n, 2))
    return x.astype(np.float32)


def test_a_second_stage_learns_the_codes_that_a_first_one_gives():
    """The codes are the examples themselves, on a circle: no Gaussian, and the second stage finds its radius."""
    x = ring(600, np.random.default_rng(1))
    encoder, decoder = Linear(2, 2, bias=False), Linear(2, 2, bias=False)
    encoder.weight.value = decoder.weight.value = np.eye(2, dtype=np.float32)
    networks = {"encoder": encoder, "decoder": decoder, "likelihood": Gaussian()}
    autoencoder = Autoencoder(event_shape=(2,), latent_dim=2, **networks)
    gained = fit_prior(autoencoder, x, "two_stage(hidden=32)", epochs=60, learning_rate=0.01, batch_size=100)
    other = ring(500, np.random.default_rng(2))
    reached = autoencoder.prior.log_prob(other)[0].mean()
    gaussian = multivariate_normal(np.zeros(2), 4.5 * np.eye(2)).logpdf(other).mean()
    assert gained[-1] > gained[0] + 1
    assert reached > gaussian + 0.3
    drawn = autoencoder.prior.sample(2000, np.random.default_rng(3))
    radius = np.linalg.norm(drawn, axis=1)
    assert abs(np.median(radius) - 3) < 0.3
    assert np.quantile(np.abs(radius - 3), 0.8) < 1
    assert drawn.dtype == np.float32


def test_the_command_line_fits_a_second_stage(tmp_path):
    np.save(tmp_path / "x.npy", RNG.random((30, 1, 4, 4)))
    run = ["--data", str(tmp_path / "x.npy"), "--out", str(tmp_path / "run"), "--quiet", "--no-figures"]
    assert main(["train", "--hidden", "4", "--latent-dim", "2", "--epochs", "1", *run]) == 0
    drawn = []
    for prior in ([], ["--fit-prior", "two_stage(hidden=8, draws=2)"]):
        out = tmp_path / f"{len(drawn)}.npy"
        assert main(["sample", str(tmp_path / "run"), "-n", "5", "--out", str(out), *prior]) == 0
        drawn.append(np.load(out))
    assert drawn[0].shape == drawn[1].shape == (5, 1, 4, 4)
    assert not np.array_equal(*drawn)
