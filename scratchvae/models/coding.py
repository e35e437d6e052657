"""What every model with one vector of latents for each example offers: codes of examples, and examples of codes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_finite, require_flag, require_shapes
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import codes, impute
from scratchvae.layers import EVALUATION, Layer, Mode, dtype_of
from scratchvae.models.estimator import AT_ONCE, Estimator
from scratchvae.posteriors import Posterior
from scratchvae.priors import Prior


class Coding(Estimator):
    """The verbs encode, decode, reconstruct, impute and sample of a model; the model itself says what its parts do."""

    encoder: Layer
    posterior: Posterior
    prior: Prior
    decoder: Layer

    @abstractmethod
    def seen(self, batch: Batch) -> Array:
        """What the encoder gets."""

    @abstractmethod
    def code(self, batch: Batch) -> Array:
        """The one code (B, Z) of each example."""

    @abstractmethod
    def told(self, z: Array, batch: Batch, *, draws: int = 1) -> Array:
        """What the decoder gets."""

    @abstractmethod
    def decoded(self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION) -> tuple[Array, Pullback]:
        """x_params (B·K, n_params) of codes z (B·K, Z); pullback(dx_params) -> dz."""

    @abstractmethod
    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z) for the latents of this batch."""

    def encode(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """The code of each example, E[z|x] where there is one  ->  (N, Z)."""
        return codes(self, self._dataset(x, y), batch_size=AT_ONCE)

    def transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """`encode`, by its name in scikit-learn."""
        return self.encode(x, y)

    def fit_transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None, **settings: Any) -> Array:
        """`fit`, then `transform`."""
        return self.fit(x, y, **settings).transform(x, y)

    def decode(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] of codes (N, Z), at y where the model is told it  ->  (N, *event_shape)."""
        return self._decoded("decode", z, y, self.likelihood.mean)

    def inverse_transform(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """`decode`, by its name in scikit-learn."""
        return self.decode(z, y)

    def reconstruct(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] at z = E[z|x]  ->  (N, *event_shape)."""
        data = self._dataset(x, y)
        return self.decode(self.encode(data), None if self.condition is None else data.y)

    def impute(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        *,
        samples: int = 1000,
        draws: int | None = None,
        seed: int = 0,
    ) -> Array:
        """x with what is missing filled in, observed entries as they are  ->  (N, *event_shape).

        Each missing entry is at its expectation given the observed ones, estimated with `samples` importance-weighted
        draws of z. With `draws` = M it is drawn instead, M times  ->  (M, N, *event_shape).
        """
        rng = np.random.default_rng(seed)
        found = impute(self, self._dataset(x, y), samples=samples, draws=draws or 0, rng=rng)
        filled = found.x if draws is None else found.draws
        return filled.reshape(*filled.shape[:-1], *self.event_shape)

    def sample(
        self,
        n: int = 1,
        rng: np.random.Generator | int | None = None,
        *,
        y: npt.ArrayLike | None = None,
        mean: bool = True,
    ) -> Array:
        """Decode n draws z ~ p(z): E[x|z], or with mean=False draws x ~ p(x|z)  ->  (n, *event_shape).

        `y`, where the model is told it, is one for all draws or one for each.
        """
        require_count("sample", "n", n, 0)
        require_flag("sample", "mean", mean)
        rng = np.random.default_rng(rng)
        known = self._known("sample", y, n)
        z = self.prior_given(Batch(np.empty((n, 0), dtype_of(self)), known)).sample(n, rng)
        read = self.likelihood.mean if mean else lambda x_params: self.likelihood.sample(x_params, rng)
        return self._decoded("sample", z, known, read)

    def _decoded(self, where: str, z: npt.ArrayLike, y: npt.ArrayLike | None, read: Callable[[Array], Array]) -> Array:
        dtype = dtype_of(self)
        z = np.asarray(z, dtype)
        require_shapes("decode", z=(z, f"N {self.posterior.latent_dim}"))
        require_finite("decode", "z", z)
        known = self._known(where, y, len(z))
        decoded = np.empty((len(z), *self.event_shape), dtype)
        for start in range(0, len(z), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            batch = Batch(z[rows, :0], None if known is None else known[rows])  # of no entries
            x_params, _ = self.decoded(z[rows], batch)
            decoded[rows] = read(x_params).reshape(-1, *self.event_shape)
        return decoded

    def _known(self, where: str, y: npt.ArrayLike | None, n: int) -> Array | None:
        """y of n codes. What a decoder should make of a y that the model has no use for is nobody's guess: InputError."""
        where = f"{type(self).__name__}.{where}"
        if self.condition is None and y is None:
            return None
        if self.condition is None:
            raise InputError(f"{where}: y should be None, since the model is not told it; a ConditionalVAE is. Found {y!r}")
        if y is None:
            raise InputError(f"{where}: y should be {self.condition.words}; found none")
        return self.condition.read(where, y, n)
