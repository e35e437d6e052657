"""The plain autoencoder."""

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.layers import Layer, dtype_of
from scratchvae.likelihoods import Likelihood
from scratchvae.models.interface import AT_ONCE, LatentVariableModel
from scratchvae.objectives import Objective, Reconstruction
from scratchvae.posteriors import Point
from scratchvae.priors import StandardGaussian


class Autoencoder(LatentVariableModel):
    """A code for each example and nothing more: nothing in its training makes codes follow a prior.

    `sample` decodes draws from N(0, I) all the same, so that one can see what that lack does.
    """

    def __init__(
        self, *, event_shape: tuple[int, ...], latent_dim: int, encoder: Layer, decoder: Layer, likelihood: Likelihood
    ) -> None:
        super().__init__(
            event_shape=event_shape,
            encoder=encoder,
            posterior=Point(latent_dim),
            prior=StandardGaussian(latent_dim),
            decoder=decoder,
            likelihood=likelihood,
        )

    def default_objective(self) -> Objective:
        """Reconstruction."""
        return Reconstruction()

    def score_samples(self, x: npt.ArrayLike | Dataset, *, seed: int = 0) -> Array:
        """log p(x|z) at each example's own code, not log p(x)  ->  (N,) in nats; `seed` changes nothing."""
        data = self._dataset(x)
        dtype = dtype_of(self)
        scores = []
        for start in range(0, len(data), AT_ONCE):
            batch = data.batch(slice(start, start + AT_ONCE), dtype)
            self.likelihood.require_support(batch)
            z, _ = self.encoder(batch)
            log_px, _ = self.likelihood.log_prob(self.decoder(z)[0], x=batch)
            scores.append(log_px)
        return np.concatenate(scores)
