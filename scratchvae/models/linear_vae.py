"""A linear-Gaussian model as the linear VAE that equals it.

Its posterior can be made diagonal, and so a VAE can have it.
"""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.layers import Linear, cast
from scratchvae.likelihoods import Likelihood
from scratchvae.models.vae import VAE
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian


def linear_vae(weight: Array, mean: Array, noise_variance: Array, likelihood: Likelihood) -> VAE:
    """Build the VAE, float64, that equals x = z W + mean + ε, ε ~ N(0, Ψ), so that its bound is log p(x).

        q(z|x) = N(M⁻¹ W Ψ⁻¹ (x − mean), diag M⁻¹),  M = I + W Ψ⁻¹ Wᵀ        p(x|z) = N(z W + mean, Ψ)

    weight W (Z, D) should have a diagonal W Ψ⁻¹ Wᵀ, so that M is diagonal too. Any other W can be rotated to
    such an R W, which changes no probability. mean (D,), noise_variance ψ (D,) with Ψ = diag ψ. `likelihood`
    should have the variances ψ.

    Lucas, Tucker, Grosse & Norouzi 2019, section 4, for Ψ = σ² I.
    """
    Z, D = weight.shape
    scaled = (weight / noise_variance).T  # Ψ⁻¹ Wᵀ
    M = 1 + (weight.T * scaled).sum(axis=0)  # the diagonal of M, whose other entries are 0
    towards = scaled / M  # Ψ⁻¹ Wᵀ M⁻¹
    encoder, decoder = Linear(D, 2 * Z, rng=0), Linear(Z, D, rng=0)
    vae = VAE(
        event_shape=(D,),
        encoder=encoder,
        posterior=DiagonalGaussian(Z),
        prior=StandardGaussian(Z),
        decoder=decoder,
        likelihood=likelihood,
    )
    cast(vae, np.float64)
    values = {
        encoder.weight: np.concatenate([towards, np.zeros((D, Z))], axis=1),
        encoder.bias: np.concatenate([-mean @ towards, -np.log(M)]),
        decoder.weight: weight.copy(),
        decoder.bias: mean.copy(),
    }
    for parameter, value in values.items():
        assert parameter is not None
        parameter.value = value
    return vae
