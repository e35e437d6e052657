"""p(z) whose softmax is nearly a Dirichlet law: the prior of documents' shares of topics."""

from collections.abc import Sequence

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count
from scratchvae.distributions import gaussian
from scratchvae.layers import EVALUATION, Mode
from scratchvae.priors.interface import Prior


class LogisticNormal(Prior):
    """p(z) = N(mean, diag var), Laplace's approximation of a Dirichlet law of θ = softmax(z) with the parameters α.

        mean_k = log α_k − 1/K Σ_i log α_i        var_k = (1 − 2/K)/α_k + 1/K² Σ_i 1/α_i

    `concentration` is α: one number for all K latents, or one for each. Below 1 most of a document is of few topics. The
    approximation is made in z, where the Dirichlet law has one peak for every α: the mean is its peak among z that sum to 0,
    and var is the diagonal of its inverse curvature among them. InputError for fewer than two latents, and for
    concentrations that are not positive.
    MacKay 1998; Hennig, Stern, Herbrich & Graepel 2012; Srivastava & Sutton 2017, equation 3.
    """

    def __init__(self, latent_dim: int, concentration: float | Sequence[float] = 1.0) -> None:
        require_count("LogisticNormal", "latent_dim", latent_dim)
        if latent_dim < 2:
            raise InputError("LogisticNormal: there should be at least 2 latents, as the share of one is always 1; found 1")
        given = np.asarray(concentration, np.float64)
        if given.shape not in ((), (latent_dim,)):
            expected = f"concentration should be one number, or {latent_dim} of them"
            raise InputError(f"LogisticNormal: {expected}; found shape {given.shape}")
        if not (np.isfinite(given) & (given > 0)).all():
            raise InputError(f"LogisticNormal: concentration should be above 0, found {concentration!r:.80}")
        self.latent_dim = latent_dim
        self.concentration = tuple(np.broadcast_to(given, latent_dim).tolist())

    def mean_and_log_var(self, like: Array) -> tuple[Array, Array]:
        """mean and log var, a row for each row of `like` (B, K) and of its dtype."""
        alpha, K = np.array(self.concentration), self.latent_dim
        mean = np.log(alpha) - np.log(alpha).mean()
        var = (1 - 2 / K) / alpha + (1 / alpha).sum() / K**2
        mean, log_var = (np.broadcast_to(row.astype(like.dtype), like.shape) for row in (mean, np.log(var)))
        return mean, log_var

    def log_prob(self, z: Array, *, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """log N(z; mean, diag var)."""
        log_pz, law_pullback = gaussian.log_prob(z, *self.mean_and_log_var(z))

        def pullback(dlog_pz: Array) -> Array:
            dz: Array = law_pullback(dlog_pz)[0]
            return dz

        return log_pz, pullback

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """mean + √var · noise."""
        require_count("LogisticNormal.sample", "n", n, 0)
        noise = gaussian.sample_standard((n, self.latent_dim), rng)
        mean, log_var = self.mean_and_log_var(noise)
        z, _ = gaussian.reparameterize(mean, log_var, noise=noise)
        return z
