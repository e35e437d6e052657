"""The samplers, each beside the density that its draws must follow."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import bernoulli, categorical, gaussian, gaussian_full, laplace, mixture, multinomial, poisson
from scratchvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    GaussianDiagonal,
    GaussianOptimal,
    GaussianPerPixel,
    Laplace,
    Likelihood,
    Multinomial,
    Poisson,
    Standardized,
)
from scratchvae.posteriors import DiagonalGaussian, FullGaussian
from scratchvae.priors import GaussianMixture, Prior, StandardGaussian

GRID = np.linspace(-40, 40, 160_001)
FIVES = np.array([a + 6 * b for b in range(6) for a in range(6 - b)])  # counts a, b, 5 − a − b of three words, as one number


@dataclass(frozen=True)
class SamplingCase:
    """`draw(n, rng)` -> (n,), said to follow `log_prob(points)` (M,) on `points`, as checks.check_draws takes them."""

    name: str
    draw: Callable[[int, np.random.Generator], Array]
    log_prob: Callable[[Array], Array]
    points: Array


def sampling_cases() -> list[SamplingCase]:
    """Every sampler of distributions, posteriors, likelihoods and priors.

    None has unit variance, where σ² and σ are alike, and no two parameters of one law are near each other, up to their signs: a
    sampler that exchanges them would follow its density all the same. tests/test_arguments.py exchanges them.
    """
    mean, log_var, log_scale = 0.7, 1.3, -0.4
    logits = np.array([0.3, -1.0, 1.1])
    mixed = {"logits": logits, "means": np.array([[-3.0], [0.5], [2.0]]), "log_vars": np.array([[0.2], [-1.5], [1.0]])}
    learned = GaussianMixture(1, components=3, rng=0)
    learned.logits.value, learned.means.value, learned.log_vars.value = mixed.values()
    optimal = GaussianOptimal()
    optimal.variance.value = np.array([5.0])
    return [
        SamplingCase(
            "gaussian.reparameterize",
            lambda n, rng: gaussian.reparameterize(_full(n, mean), _full(n, log_var), noise=rng.standard_normal((n, 1)))[0][:, 0],
            lambda t: gaussian.log_prob(t[:, None], _full(len(t), mean), _full(len(t), log_var))[0],
            GRID,
        ),
        SamplingCase(
            "gaussian.sample_standard",
            lambda n, rng: gaussian.sample_standard((n,), rng).astype(np.float64),
            lambda t: gaussian.standard_log_prob(t[:, None])[0],
            GRID,
        ),
        SamplingCase("gaussian_full.reparameterize", _second_of_two, _second_of_two_log_prob, GRID),
        SamplingCase("FullGaussian.sample", _second_latent, _second_of_two_log_prob, GRID),
        SamplingCase(
            "laplace.reparameterize",
            lambda n, rng: laplace.reparameterize(_full(n, mean), _full(n, log_scale), noise=rng.laplace(size=(n, 1)))[0][:, 0],
            lambda t: laplace.log_prob(t[:, None], _full(len(t), mean), _full(len(t), log_scale))[0],
            GRID,
        ),
        SamplingCase(
            "bernoulli.sample",
            lambda n, rng: bernoulli.sample(_full(n, -1.2), uniform=rng.random((n, 1)))[:, 0],
            lambda t: bernoulli.log_prob(_full(len(t), -1.2), x=t[:, None].astype(np.float64))[0],
            np.arange(2),
        ),
        SamplingCase(
            "categorical.sample",
            lambda n, rng: categorical.sample(np.broadcast_to(logits, (n, 1, 3)), uniform=rng.random((n, 1)))[:, 0],
            lambda t: categorical.log_prob(np.broadcast_to(logits, (len(t), 1, 3)), x=t[:, None])[0],
            np.arange(3),
        ),
        SamplingCase(
            "mixture.sample",
            lambda n, rng: mixture.sample(**mixed, uniform=rng.random(n), noise=rng.standard_normal((n, 1)))[:, 0],
            lambda t: mixture.log_prob(t[:, None], **mixed)[0],
            GRID,
        ),
        SamplingCase(
            "multinomial.sample",
            lambda n, rng: multinomial.sample(np.tile(logits, (n, 1)), uniform=rng.random((n, 5)))[:, :2] @ [1, 6],
            lambda t: multinomial.log_prob(np.tile(logits, (len(t), 1)), x=_fives(t))[0],
            FIVES,
        ),
        SamplingCase(
            "poisson.sample",
            lambda n, rng: poisson.sample(_full(n, mean), uniform=rng.random((n, 1)))[:, 0],
            lambda t: poisson.log_prob(_full(len(t), mean), x=t[:, None].astype(np.float64))[0],
            np.arange(40),
        ),
        _posterior("DiagonalGaussian.sample", mean, log_var),
        _prior("StandardGaussian.sample", StandardGaussian(1)),
        _prior("GaussianMixture.sample", learned),
        _likelihood("Bernoulli.sample", Bernoulli(), [-1.2], np.arange(2)),
        _likelihood("Categorical.sample", Categorical(2), [0.4, -0.3], np.arange(2)),
        _likelihood("Gaussian.sample", Gaussian(variance=5.0), [mean], GRID),
        _likelihood("GaussianDiagonal.sample", GaussianDiagonal([5.0], min_variance=1.0), [mean], GRID),
        _likelihood("GaussianOptimal.sample", optimal, [mean], GRID),
        _likelihood("GaussianPerPixel.sample", GaussianPerPixel(), [mean, log_var], GRID),
        _likelihood("Laplace.sample", Laplace(scale=3.5), [mean], GRID),
        SamplingCase(
            "Multinomial.sample",
            lambda n, rng: Multinomial(5).sample(np.tile(logits, (n, 1)), rng)[:, :2] @ [1, 6],
            lambda t: Multinomial(5).log_prob(np.tile(logits, (len(t), 1)), x=_fives(t))[0],
            FIVES,
        ),
        _likelihood("Standardized.sample", Standardized(Gaussian(5.0), 1, mean=[-1.6], scale=[2.4]), [mean], GRID),
        _likelihood("Poisson.sample", Poisson(), [mean], np.arange(40)),
    ]


def _fives(t: Array) -> Array:
    """The counts (M, 3) that FIVES names by numbers (M,)."""
    first, second = t % 6, t // 6
    return np.stack([first, second, 5 - first - second], axis=1).astype(np.float64)


def _full(n: int, value: float) -> Array:
    return np.full((n, 1), value)


FACTOR = np.array([[1.5, 0.0], [-2.0, 0.5]])  # of a covariance whose second variance is 2² + 0.5²


def _second_of_two(n: int, rng: np.random.Generator) -> Array:
    """Draws of the second entry of N([0, 0.7], L Lᵀ)."""
    mean, L = np.tile([0.0, 0.7], (n, 1)), np.broadcast_to(FACTOR, (n, 2, 2))
    z, _ = gaussian_full.reparameterize(mean, L, noise=rng.standard_normal((n, 2)))
    return z[:, 1]


def _second_latent(n: int, rng: np.random.Generator) -> Array:
    """The same by the role."""
    posterior = FullGaussian(2)
    q_params = np.tile([0.0, 0.7, np.log(FACTOR[0, 0]), np.log(FACTOR[1, 1]), FACTOR[1, 0]], (n, 1))
    z, _ = posterior.sample(q_params, noise=posterior.draw_noise(n, rng).astype(np.float64))
    return z[:, 1]


def _second_of_two_log_prob(t: Array) -> Array:
    log_p, _ = gaussian.log_prob(t[:, None], _full(len(t), 0.7), _full(len(t), np.log(FACTOR[1] @ FACTOR[1])))
    return log_p


def _posterior(name: str, mean: float, log_var: float) -> SamplingCase:
    posterior = DiagonalGaussian(1)

    def draw(n: int, rng: np.random.Generator) -> Array:
        q_params = np.hstack([_full(n, mean), _full(n, log_var)])
        z, _ = posterior.sample(q_params, noise=posterior.draw_noise(n, rng).astype(np.float64))
        return z[:, 0]

    def log_prob(t: Array) -> Array:
        log_q, _ = gaussian.log_prob(t[:, None], _full(len(t), mean), _full(len(t), log_var))
        return log_q

    return SamplingCase(name, draw, log_prob, GRID)


def _prior(name: str, prior: Prior) -> SamplingCase:
    return SamplingCase(name, lambda n, rng: prior.sample(n, rng)[:, 0], lambda t: prior.log_prob(t[:, None])[0], GRID)


def _likelihood(name: str, likelihood: Likelihood, x_params: list[float], points: Array) -> SamplingCase:
    def draw(n: int, rng: np.random.Generator) -> Array:
        return likelihood.sample(np.tile(np.array(x_params), (n, 1)), rng)[:, 0]

    def log_prob(t: Array) -> Array:
        log_px, _ = likelihood.log_prob(np.tile(np.array(x_params), (len(t), 1)), x=t[:, None].astype(np.float64))
        return log_px

    return SamplingCase(name, draw, log_prob, points)
