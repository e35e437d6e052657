"""Examples of codes: how a model with one vector of latents for each example decodes and draws."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import (
    Array,
    InputError,
    Pullback,
    generator_from,
    require_count,
    require_finite,
    require_flag,
    require_shapes,
)
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Mode, dtype_of
from scratchvae.memory import enough_memory
from scratchvae.models.estimator import AT_ONCE, Estimator
from scratchvae.models.examples import codes_given
from scratchvae.priors import Prior


class Decoding(Estimator):
    """The verbs decode, inverse_transform and sample. The model itself says how codes become x_params."""

    @abstractmethod
    def decoded(
        self, z: Array, batch: Batch, *, draws: int = 1, mode: Mode = EVALUATION
    ) -> tuple[Array, Pullback]:
        """The parameters x_params (B·K, n_params) of codes z (B·K, Z), with pullback(dx_params) -> dz."""

    @abstractmethod
    def prior_given(self, batch: Batch, *, mode: Mode = EVALUATION) -> Prior:
        """p(z) for the latents of this batch."""

    def drawn_from_prior(self, batch: Batch, *, draws: int, rng: np.random.Generator) -> Array:
        """z ~ p(z) for the latents of this batch  ->  (B·K, Z), K = `draws` for each example.

        The draws of an example are neighbouring rows.
        """
        return self.prior_given(batch).sample(len(batch) * draws, rng)

    def decode(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] of codes (N, Z), at y where the model is told it  ->  (N, *event_shape)."""
        return self._decoded("decode", z, y, self.model_.likelihood.mean)

    def inverse_transform(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """`decode`, by its name in scikit-learn."""
        return self.decode(z, y)

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
        rng, model = generator_from(f"{type(self).__name__}.sample", "rng", rng), self.model_
        known = self._told_of_codes("sample", y, n)
        likelihood = model.likelihood
        read = likelihood.mean if mean else lambda x_params: likelihood.sample(x_params, rng)
        with enough_memory(f"{type(self).__name__}.sample(n={n})"):
            z = model.prior_given(Batch(np.empty((n, 0), dtype_of(model)), known)).sample(n, rng)
            decoded: Array = model._decoded("sample", z, known, read)
        return decoded

    def _decoded(
        self, where: str, z: npt.ArrayLike, y: npt.ArrayLike | None, read: Callable[[Array], Array]
    ) -> Array:
        model = self.model_
        dtype, event_shape = dtype_of(model), model.event_shape
        z = codes_given(f"{type(self).__name__}.{where}", z, dtype)
        require_shapes("decode", z=(z, f"N {model.posterior.latent_dim}"))
        require_finite("decode", "z", z)
        known = self._told_of_codes(where, y, len(z))
        decoded = np.empty((len(z), *event_shape), dtype)
        for start in range(0, len(z), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            batch = Batch(z[rows, :0], None if known is None else known[rows])  # examples without entries
            x_params, _ = model.decoded(z[rows], batch)
            decoded[rows] = read(x_params).reshape(-1, *event_shape)
        return decoded

    def _told_of_codes(self, where: str, y: npt.ArrayLike | None, n: int) -> Array | None:
        """y of n codes.

        InputError where the model has no use for y, since what its decoder should make of y is unknown.
        """
        where, condition = f"{type(self).__name__}.{where}", self.model_.condition
        if condition is None and y is None:
            return None
        if condition is None:
            raise InputError(
                f"{where}: y should be None, since the model is not told it; a ConditionalVAE is. Found {y!r}"
            )
        if y is None:
            raise InputError(f"{where}: y should be {condition.words}; found none")
        told: Array = condition.read(where, self._known(y, None), n)
        return told
