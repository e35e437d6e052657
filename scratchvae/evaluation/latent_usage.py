"""Which latents the data use."""

import numpy as np

from scratchvae.arrays import Array, require_count
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel


def codes(model: LatentModel, data: Dataset, *, batch_size: int = 500) -> Array:
    """The code of every example, E[z|x] where there is one  ->  (N, Z)."""
    require_count("codes", "batch_size", batch_size)
    return np.concatenate([model.code(batch) for batch in data.batches(batch_size, dtype_of(model))])


def active_units(z: Array, *, threshold: float = 0.01) -> Array:
    """Whether each latent is active: Var_x(E[z_j|x]) > threshold.     z (N, Z), as of `codes`  ->  (Z,) of booleans.

    Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    return z.var(axis=0, dtype=np.float64) > threshold
