"""The parts of the mean KL: what z tells of its example, the total correlation, and each latent's KL."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scratchvae.arrays import Array, InputError, require_count
from scratchvae.data import Dataset
from scratchvae.distributions import gaussian
from scratchvae.layers import dtype_of
from scratchvae.objectives import aggregate_log_prob
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian

AT_ONCE = 128  # draws that are compared with every example at the same time


@dataclass(frozen=True)
class KlDecomposition:
    """⟨KL(q(z|x) ‖ p(z))⟩ = information + total_correlation + Σ_j by_latent_j, in nats.

        information         ⟨log q(z|x_n) − log q(z)⟩, how much z tells of n: at most log N
        total_correlation   ⟨log q(z) − Σ_j log q(z_j)⟩ = KL(q(z) ‖ Π_j q(z_j)), 0 where latents are independent
        by_latent (Z,)      ⟨log q(z_j) − log p(z_j)⟩ = KL(q(z_j) ‖ p(z_j)), 0 where a latent is distributed as its prior
        kl                  ⟨log q(z|x_n) − log p(z)⟩, estimated by the same draws, so that the parts sum to it

    The means are over N examples and their draws.
    """

    information: float
    total_correlation: float
    by_latent: Array
    kl: float


def decompose_kl(model: Any, data: Dataset, *, draws: int = 10, rng: np.random.Generator) -> KlDecomposition:
    """The parts of the mean KL, with the exact aggregate posterior q(z) = 1/N Σ_n q(z|x_n) of the N examples.

    It takes `draws` draws of each example of `data` and compares each with every example, which needs
    N² · draws · Z densities. So `data` should be some thousands of examples at most. InputError for a
    posterior other than DiagonalGaussian and for a prior that is not N(0, I), since their latents have no
    densities of their own. Hoffman & Johnson 2016, section 2; Chen, Li, Grosse & Duvenaud 2018, equation 2.
    """
    require_count("decompose_kl", "draws", draws)
    found = type(model.posterior).__name__, type(model.prior).__name__
    if not (isinstance(model.posterior, DiagonalGaussian) and isinstance(model.prior, StandardGaussian)):
        expected = "the posterior should be a DiagonalGaussian and the prior a StandardGaussian"
        raise InputError(f"decompose_kl: {expected}; found {found[0]} and {found[1]}")
    q_params = np.concatenate(
        [model.encoder(model.seen(batch))[0] for batch in data.batches(AT_ONCE, dtype_of(model))]
    )
    (mean, log_var), _ = model.posterior.mean_and_log_var(q_params.astype(np.float64))
    N, Z = mean.shape
    sums = {"information": 0.0, "total_correlation": 0.0, "kl": 0.0}
    by_latent = np.zeros(Z)
    for _ in range(draws):
        for start in range(0, N, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            z, _ = gaussian.reparameterize(
                mean[rows], log_var[rows], noise=rng.standard_normal(mean[rows].shape)
            )
            own = gaussian.log_prob(z, mean[rows], log_var[rows])[0]
            (joint, alone), _ = aggregate_log_prob(z, mean, log_var, shares=np.full((len(z), N), 1 / N))
            prior = np.stack([gaussian.standard_log_prob(z[:, j : j + 1])[0] for j in range(Z)], axis=1)
            sums["information"] += float((own - joint).sum())
            sums["total_correlation"] += float((joint - alone.sum(axis=1)).sum())
            sums["kl"] += float((own - prior.sum(axis=1)).sum())
            by_latent += (alone - prior).sum(axis=0)
    means = {name: total / (N * draws) for name, total in sums.items()}
    return KlDecomposition(by_latent=by_latent / (N * draws), **means)
