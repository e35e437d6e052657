"""A mixture of Gaussians fitted to codes by expectation maximization.

The steps are made of the gradients of the density.
"""

import numpy as np

from scratchvae.arrays import Array, InputError, require_count, require_positive, require_seed, require_shapes
from scratchvae.distributions import mixture
from scratchvae.priors.gaussian_mixture import GaussianMixture

AT_ONCE = 1000  # codes: with parts of this size memory does not grow with the number of codes


def fit_mixture(
    z: Array,
    components: int = 10,
    *,
    seed: int = 0,
    max_steps: int = 200,
    tolerance: float = 1e-5,
    min_variance: float = 1e-6,
) -> tuple[GaussianMixture, Array]:
    """The fitted mixture, and the mean log-likelihood of the codes z (N, Z) before each step (S,), in nats.

    With r_nk the share of component k in code n, and N_k = Σ_n r_nk, a step of EM sets

        π_k = N_k / N,    mean_k = 1/N_k Σ_n r_nk z_n,    σ_k² = 1/N_k Σ_n r_nk (z_n − mean_k)²

    where σ_k² is at least `min_variance`. The likelihood never falls. The sums are those of the gradients of
    Σ_n log p(z_n), and so no share is kept. The first means are codes, each drawn with a probability
    proportional to the square of its distance from those drawn before it. The first variances are those of
    all codes. The steps end when one gains less than `tolerance`. The same seed gives the same mixture.

    Dempster, Laird & Rubin 1977; by gradients Xu & Jordan 1996, theorem 1; the first means Arthur &
    Vassilvitskii 2007.
    """
    require_shapes("fit_mixture", z=(z, "N Z"))
    for name, number in (("components", components), ("max_steps", max_steps)):
        require_count("fit_mixture", name, number)
    require_seed("fit_mixture", "seed", seed)
    require_positive("fit_mixture", "min_variance", min_variance)
    if len(z) < components:
        raise InputError(
            f"fit_mixture: there should be a code for each of {components} components, found {len(z)} codes"
        )
    if not np.isfinite(z).all():
        raise InputError("fit_mixture: every code should be finite, found others")
    codes, N = z.astype(np.float64), len(z)
    means = _first_means(codes, components, np.random.default_rng(seed))
    variances = np.broadcast_to(np.maximum(codes.var(axis=0), min_variance), means.shape)
    shares, gained = np.full(components, 1 / components), []
    for _ in range(max_steps):
        log_pz, dlogits, dmeans, dlog_vars = _summed(codes, np.log(shares), means, np.log(variances))
        gained.append(log_pz / N)
        if len(gained) > 1 and gained[-1] - gained[-2] < tolerance:
            break
        counts = np.maximum(dlogits + N * shares, 1e-12)[:, None]  # N_k, as dlogits_k = N_k − N π_k
        moved = variances * dmeans / counts  # dmeans_k = Σ_n r_nk (z_n − mean_k) / σ_k²
        # dlog_vars_k = ½ Σ_n r_nk ((z_n − mean_k)²/σ_k² − 1)
        squares = variances * (1 + 2 * dlog_vars / counts)
        variances = np.maximum(squares - moved * moved, min_variance)  # about the new mean
        means = means + moved
        shares = counts[:, 0] / counts.sum()
    fitted = GaussianMixture(z.shape[1], components, rng=seed)
    fitted.logits.value = np.log(shares).astype(z.dtype)
    fitted.means.value = means.astype(z.dtype)
    fitted.log_vars.value = np.log(variances).astype(z.dtype)
    return fitted, np.array(gained)


def _summed(z: Array, *parameters: Array) -> tuple[float, Array, Array, Array]:
    """Σ_n log p(z_n), and its gradients by logits, means and log-variances."""
    log_pz, sums = 0.0, [np.zeros_like(parameter) for parameter in parameters]
    for start in range(0, len(z), AT_ONCE):
        found, pullback = mixture.log_prob(z[start : start + AT_ONCE], *parameters)
        log_pz += float(found.sum())
        _, *gradients = pullback(np.ones_like(found))
        sums = [total + gradient for total, gradient in zip(sums, gradients, strict=True)]
    dlogits, dmeans, dlog_vars = sums
    return log_pz, dlogits, dmeans, dlog_vars


def _first_means(z: Array, components: int, rng: np.random.Generator) -> Array:
    """Codes that are far from each other."""
    chosen = [z[rng.integers(len(z))]]
    nearest = ((z - chosen[0]) ** 2).sum(axis=1)
    while len(chosen) < components:
        reach = np.cumsum(nearest)
        place = np.searchsorted(reach, rng.random() * reach[-1], side="right") if reach[-1] > 0 else 0
        chosen.append(z[min(place, len(z) - 1)])
        nearest = np.minimum(nearest, ((z - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)
