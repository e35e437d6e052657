"""The posterior, the prior and the likelihoods of the Gaussian law of independent entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.distributions import gaussian
from scratchvae.likelihoods import Gaussian, GaussianDiagonal, GaussianOptimal, GaussianPerPixel
from scratchvae.objectives import Elbo, Iwae
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.cases.case import Case, objective_case
from scratchvae.reference.cases.gaussian import sampled, torch_law
from scratchvae.reference.cases.inputs import (
    GRID,
    SAMPLED_LOG_VAR,
    SAMPLED_MEAN,
    likelihood_sampler,
    prior_sampler,
    real_data,
    torch_likelihood,
)
from scratchvae.reference.cases.models import LATENT_NOISE, LATENT_NOISES, K, X, vae
from scratchvae.reference.cases.part import Part, SamplingCase

VARIANCES = np.array([0.15, 0.3, 0.6, 1.2])


def parts() -> list[Part]:
    """Return every choice of the roles."""
    optimal = GaussianOptimal()
    optimal.variance.value = np.array([5.0])

    def case(name: str, objective: Any, likelihood: Any, **more: Any) -> Case:
        noise = LATENT_NOISES if isinstance(objective, Iwae) else LATENT_NOISE
        return objective_case(name, objective, vae(likelihood), X, noise=noise, **more)

    return [
        Part(
            "diagonal_gaussian",
            DiagonalGaussian,
            sampling=SamplingCase(
                "DiagonalGaussian.sample",
                _draw_latent,
                lambda t: gaussian.log_prob(t[:, None], *sampled(len(t)))[0],
                GRID,
            ),
            columns=lambda n, rng: DiagonalGaussian(3).draw_noise(n, rng),
        ),
        Part(
            "standard_gaussian",
            StandardGaussian,
            sampling=prior_sampler(StandardGaussian(1)),
            columns=lambda n, rng: StandardGaussian(3).sample(n, rng),
        ),
        Part(
            "gaussian",
            Gaussian,
            [case("Elbo: Gaussian", Elbo(), Gaussian(0.3))],
            sampling=likelihood_sampler(Gaussian(variance=5.0), [SAMPLED_MEAN], GRID),
            columns=lambda n, rng: Gaussian().sample(np.zeros((n, 3)), rng),
            example=lambda D: (Gaussian(0.5, learned=True), real_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: torch.distributions.Normal(x_params, 1.0).log_prob(x).sum(1)
            ),
        ),
        Part(
            "gaussian(learned=True)",
            Gaussian,
            [case("Elbo: Gaussian, learned", Elbo(), Gaussian(0.3, learned=True))],
            torch=torch_likelihood(
                lambda torch, role, x_params, x: torch_law(torch, x_params, role.log_var).log_prob(x).sum(1),
                log_var=lambda D: [0.0],
            ),
        ),
        Part(
            "gaussian_diagonal",
            GaussianDiagonal,
            [
                case("Elbo: GaussianDiagonal", Elbo(), GaussianDiagonal(VARIANCES, min_variance=0.1)),
                case("Iwae: GaussianDiagonal", Iwae(K), GaussianDiagonal(VARIANCES, min_variance=0)),
            ],
            sampling=likelihood_sampler(GaussianDiagonal([5.0], min_variance=1.0), [SAMPLED_MEAN], GRID),
            columns=lambda n, rng: GaussianDiagonal([0.2, 1, 5]).sample(np.zeros((n, 3)), rng),
            example=lambda D: (GaussianDiagonal(np.linspace(0.5, 2, D), min_variance=0.3), real_data(D)),
            torch=torch_likelihood(  # at least 1e-6, and at first 1
                lambda torch, role, x_params, x: (
                    torch.distributions.Normal(x_params, torch.sqrt(role.log_excess.exp() + 1e-6))
                    .log_prob(x)
                    .sum(1)
                ),
                log_excess=lambda D: [math.log1p(-1e-6)] * D,
            ),
        ),
        Part(
            "gaussian_optimal",
            GaussianOptimal,
            [
                case("Elbo: GaussianOptimal", Elbo(), GaussianOptimal()),
                case("Elbo: GaussianOptimal, training", Elbo(), GaussianOptimal(), training=True),
                case("Iwae: GaussianOptimal, training", Iwae(K), GaussianOptimal(), training=True),
            ],
            sampling=likelihood_sampler(optimal, [SAMPLED_MEAN], GRID),
            columns=lambda n, rng: GaussianOptimal().sample(np.zeros((n, 3)), rng),
            example=lambda D: (GaussianOptimal(), real_data(D)),
            torch=torch_likelihood(_torch_optimal),
        ),
        Part(
            "gaussian_per_pixel",
            GaussianPerPixel,
            [case("Elbo: GaussianPerPixel", Elbo(), GaussianPerPixel())],
            sampling=likelihood_sampler(GaussianPerPixel(), [SAMPLED_MEAN, SAMPLED_LOG_VAR], GRID),
            columns=lambda n, rng: GaussianPerPixel().sample(np.zeros((n, 6)), rng),
            example=lambda D: (GaussianPerPixel(), real_data(D)),
            torch=torch_likelihood(
                lambda torch, role, x_params, x: (
                    torch_law(torch, *x_params.chunk(2, dim=1)).log_prob(x).sum(1)
                ),
                outputs=2,
            ),
        ),
    ]


def _torch_optimal(torch: Any, role: Any, x_params: Any, x: Any) -> Any:
    """Compute log p(x|z) with the variance that suits the residuals best.

    In training it is the batch's mean squared error, and afterwards the mean of those that were seen.
    """
    variances = role.__dict__.setdefault("variances", [])
    if role.training:
        var = torch.nn.functional.mse_loss(x_params, x)
        variances.append(var.detach())
    else:
        var = torch.stack(variances).mean()
    return torch.distributions.Normal(x_params, var.sqrt()).log_prob(x).sum(1)


def _draw_latent(n: int, rng: np.random.Generator) -> Array:
    posterior = DiagonalGaussian(1)
    z, _ = posterior.sample(np.hstack(sampled(n)), noise=posterior.draw_noise(n, rng).astype(np.float64))
    return z[:, 0]
