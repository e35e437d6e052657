"""Probabilistic principal component analysis: one noise variance for all entries."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Linear, cast
from scratchvae.likelihoods import Gaussian
from scratchvae.models.linear_gaussian import SMALLEST, LinearGaussian
from scratchvae.models.vae import VAE
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian


class ProbabilisticPCA(LinearGaussian):
    """x = z W + mean + ε, ε ~ N(0, σ² I): what a linear VAE learns.     Tipping & Bishop 1999.

    The maximum in closed form (equations 7 and 8 there; appendix A): with λ_1 ≥ … ≥ λ_D and u_j the eigenvalues and eigenvectors
    of the covariance S of the data,

        σ² = mean of λ_{Z+1}, …, λ_D,     W_j = √(λ_j − σ²) u_j,  j = 1 … Z

    The mean is over all D − Z of them, the zeros too where N ≤ D (scikit-learn's PCA leaves out those after the Nth).
    With Z ≥ D the model can be S itself, whatever is called noise: it takes σ² = λ_D, and the rows of W from D on are 0.
    """

    METHODS = ("closed_form", "em")

    def _fit_complete(self, x: Array) -> None:
        N, D = x.shape
        self.mean = x.mean(axis=0)
        _, scale, axes = np.linalg.svd(x - self.mean, full_matrices=False)
        eigenvalues = np.zeros(D)
        eigenvalues[: len(scale)] = scale**2 / N
        kept = min(self.latent_dim, D - 1)
        variance = max(eigenvalues[kept:].mean(), self._lowest_noise(x)[0])
        length = np.sqrt(np.maximum(eigenvalues[:kept] - variance, 0))[: len(axes)]
        self.weight = np.zeros((self.latent_dim, D))
        self.weight[: len(length)] = length[:, None] * axes[: len(length)]
        self.noise_variance = np.full(D, variance)

    def _noise(self, squares: Array, counts: Array) -> Array:
        return np.full(len(squares), squares.sum() / counts.sum())  # σ² = Σ_nd E[ε_nd²] / number of observed entries

    def _lowest_noise(self, x: Array) -> Array:
        varies = np.nanmax(x, axis=0) > np.nanmin(x, axis=0)
        rounding = SMALLEST * np.where(varies, np.nanvar(x, axis=0), 0).mean()
        return np.full(x.shape[1], max(self.min_noise_variance, rounding))

    def to_vae(self) -> VAE:
        """The linear VAE, float64, whose bound is log p(x): its posterior is the exact one, diagonal as W's rows are orthogonal.

        q(z|x) = N((x − mean) Wᵀ M⁻¹ / σ², diag M⁻¹),  M = I + W Wᵀ / σ²        p(x|z) = N(z W + mean, σ² I)

        Lucas, Tucker, Grosse & Norouzi 2019, section 4.
        """
        self._require_fitted()
        Z, D, variance = self.latent_dim, len(self.mean), self.noise_variance[0]
        M = 1 + (self.weight**2).sum(axis=1) / variance  # the diagonal, which is all there is
        encoder, decoder, likelihood = Linear(D, 2 * Z, rng=0), Linear(Z, D, rng=0), Gaussian(variance, learned=True)
        vae = VAE(
            event_shape=(D,),
            encoder=encoder,
            posterior=DiagonalGaussian(Z),
            prior=StandardGaussian(Z),
            decoder=decoder,
            likelihood=likelihood,
        )
        cast(vae, np.float64)
        towards = self.weight.T / variance / M
        values = {
            encoder.weight: np.concatenate([towards, np.zeros((D, Z))], axis=1),
            encoder.bias: np.concatenate([-self.mean @ towards, -np.log(M)]),
            decoder.weight: self.weight.copy(),
            decoder.bias: self.mean.copy(),
            likelihood.log_var: np.log(self.noise_variance[:1]),
        }
        for parameter, value in values.items():
            assert parameter is not None
            parameter.value = value
        return vae
