"""The plain autoencoder."""

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.layers import Layer, dtype_of
from scratchvae.likelihoods import Likelihood
from scratchvae.models.estimator import AT_ONCE
from scratchvae.models.latent_variable_model import LatentVariableModel
from scratchvae.objectives import Objective, Reconstruction
from scratchvae.posteriors import Point
from scratchvae.priors import StandardGaussian


class Autoencoder(LatentVariableModel):
    """A code for each example and nothing more: nothing in its training makes codes follow a prior.

    `sample` decodes draws from N(0, I) all the same, so that one can see what that lack does.
    """

    def __init__(
        self,
        *,
        event_shape: tuple[int, ...],
        latent_dim: int,
        encoder: Layer,
        decoder: Layer,
        likelihood: Likelihood,
        shows_mask: bool = False,
    ) -> None:
        super().__init__(
            event_shape=event_shape,
            encoder=encoder,
            posterior=Point(latent_dim),
            prior=StandardGaussian(latent_dim),
            decoder=decoder,
            likelihood=likelihood,
            shows_mask=shows_mask,
        )

    def default_objective(self) -> Objective:
        """Reconstruction."""
        return Reconstruction()

    def score_samples(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0) -> Array:
        """log p(x|z) at each example's own code, not log p(x)  ->  (N,) in nats; `seed` changes nothing."""
        scores, rng = [], np.random.default_rng(seed)
        for batch in self._dataset(x, y).batches(AT_ONCE, dtype_of(self)):
            self.likelihood.require_support(batch.x)
            one, _ = self.run(batch, self.draw_noise(len(batch), rng))
            scores.append(one.log_px[:, 0])
        return np.concatenate(scores)
