"""Oracles of the functions of full Gaussians: in mpmath, and by PyTorch's own laws."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from scratchvae.arrays import Array
from scratchvae.reference.cases import gaussian_algebra
from scratchvae.reference.cases.mathematics import exact, inverse_and_log_det, mathematics, quadratic


def log_prob(x: Array, mean: Array, L: Array) -> Array:
    """Compute log N(x; mean, S) from S⁻¹ and |S|."""
    m = mathematics()
    precision, log_det = inverse_and_log_det(gaussian_algebra.covariance(L))
    return -(x.shape[1] * m.log(2 * m.pi) + log_det + quadratic(x - mean, precision)) / 2


def entropy(L: Array) -> Array:
    """Compute ½ log |2πe S|."""
    m = mathematics()
    _, log_det = inverse_and_log_det(gaussian_algebra.covariance(L))
    return (L.shape[1] * (m.log(2 * m.pi) + 1) + log_det) / 2


def expected(mean: Array, L: Array, other_mean: Array, other_L: Array) -> Array:
    """Compute E[log N(x; other_mean, T)] = log N(mean; other_mean, T) − ½ tr(T⁻¹ S)."""
    precision, _ = inverse_and_log_det(gaussian_algebra.covariance(other_L))
    return (
        log_prob(mean, other_mean, other_L)
        - (precision * gaussian_algebra.covariance(L)).sum(axis=(1, 2)) / 2
    )


def kl(mean: Array, L: Array, other_mean: Array, other_L: Array) -> Array:
    """Compute −H − E[log N(x; other_mean, T)]."""
    return -entropy(L) - expected(mean, L, other_mean, other_L)


def to_standard(mean: Array, L: Array) -> Array:
    """Compute KL(N(mean, S) ‖ N(0, I))."""
    return kl(mean, L, 0 * mean, np.stack([exact(np.eye(mean.shape[1]))] * len(mean)))


def to_standard_by_dimension(mean: Array, L: Array) -> Array:
    """Compute the KL of the first i latents' law less that of the first i − 1, by the chain rule."""
    upto = [to_standard(mean[:, :i], L[:, :i, :i]) for i in range(1, mean.shape[1] + 1)]
    return np.stack(
        [now - before for now, before in zip(upto, [0 * upto[0], *upto[:-1]], strict=True)], axis=1
    )


def torch_law(torch: Any, mean: Any, L: Any) -> Any:
    """Return N(mean, T Tᵀ) of the lower triangle T of L."""
    return torch.distributions.MultivariateNormal(mean, scale_tril=torch.tril(L), validate_args=False)


def torch_draw(torch: Any, mean: Any, L: Any, noise: Any) -> Any:
    """Compute mean + T noise."""
    return mean + torch.einsum("bij,bj->bi", torch.tril(L), noise)


def torch_by_dimension(torch: Any, mean: Any, L: Any) -> Any:
    """Compute what each latent adds to the divergence of those before it, by the chain rule."""
    upto = [torch_to_standard(torch, mean[:, :i], L[:, :i, :i]) for i in range(1, mean.shape[1] + 1)]
    return torch.stack([upto[0], *(now - before for before, now in pairwise(upto))], dim=1)


def torch_to_standard(torch: Any, mean: Any, L: Any) -> Any:
    """Compute KL(N(mean, T Tᵀ) ‖ N(0, I))."""
    eye = torch.eye(mean.shape[1], dtype=L.dtype).expand(L.shape)
    return torch.distributions.kl_divergence(
        torch_law(torch, mean, L), torch_law(torch, torch.zeros_like(mean), eye)
    )


def torch_conditional(torch: Any, mean: Any, L: Any, x: Any) -> Any:
    """Compute the conditional by blocks of the precision, and its factor by a Cholesky decomposition."""
    L = torch.tril(L)
    mean_given, S_given = gaussian_algebra.torch_conditional(
        torch, mean, L @ L.mT, x, observed=range(x.shape[1])
    )
    return mean_given, torch.linalg.cholesky(S_given)
