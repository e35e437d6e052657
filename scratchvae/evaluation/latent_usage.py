"""Which latents the data use, and how much of each."""

import numpy as np

from scratchvae.arrays import Array, require_count
from scratchvae.data import Dataset
from scratchvae.evaluation.answers import require_answers
from scratchvae.layers import dtype_of
from scratchvae.objectives import LatentModel


def codes(model: LatentModel, data: Dataset, *, batch_size: int = 500) -> Array:
    """The code of every example, E[z|x] where there is one  ->  (N, Z)."""
    require_count("codes", "batch_size", batch_size)
    with np.errstate(over="ignore", invalid="ignore"):  # require_answers says it in words
        found = np.concatenate([model.code(batch) for batch in data.batches(batch_size, dtype_of(model))])
    require_answers("codes", data, found)
    return found


def active_units(z: Array, *, threshold: float = 0.01) -> Array:
    """Whether each latent is active, which is so where Var_x(E[z_j|x]) > threshold.

    z (N, Z), as `codes` returns it  ->  (Z,) of booleans. Burda, Grosse & Salakhutdinov 2016, section 5.2.
    """
    return z.var(axis=0, dtype=np.float64) > threshold


def kl_by_latent(
    model: LatentModel, data: Dataset, *, rng: np.random.Generator, batch_size: int = 500
) -> Array:
    """KL(q(z_j|x) ‖ p(z_j)) of each latent j, the mean over examples, in nats  ->  (G,).

    A group of latents that are one choice has one KL. So have latents that depend on each other, as the
    coordinates of a point on a sphere do, and the array is then (1,). Its sum is the KL of the ELBO. `rng`
    draws the noise that a pass needs. The KL does not depend on it, unless the latents come in layers: the KL
    of a layer is taken at a draw of the layer above. InputError where the KL from this posterior to this
    prior has no closed form, as `CLOSED_FORMS` lists them.
    """
    require_count("kl_by_latent", "batch_size", batch_size)
    total: Array = np.zeros(1)
    for batch in data.batches(batch_size, dtype_of(model)):
        one, _ = model.run(batch, model.draw_noise(len(batch), rng), kl="closed_form")
        assert one.kl is not None
        total = total + one.kl.sum(axis=0, dtype=np.float64)
    return total / len(data)
