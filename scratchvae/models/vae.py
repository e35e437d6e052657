"""The variational autoencoder."""

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.evaluation import log_likelihood
from scratchvae.models.latent_variable_model import LatentVariableModel
from scratchvae.objectives import CLOSED_FORMS, Elbo, Objective, SampledElbo


class VAE(LatentVariableModel):
    """A model trained by a lower bound on log p(x).     Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014."""

    def default_objective(self) -> Objective:
        """The ELBO, its KL in closed form where there is one."""
        return Elbo() if (type(self.posterior), type(self.prior)) in CLOSED_FORMS else SampledElbo()

    def score_samples(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, *, seed: int = 0, samples: int = 100
    ) -> Array:
        """log p(x) of each example, or log p(x|y) where the model is told y, estimated with `samples` importance-weighted draws.

        (N,) in nats.
        """
        return log_likelihood(self, self._dataset(x, y), samples=samples, rng=np.random.default_rng(seed))
