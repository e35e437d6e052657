"""What models with latent variables have in common: an encoder, a decoder, three roles, and the verbs people reach for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_finite, require_shapes
from scratchvae.data import Dataset
from scratchvae.evaluation import codes
from scratchvae.layers import Layer, Owner, dtype_of
from scratchvae.likelihoods import Likelihood
from scratchvae.models.examples import as_dataset
from scratchvae.objectives import Objective, Schedule
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior
from scratchvae.training import Adam, Callback, Optimizer, Phase, ProgressBar, Training

AT_ONCE = 500  # examples, so that memory does not grow with their number


class LatentVariableModel(Owner, ABC):
    """p(x|z) p(z) with a recognition model q(z|x): x -> encoder -> posterior -> z -> decoder -> likelihood -> x.

    `encoder` maps x (B, D) to q_params (B, posterior.n_params), `decoder` z (B, Z) to x_params (B, likelihood.n_params); D is the
    product of `event_shape`. Every verb takes examples as (N, D) or (N, *event_shape), uint8 (0 to 255) or floating, or a
    Dataset. `transform`, `inverse_transform`, `score_samples` and `score` are scikit-learn's verbs; so is `fit`, but that it goes
    on from the weights that are there.
    """

    def __init__(
        self,
        *,
        event_shape: tuple[int, ...],
        encoder: Layer,
        posterior: Posterior,
        prior: Prior,
        decoder: Layer,
        likelihood: Likelihood,
    ) -> None:
        if posterior.latent_dim != prior.latent_dim:
            latents = f"{posterior.latent_dim} and {prior.latent_dim}"
            raise InputError(f"{type(self).__name__}: posterior and prior should have as many latents, found {latents}")
        self.event_shape = tuple(event_shape)
        self.encoder, self.posterior, self.prior = encoder, posterior, prior
        self.decoder, self.likelihood = decoder, likelihood
        self.history: list[dict[str, Any]] = []

    @abstractmethod
    def default_objective(self) -> Objective:
        """What `fit` minimizes unless told otherwise."""

    @abstractmethod
    def score_samples(self, x: npt.ArrayLike | Dataset, *, seed: int = 0) -> Array:
        """A log-probability of each example  ->  (N,) in nats."""

    def fit(
        self,
        x: npt.ArrayLike | Dataset,
        y: None = None,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Schedule = 1e-3,
        optimizer: Optimizer | None = None,
        objective: Objective | None = None,
        max_norm: float | None = None,
        held_out: npt.ArrayLike | Dataset | None = None,
        binarized: bool = False,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> LatentVariableModel:
        """Train on x by Adam (or `optimizer`), and return the model; `history` then holds a record for each epoch.

        With `held_out` examples each epoch is judged on them too; `binarized` draws x ~ Bernoulli(x) anew in every batch.
        """
        data = self._dataset(x)
        judged = None if held_out is None else self._dataset(held_out)
        phase = Phase(objective or self.default_objective(), optimizer or Adam(learning_rate), max_norm)
        bar: list[Callback] = [ProgressBar()] if progress else []
        training = Training(
            self,
            [phase],
            data,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            held_out=judged,
            binarized=binarized,
            callbacks=[*callbacks, *bar],
        )
        self.history = training.run().history
        return self

    def encode(self, x: npt.ArrayLike | Dataset) -> Array:
        """E[z|x]  ->  (N, Z)."""
        return codes(self, self._dataset(x), batch_size=AT_ONCE)

    def transform(self, x: npt.ArrayLike | Dataset) -> Array:
        """`encode`, by its name in scikit-learn."""
        return self.encode(x)

    def fit_transform(self, x: npt.ArrayLike | Dataset, y: None = None, **settings: Any) -> Array:
        """`fit`, then `transform`."""
        return self.fit(x, y, **settings).transform(x)

    def decode(self, z: npt.ArrayLike) -> Array:
        """E[x|z] of codes (N, Z)  ->  (N, *event_shape)."""
        return self._decoded(z, self.likelihood.mean)

    def inverse_transform(self, z: npt.ArrayLike) -> Array:
        """`decode`, by its name in scikit-learn."""
        return self.decode(z)

    def reconstruct(self, x: npt.ArrayLike | Dataset) -> Array:
        """E[x|z] at z = E[z|x]  ->  (N, *event_shape)."""
        return self.decode(self.encode(x))

    def sample(self, n: int = 1, rng: np.random.Generator | int | None = None, *, mean: bool = True) -> Array:
        """Decode n draws z ~ p(z): E[x|z], or with mean=False draws x ~ p(x|z)  ->  (n, *event_shape)."""
        rng = np.random.default_rng(rng)
        z = self.prior.sample(n, rng)
        return self._decoded(z, self.likelihood.mean if mean else lambda x_params: self.likelihood.sample(x_params, rng))

    def score(self, x: npt.ArrayLike | Dataset, y: None = None) -> float:
        """The mean of score_samples."""
        return float(self.score_samples(x).mean())

    def _decoded(self, z: npt.ArrayLike, read: Callable[[Array], Array]) -> Array:
        dtype = dtype_of(self)
        z = np.asarray(z, dtype)
        require_shapes("decode", z=(z, f"N {self.posterior.latent_dim}"))
        require_finite("decode", "z", z)
        decoded = np.empty((len(z), *self.event_shape), dtype)
        for start in range(0, len(z), AT_ONCE):
            x_params, _ = self.decoder(z[start : start + AT_ONCE])
            decoded[start : start + AT_ONCE] = read(x_params).reshape(-1, *self.event_shape)
        return decoded

    def _dataset(self, x: npt.ArrayLike | Dataset) -> Dataset:
        return as_dataset(type(self).__name__, x, self.event_shape)
