"""Models whose codes are hidden units of 0 and 1: they reconstruct and complete examples alike."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import impute
from scratchvae.layers import EVALUATION, Mode
from scratchvae.models.estimator import Estimator


class HiddenUnits(Estimator):
    """The verbs fit_transform, reconstruct and impute of a model whose codes are hidden units h.

    The model itself says how x and h lead to each other.
    """

    n_hidden: int

    @abstractmethod
    def transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """The probability of each hidden unit  ->  (N, H)."""

    @abstractmethod
    def inverse_transform(self, h: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|h] of hidden units (N, H) between 0 and 1  ->  (N, *event_shape)."""

    @abstractmethod
    def decoded(
        self, h: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """x_params (B·K, n_params) of hidden units h (B·K, H)."""

    @abstractmethod
    def dream(self, *, uniform: Array) -> tuple[Array, Array]:
        """(x, h) ~ p(x, h), drawn from the top down.     uniform (B, D + H)  ->  (B, D) and (B, H)."""

    def drawn_from_prior(self, batch: Batch, *, draws: int, rng: np.random.Generator) -> Array:
        """h ~ p(h)  ->  (B·K, H), K = `draws` for each example."""
        _, h = self.dream(
            uniform=rng.random((len(batch) * draws, batch.x.shape[1] + self.n_hidden), dtype=np.float32)
        )
        return h

    def fit_transform(
        self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, **settings: Any
    ) -> Array:
        """`fit`, then `transform`."""
        return self.fit(x, y, **settings).transform(x, y)

    def reconstruct(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """E[x|h] at the probabilities of h given x  ->  (N, *event_shape)."""
        return self.inverse_transform(self.transform(x))

    def impute(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        *,
        samples: int = 1000,
        draws: int | None = None,
        seed: int = 0,
    ) -> Array:
        """x with each missing entry filled in, and observed entries as they are  ->  (N, *event_shape).

        A missing entry becomes its probability given the observed ones, estimated with `samples`
        importance-weighted draws of h. With `draws` = M it is drawn instead, M times  ->  (M, N,
        *event_shape). An example of which nothing was observed is filled in by dreams, which are draws from
        p(h) that all count alike.
        """
        rng = np.random.default_rng(seed)
        found = impute(self, self._dataset(x, y), samples=samples, draws=draws or 0, rng=rng)
        filled = found.x if draws is None else found.draws
        return filled.reshape(*filled.shape[:-1], *self.event_shape)
