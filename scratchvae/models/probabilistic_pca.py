"""Probabilistic principal component analysis: one noise variance for all entries."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.likelihoods import Gaussian
from scratchvae.models.likelihood_maximum import SMALLEST
from scratchvae.models.linear_gaussian import LinearGaussian
from scratchvae.models.linear_vae import linear_vae
from scratchvae.models.moments import Moments
from scratchvae.models.vae import VAE


class ProbabilisticPCA(LinearGaussian):
    """x = z W + mean + ε, ε ~ N(0, σ² I), which a linear VAE learns.     Tipping & Bishop 1999.

    The maximum has a closed form (their equations 7 and 8, and appendix A). With the eigenvalues
    λ_1 ≥ … ≥ λ_D and the eigenvectors u_j of the covariance S of the data,

        σ² = mean of λ_{Z+1}, …, λ_D,     W_j = √(λ_j − σ²) u_j,  j = 1 … Z

    The mean is over all D − Z of them, including the zeros where N ≤ D. scikit-learn's PCA leaves out the
    eigenvalues after the Nth. With Z ≥ D the model can be S itself with any noise up to λ_D. It takes σ² =
    λ_D, and the rows of W from D on are 0.
    """

    METHODS = ("closed_form", "em")

    def _fit_complete(self, moments: Moments) -> None:
        D = len(moments.mean)
        self.mean = moments.mean
        _, scale, axes = np.linalg.svd(moments.root, full_matrices=False)
        eigenvalues = np.zeros(D)
        eigenvalues[: len(scale)] = scale**2
        kept = min(self.latent_dim, D - 1)
        variance = max(
            eigenvalues[kept:].mean(), self._lowest(moments.variance, moments.highest > moments.lowest)[0]
        )
        length = np.sqrt(np.maximum(eigenvalues[:kept] - variance, 0))[: len(axes)]
        weight = np.zeros((self.latent_dim, D))
        weight[: len(length)] = length[:, None] * axes[: len(length)]
        self.weight = weight
        self.noise_variance = np.full(D, variance)

    def _noise(self, squares: Array, counts: Array) -> Array:
        # σ² = Σ_nd E[ε_nd²] / number of observed entries
        return np.full(len(squares), squares.sum() / counts.sum())

    def _lowest(self, variance: Array, varies: Array) -> Array:
        rounding = SMALLEST * np.where(varies, variance, 0).mean()
        return np.full(len(variance), max(self.min_noise_variance, rounding))

    def _kept(self, noise_variance: Array) -> float:
        return float(noise_variance[0])

    def to_vae(self) -> VAE:
        """Build the linear VAE, float64, whose bound is log p(x).

            q(z|x) = N((x − mean) Wᵀ M⁻¹ / σ², diag M⁻¹),  M = I + W Wᵀ / σ²        p(x|z) = N(z W + mean, σ² I)

        Its posterior is the exact one, which is diagonal because the rows of W are orthogonal. Lucas, Tucker,
        Grosse & Norouzi 2019, section 4.
        """
        self._require_fitted()
        likelihood = Gaussian(self.noise_variance[0], learned=True)
        vae = linear_vae(self.weight, self.mean, self.noise_variance, likelihood)
        likelihood.log_var.value = np.log(self.noise_variance[:1])  # set in float64, with all digits
        return vae
