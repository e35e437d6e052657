"""Noise that integrates instead of sampling: a bound by it is exact where log p(x|z) is quadratic in z."""

import numpy as np

from scratchvae.arrays import Array, require_count, require_shapes
from scratchvae.data import Batch


def sigma_points(batch: Batch, latent_dim: int) -> tuple[Batch, Array]:
    """Every example 2Z times, and ±√Z e_j, j = 1 … Z, as the noise (2ZB, Z) of its copies.

        1/2Z Σ_j (f(√Z e_j) + f(−√Z e_j)) = E[f(ε)],  ε ~ N(0, I)    for each polynomial f of degree 3 at most

    Both sides have the mean 0, the second moment I and no third moment. Elbo takes the points as its noise.
    With a DiagonalGaussian posterior and a Gaussian likelihood, the mean of its terms over the copies of an
    example (2Z rows that follow each other) is then that example's expected bound. The result is exact if the
    decoder is linear. Arasaratnam & Haykin 2009, section IV.
    """
    require_shapes("sigma_points", x=(batch.x, "B D"))
    require_count("sigma_points", "latent_dim", latent_dim)
    axes = np.sqrt(latent_dim) * np.eye(latent_dim)
    points = np.concatenate([axes, -axes]).astype(batch.x.dtype)
    return batch.repeat(2 * latent_dim), np.tile(points, (len(batch), 1))
