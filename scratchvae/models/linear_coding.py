"""The verbs of a fitted linear-Gaussian model: examples, codes and covariances, all computed exactly.

The letters are those of linear_gaussian.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, generator_from, require_count, require_finite, require_shapes
from scratchvae.data import Dataset
from scratchvae.memory import enough_memory
from scratchvae.models.conditions import require_untold
from scratchvae.models.examples import require_scale, rows_given
from scratchvae.models.features import Features, numbers
from scratchvae.models.linear_inference import Inference, Rows, infer
from scratchvae.models.parameters import Parametrized
from scratchvae.models.saving import Saved
from scratchvae.models.scikit_learn import not_fitted
from scratchvae.models.summary import Row, Summary

LARGEST = 1e150  # of an entry, whose square has to be finite too


class LinearCoding(Parametrized, Features, Saved, ABC):
    """The verbs of a model x = z W + mean + ε.

    W, mean and ψ have scikit-learn's names and those of the equations.
    """

    latent_dim: int
    components_: Array
    mean_: Array
    noise_variance_: Any

    @property
    def weight(self) -> Array:
        """W (Z, D), which scikit-learn calls components_."""
        self._require_fitted("components_")
        return self.components_

    @weight.setter
    def weight(self, weight: Array) -> None:
        self.components_ = weight

    @property
    def mean(self) -> Array:
        """The mean of x (D,), which scikit-learn calls mean_."""
        self._require_fitted("mean_")
        return self.mean_

    @mean.setter
    def mean(self, mean: Array) -> None:
        self.mean_ = mean

    @property
    def noise_variance(self) -> Array:
        """ψ (D,), one for each entry."""
        self._require_fitted("noise_variance_")
        return np.full(len(self.mean_), self.noise_variance_)

    @noise_variance.setter
    def noise_variance(self, noise_variance: Array) -> None:
        self.noise_variance_ = self._kept(noise_variance)

    @property
    def history(self) -> list[dict[str, float]]:
        """{"step", "log_px"} of each step of EM. It is empty where another method was used."""
        found: list[dict[str, float]] = vars(self).get("_history", [])
        return found

    @property
    def converged(self) -> bool:
        """Whether the last fit ended before max_steps."""
        return bool(vars(self).get("_converged", False))

    @abstractmethod
    def _kept(self, noise_variance: Array) -> Any:
        """ψ (D,) in the form of noise_variance_."""

    def transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Any:
        """E[z|x]  ->  (N, Z), as the array or the DataFrame that `set_output` asks for."""
        return self._contained(self._inferred(x).mean, x)

    def posterior(self, x: npt.ArrayLike | Dataset) -> tuple[Array, Array]:
        """The means (N, Z) and covariances (N, Z, Z) of p(z|x).

        p(z|x) = N(M⁻¹ W Ψ⁻¹ (x − mean), M⁻¹),    M = I + W Ψ⁻¹ Wᵀ
        """
        rows = self._rows_like_those_fitted(x)
        inferred = infer(rows, self.mean, self.weight, self.noise_variance)
        return inferred.mean, inferred.covariance[rows.pattern]

    def inverse_transform(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] = z W + mean of codes (N, Z)  ->  (N, D)."""
        require_untold(f"{type(self).__name__}.inverse_transform", y)
        self._require_fitted()
        try:
            z = np.asarray(z, np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"{type(self).__name__}.inverse_transform: z should be numbers, (N, Z); found {z!r:.80}"
            ) from None
        require_shapes("inverse_transform", z=(z, f"N {self.latent_dim}"))
        require_finite("inverse_transform", "z", z)
        return z @ self.weight + self.mean

    def impute(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """x with each missing entry replaced by its expectation given the observed ones  ->  (N, D)."""
        inferred, x = self._inferred(x), self._rows(x)
        return np.where(np.isnan(x), self.inverse_transform(inferred.mean), x)

    def score_samples(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """log p(x) of the observed entries of each example, exactly  ->  (N,) in nats; 0 where none is."""
        return self._inferred(x).log_px

    def score(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> float:
        """The mean of score_samples over the examples, in nats."""
        return float(self.score_samples(x).mean())

    def sample(
        self, n: int = 1, rng: np.random.Generator | int | None = None, *, y: npt.ArrayLike | None = None
    ) -> Array:
        """n draws x ~ N(mean, C)  ->  (n, D)."""
        require_untold(f"{type(self).__name__}.sample", y)
        self._require_fitted()
        require_count("sample", "n", n, 0)
        rng = generator_from(f"{type(self).__name__}.sample", "rng", rng)
        with enough_memory(f"{type(self).__name__}.sample(n={n})"):
            z, noise = rng.standard_normal((n, self.latent_dim)), rng.standard_normal((n, len(self.mean)))
        return z @ self.weight + self.mean + np.sqrt(self.noise_variance) * noise

    def get_covariance(self) -> Array:
        """C = WᵀW + Ψ  ->  (D, D)."""
        self._require_fitted()
        return self.weight.T @ self.weight + np.diag(self.noise_variance)

    def get_precision(self) -> Array:
        """C⁻¹  ->  (D, D).

        It is computed by the Cholesky factor of C. Where some ψ are near 0, C may be well conditioned
        although M is not.
        """
        from scipy import linalg  # imported here: it takes a while

        inverse = linalg.cho_solve(linalg.cho_factor(self.get_covariance()), np.eye(len(self.mean)))
        return (inverse + inverse.T) / 2

    def _inferred(self, x: npt.ArrayLike | Dataset) -> Inference:
        return infer(self._rows_like_those_fitted(x), self.mean, self.weight, self.noise_variance)

    def _rows_like_those_fitted(self, x: npt.ArrayLike | Dataset) -> Rows:
        self._require_fitted()
        self._require_features(x)
        rows, columns = self._rows(x), len(self.mean)
        self._require_columns(rows, columns)
        return Rows.of(rows)

    def _require_columns(self, rows: Array, columns: int) -> None:
        if rows.shape[1] != columns:
            words = f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {columns} features as input"
            raise InputError(
                f"{type(self).__name__}: x should have shape (N, {columns}), found {rows.shape}: {words}"
            )

    def _rows(self, x: npt.ArrayLike | Dataset) -> Array:
        return self._read(x)[1]

    def _read(self, x: npt.ArrayLike | Dataset) -> tuple[Dataset, Array]:
        """The examples as a Dataset, and as (N, D) float64, NaN where an entry is missing."""
        where = type(self).__name__
        data = rows_given(where, numbers(where, x))
        require_scale(where, data, vars(self).get("_kind"))
        rows = data.batch(slice(None), np.float64).x_or_nan
        if (np.abs(rows) > LARGEST).any():
            row, entry = (int(i) for i in np.argwhere(np.abs(rows) > LARGEST)[0])
            found = f"{data.place(row, entry)} is {rows[row, entry]:g}"
            raise InputError(
                f"{where}: entries of x should be {LARGEST:g} at most, or NaN where missing; {found}"
            )
        return data, rows

    def __sklearn_is_fitted__(self) -> bool:
        return "components_" in vars(self)

    def _require_fitted(self, attribute: str = "components_") -> None:
        if attribute not in vars(self):
            raise not_fitted(type(self).__name__)

    def summary(self) -> Summary:
        """The arrays that `fit` has found, with their shapes: a table that prints itself."""
        self._require_fitted()
        found = {
            name: np.atleast_1d(getattr(self, name)) for name in ("components_", "mean_", "noise_variance_")
        }
        rows = tuple(Row(name, "array", str(array.shape), array.size) for name, array in found.items())
        return Summary(type(self).__name__, rows, sum(row.parameters for row in rows))

    def _html_below(self) -> str:
        return self.summary()._repr_html_() if self.__sklearn_is_fitted__() else ""

    def _try_out(self) -> None:
        if self.__sklearn_is_fitted__():
            require_shapes(
                "the model", components_=(self.components_, f"{self.latent_dim} D"), mean_=(self.mean_, "D")
            )
            require_shapes("the model", mean_=(self.mean_, "D"), noise_variance=(self.noise_variance, "D"))
            infer(Rows.of(self.mean_[None]), self.mean, self.weight, self.noise_variance)

    def _n_features_out(self) -> int:
        return len(self.components_)
