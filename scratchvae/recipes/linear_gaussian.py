"""Factor analysis and probabilistic PCA as models of events of any shape, fitted to all examples at once."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from scratchvae.arrays import sizes_of
from scratchvae.data import Dataset
from scratchvae.layers import named_parameters
from scratchvae.models import VAE, FactorAnalysis, ProbabilisticPCA


class SolvedVAE(VAE):
    """The linear VAE that equals a LinearGaussian, in float64, so that its bound is log p(x).

    Its Parameters come from no gradient: `solve` fits the LinearGaussian to all examples, and sets the
    Parameters by the result. Before that W = 0, the mean is 0, and every noise variance is 1.
    """

    def __init__(self, event_shape: Sequence[int] | int, linear: FactorAnalysis | ProbabilisticPCA) -> None:
        shape = sizes_of("SolvedVAE", "event_shape", event_shape, least=1)
        linear.require_parameters()
        D = prod(shape)
        linear.weight, linear.mean, linear.noise_variance = (
            np.zeros((linear.latent_dim, D)),
            np.zeros(D),
            np.ones(D),
        )
        equal, self.linear = linear.to_vae(), linear
        super().__init__(
            event_shape=shape,
            encoder=equal.encoder,
            posterior=equal.posterior,
            prior=equal.prior,
            decoder=equal.decoder,
            likelihood=equal.likelihood,
        )

    def solve(self, data: Dataset) -> list[dict[str, Any]]:
        """Maximize log p(x) of the examples, and return {"step", "log_px"} of each step of EM, if any.

        InputError where the likelihood has no maximum.
        """
        self.linear.fit(data)
        found = named_parameters(self.linear.to_vae())
        for name, parameter in named_parameters(self).items():
            parameter.value = found[name].value
        return self.linear.history


def factor_analysis(
    event_shape: Sequence[int] | int,
    *,
    latent_dim: int = 20,
    method: str | None = None,
    min_noise_variance: float = 1e-3,
    max_steps: int = 2000,
    tolerance: float = 1e-8,
    seed: int = 0,
) -> SolvedVAE:
    """x = z W + mean + ε with a noise variance for each entry, fitted to all examples.

    The method is L-BFGS ("profile") or EM ("em").
    """
    settings: dict[str, Any] = {
        "method": method,
        "min_noise_variance": min_noise_variance,
        "max_steps": max_steps,
    }
    return SolvedVAE(event_shape, FactorAnalysis(latent_dim, tolerance=tolerance, seed=seed, **settings))


def probabilistic_pca(
    event_shape: Sequence[int] | int,
    *,
    latent_dim: int = 20,
    method: str | None = None,
    min_noise_variance: float = 1e-3,
    max_steps: int = 2000,
    tolerance: float = 1e-8,
    seed: int = 0,
) -> SolvedVAE:
    """x = z W + mean + ε with one noise variance, fitted to all examples.

    The method is its formula ("closed_form") or EM ("em").
    """
    settings: dict[str, Any] = {
        "method": method,
        "min_noise_variance": min_noise_variance,
        "max_steps": max_steps,
    }
    return SolvedVAE(event_shape, ProbabilisticPCA(latent_dim, tolerance=tolerance, seed=seed, **settings))
