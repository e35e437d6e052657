"""Factor analysis: a noise variance for each entry."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.likelihoods import GaussianDiagonal
from scratchvae.models.likelihood_maximum import SMALLEST
from scratchvae.models.linear_gaussian import LinearGaussian
from scratchvae.models.linear_vae import linear_vae
from scratchvae.models.moments import Moments
from scratchvae.models.vae import VAE


class FactorAnalysis(LinearGaussian):
    """x = z W + mean + ε, ε ~ N(0, diag ψ).     Rubin & Thayer 1982; Ghahramani & Hinton 1996.

    The method "profile" maximizes over log ψ alone by L-BFGS, since the best W for given ψ is known (Jöreskog
    1967, sections 2 to 4). With the eigenvalues θ_1 ≥ … ≥ θ_D and the eigenvectors u_j of Ψ^−½ S Ψ^−½, where
    S is the covariance of the data (divided by N),

        W_j = √(θ_j − 1) u_j Ψ^½  where j ≤ Z and θ_j > 1, else 0
        −⟨log p(x)⟩ = ½ (D log 2π + Σ_d log ψ_d + Σ_{j kept} (log θ_j + 1) + Σ_{j not kept} θ_j)
        ∂/∂log ψ_d  = ½ (WᵀW + Ψ − S)_dd / ψ_d

    It needs tens of steps where EM needs thousands. Some data drive a ψ_d to 0 (a Heywood case). Such a ψ_d
    ends at about 1e-5 of its column's variance or below, where the likelihood hardly depends on it any more,
    and never below 1e-12 of that variance or min_noise_variance.
    """

    METHODS = ("profile", "em")

    def _fit_complete(self, moments: Moments) -> None:
        from scipy import optimize  # imported here: it takes a while

        self.mean, root, variance = moments.mean, moments.root, moments.variance
        lowest = self._lowest(variance, moments.highest > moments.lowest)

        def best_weight(noise_variance: Array) -> tuple[Array, Array, Array]:
            _, scale, axes = np.linalg.svd(root / np.sqrt(noise_variance), full_matrices=False)
            theta = scale**2
            kept = (np.arange(len(theta)) < self.latent_dim) & (theta > 1)
            return np.sqrt(theta[kept] - 1)[:, None] * axes[kept] * np.sqrt(noise_variance), theta, kept

        def loss_and_gradient(log_noise: Array) -> tuple[float, Array]:
            noise_variance = np.exp(log_noise)
            weight, theta, kept = best_weight(noise_variance)
            loss = 0.5 * (log_noise.sum() + (np.log(theta[kept]) + 1).sum() + theta[~kept].sum())
            return loss, 0.5 * ((weight**2).sum(axis=0) + noise_variance - variance) / noise_variance

        # ψ_d ≤ S_dd at any optimum
        limits = optimize.Bounds(np.log(lowest), np.log(np.maximum(variance, lowest)))
        options = {
            "maxiter": self.max_steps,
            "maxfun": 20 * self.max_steps,
            "gtol": 1e-12,
            "ftol": 0,
            "maxcor": 30,
        }
        start = np.log(np.maximum(variance / 2, lowest))
        found = optimize.minimize(
            loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=limits, options=options
        )
        _, gradient = loss_and_gradient(found.x)
        # the part of a step downhill that the bounds allow
        downhill = np.clip(found.x - gradient, limits.lb, limits.ub) - found.x
        self._converged = bool(np.abs(downhill).max() < 1e-6)
        weight, _, _ = best_weight(np.exp(found.x))
        self.noise_variance = np.exp(found.x)
        self.weight = np.concatenate([weight, np.zeros((self.latent_dim - len(weight), len(self.mean)))])

    def _noise(self, squares: Array, counts: Array) -> Array:
        return squares / counts  # ψ_d = Σ_n E[ε_nd²] / number of observed entries in column d

    def _lowest(self, variance: Array, varies: Array) -> Array:
        return np.maximum(self.min_noise_variance, np.where(varies, SMALLEST * variance, 0))

    def _kept(self, noise_variance: Array) -> Array:
        return noise_variance

    def to_vae(self) -> VAE:
        """Build the linear VAE, float64, whose bound is log p(x).

            q(z|x) = N((x − mean) Ψ⁻¹ Wᵀ M⁻¹, diag M⁻¹),  M = I + W Ψ⁻¹ Wᵀ        p(x|z) = N(z W + mean, Ψ)

        Its posterior is the exact one: `fit` leaves the latents in the rotation in which W Ψ⁻¹ Wᵀ, and so M,
        is diagonal. Its likelihood is a GaussianDiagonal without a lower bound of the variance, whatever
        min_noise_variance was. Rubin & Thayer 1982.
        """
        self._require_fitted()
        likelihood = GaussianDiagonal(self.noise_variance, min_variance=0.0)
        vae = linear_vae(self.weight, self.mean, self.noise_variance, likelihood)
        likelihood.log_excess.value = np.log(self.noise_variance)  # set in float64, with all digits
        return vae
