"""Which latents the data use."""

import numpy as np

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.objectives import Model


def codes(model: Model, data: Dataset, *, batch_size: int = 500) -> Array:
    """E[z|x] of every example  ->  (N, Z)."""
    dtype = dtype_of(model)
    parts = []
    for start in range(0, len(data), batch_size):
        q_params, _ = model.encoder(data.batch(slice(start, start + batch_size), dtype))
        parts.append(model.posterior.mean(q_params))
    return np.concatenate(parts)


def active_units(z: Array, *, threshold: float = 0.01) -> Array:
    """Whether each latent is active: Var_x(E[z_j|x]) > threshold.     z (N, Z), as of `codes`  ->  (Z,) of booleans.

    Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    return z.var(axis=0, dtype=np.float64) > threshold
