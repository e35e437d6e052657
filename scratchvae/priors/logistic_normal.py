"""p(z) whose softmax is nearly a Dirichlet law: the prior of documents' shares of topics."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior


class LogisticNormal(Prior):
    """p(z) = N(m, diag τ²), Laplace's approximation of a Dirichlet law of θ = softmax(z) with parameters α.

        m_k = log α_k − 1/K Σ_i log α_i        τ_k² = (1 − 2/K)/α_k + 1/K² Σ_i 1/α_i

    `concentration` is α: one number for all K latents, or one for each. Below 1, most of a document is of few
    topics. The approximation is made in z, where the Dirichlet law has one peak whatever α is: m is its peak
    among the z that sum to 0, and τ² is the diagonal of the inverse of its curvature among them. The paper
    leaves the other entries of that inverse out, and so do we. Where α is large, m and τ² are the mean and
    the variance of log θ_k − 1/K Σ_i log θ_i under the Dirichlet law. InputError for fewer than two latents,
    and for concentrations that are not positive.
    MacKay 1998; Hennig, Stern, Herbrich & Graepel 2012; Srivastava & Sutton 2017, equation 3.
    """

    def __init__(self, latent_dim: int, concentration: float | Sequence[float] = 1.0) -> None:
        require_count("LogisticNormal", "latent_dim", latent_dim)
        if latent_dim < 2:
            expected = "there should be at least 2 latents, as the share of one is always 1"
            raise InputError(f"LogisticNormal: {expected}; found 1")
        given = np.asarray(concentration, np.float64)
        if given.shape not in ((), (latent_dim,)):
            expected = f"concentration should be one number, or {latent_dim} of them"
            raise InputError(f"LogisticNormal: {expected}; found shape {given.shape}")
        if not (np.isfinite(given) & (given > 0)).all():
            raise InputError(f"LogisticNormal: concentration should be above 0, found {concentration!r:.80}")
        self.latent_dim = latent_dim
        self.concentration = tuple(np.broadcast_to(given, latent_dim).tolist())

    def mean_and_log_var(self, like: Array) -> tuple[tuple[Array, Array], Pullback]:
        """m and log τ², a row for each row of `like` (B, K) in its dtype. The pullback does nothing."""
        alpha, K = np.array(self.concentration), self.latent_dim
        mean = np.log(alpha) - np.log(alpha).mean()
        var = (1 - 2 / K) / alpha + (1 / alpha).sum() / K**2
        mean, log_var = (np.broadcast_to(row.astype(like.dtype), like.shape) for row in (mean, np.log(var)))

        def pullback(dmean: Array, dlog_var: Array) -> None:
            """α is fixed."""

        return (mean, log_var), pullback

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; m, diag τ²)."""
        law, _ = self.mean_and_log_var(z)
        log_pz, law_pullback = gaussian.log_prob(z, *law)

        def pullback(dlog_pz: Array) -> Array:
            dz, _, _ = law_pullback(dlog_pz)
            return dz

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """m + τ · noise."""
        require_count("LogisticNormal.sample", "n", n, 0)
        noise = gaussian.sample_standard((n, self.latent_dim), rng)
        law, _ = self.mean_and_log_var(noise)
        z, _ = gaussian.reparameterize(*law, noise=noise)
        return z
