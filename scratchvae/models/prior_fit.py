"""A prior made after training: a mixture fitted to the codes that a model gives its examples."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.models.coding import Coding
from scratchvae.models.estimator import AT_ONCE
from scratchvae.priors import fit_mixture


def fit_prior(model: Coding, x: npt.ArrayLike | Dataset, *, components: int = 10, seed: int = 0) -> Array:
    """Give the model a mixture of Gaussians as its prior, fitted to a draw z ~ q(z|x) of each example.

    With it `sample` works for an Autoencoder, whose codes follow no prior. The function returns the mean
    log-likelihood of the codes before each step of the fit. InputError for a model that is told y, whose
    codes depend on y. Ghosh, Sajjadi, Vergari, Black & Schölkopf 2020, section 4.
    """
    made: Any = model.model_
    if made.condition is not None:
        raise InputError(f"fit_prior: the model should not be told y, found a {type(model).__name__}")
    rng = np.random.default_rng(seed)
    drawn = []
    for batch in model._dataset(x).batches(AT_ONCE, dtype_of(made)):
        q_params, _ = made.encoder(made.seen(batch))
        z, _ = made.posterior.sample(q_params, noise=made.draw_noise(len(batch), rng))
        drawn.append(z)
    made.prior, gained = fit_mixture(np.concatenate(drawn), components, seed=seed)
    return gained
