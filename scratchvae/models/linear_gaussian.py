"""The linear-Gaussian model, in which everything is exact: factor analysis and probabilistic PCA.

    z ~ N(0, I),   x = z W + mean + ε,   ε ~ N(0, Ψ),  Ψ = diag ψ      =>      x ~ N(mean, C),  C = WᵀW + Ψ

Letters: N examples, D entries of an event, Z latents; weight W (Z, D), mean (D,), noise_variance ψ (D,), in
the units of x². Everything is in float64. NaN means that an entry is missing. All results for an example are
those of its observed entries.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_at_least, require_count, require_seed
from scratchvae.data import Dataset, require_told_apart
from scratchvae.models.likelihood_maximum import constant_columns, nearly_singular, no_maximum
from scratchvae.models.linear_coding import LinearCoding
from scratchvae.models.linear_inference import Rows, em_step, infer
from scratchvae.models.moments import Moments


class LinearGaussian(LinearCoding):
    """A model x = z W + mean + ε with exact log p(x) and posterior, and scikit-learn's verbs.

    - `min_noise_variance` is the lower bound of ψ. With a bound above 0 the likelihood always has a maximum,
      and `fit` finds it. With the bound 0 the likelihood of some data has no maximum, and `fit` refuses them
      with an InputError. Such data are a single example, fewer examples or independent columns than that many
      latents need, constant columns, and columns that copy others to within 1e-11 of their variance. Columns
      to which the model gives noise are taken.
    - `method`, one of the model's METHODS, says how `fit` maximizes the likelihood. With None, `fit` uses
      "em" if entries are missing, and otherwise the first of METHODS. "em" draws its first weights by `seed`.
      It stops after `max_steps` steps, or when a step gains no more than `tolerance` nats per example. No
      step of "em" lowers the likelihood, but it may need many steps.
    - `ddof`: at the end C is multiplied by N / (N − ddof). 0 gives the maximum of the likelihood, and 1 gives
      what scikit-learn's PCA computes.

    Every verb takes a Dataset, or an array (N, D) in which NaN or a mask marks missing entries. `fit` sets:

    - `components_`, W (Z, D), rotated so that W Ψ⁻¹ Wᵀ is diagonal, with its largest entry first; the latents
      are then independent given a complete x
    - `mean_` and `noise_variance_`, both (D,)
    - `converged`, and `history`, which holds {"step", "log_px"} for each step of EM, where log_px is the mean
      log p(x) at the start of the step

    `weight`, `mean` and `noise_variance` are the same three arrays under the names of the equations.
    """

    METHODS: tuple[str, str]

    def __init__(
        self,
        latent_dim: int = 2,
        *,
        method: str | None = None,
        min_noise_variance: float = 0.0,
        max_steps: int = 2000,
        tolerance: float = 1e-8,
        seed: int = 0,
        ddof: int = 0,
    ) -> None:
        self.latent_dim, self.method, self.min_noise_variance = latent_dim, method, min_noise_variance
        self.max_steps, self.tolerance, self.seed, self.ddof = max_steps, tolerance, seed, ddof

    @abstractmethod
    def _fit_complete(self, moments: Moments) -> None:
        """Set mean, weight and noise_variance by the first of METHODS, where no entry is missing."""

    @abstractmethod
    def _noise(self, squares: Array, counts: Array) -> Array:
        """Return ψ (D,) from E[Σ ε²] of each column, `squares`, and its number of entries, `counts`."""

    @abstractmethod
    def _lowest(self, variance: Array, varies: Array) -> Array:
        """The smallest ψ (D,) that a fit may take: min_noise_variance, or the size of rounding if larger.

        `variance` (D,) is the variance of each column, and `varies` (D,) says which columns are not constant.
        A constant column has no rounding, so that its smallest ψ may be 0. `fit` then refuses the data.
        """

    def _lowest_noise(self, x: Array) -> Array:
        return self._lowest(np.nanvar(x, axis=0), np.nanmax(x, axis=0) > np.nanmin(x, axis=0))

    def fit(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Self:
        """Maximize the likelihood of x (N, D), and return the model."""
        self.require_parameters()
        self._kind = None
        given = x
        data, x = self._read(x)
        require_told_apart(type(self).__name__, data, np.float64)
        self._kind = data.kind
        observed = ~np.isnan(x)
        if not observed.any(axis=0).all():
            found = f"found no entry of {data.entry(int(np.argmin(observed.any(axis=0))))}"
            raise InputError(
                f"{type(self).__name__}: every column should be observed in some example, {found}"
            )
        method = self.method or self.METHODS[0 if observed.all() else 1]
        if method != "em" and not observed.all():
            raise InputError(
                f"{type(self).__name__}: method {method!r} needs complete data, found NaN, which 'em' takes"
            )
        self._require_ddof(len(x))
        constant = np.nanmax(x, axis=0) == np.nanmin(x, axis=0)
        if (self._lowest_noise(x) <= 0).any():
            raise self._no_maximum(len(x), x.shape[1], constant_columns(data, constant))
        self._moments = Moments.of(x) if observed.all() else None
        self._history: list[dict[str, float]] = []
        if method == "em":
            self._fit_by_em(x)
            self._finish(*x.shape)
        else:
            assert self._moments is not None
            self._fit_moments(self._moments)
        self._learn_features(given, x.shape[1])
        return self

    def partial_fit(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Self:
        """Maximize the likelihood of these examples and of those of earlier calls, or of the last `fit`.

        The model keeps the mean and the covariance of the examples, and not the examples. The result equals
        that of `fit` on all examples at once, to rounding. Missing entries raise an InputError, and so does
        the method "em", because these two need the examples themselves.
        """
        self.require_parameters()
        if self.__sklearn_is_fitted__():
            self._require_features(x)
        given, x = x, self._rows(x)
        if np.isnan(x).any() or self.method == "em":
            expected = f"examples should be complete, for the method {self.METHODS[0]}"
            found = "the method em" if self.method == "em" else "NaN"
            raise InputError(f"{type(self).__name__}.partial_fit: {expected}; found {found}")
        before: Moments | None = vars(self).get("_moments")
        if before is None and self.__sklearn_is_fitted__():
            expected = (
                "all earlier examples should be complete, and those of a model that was loaded are unknown"
            )
            raise InputError(
                f"{type(self).__name__}.partial_fit: {expected}; the examples of the last fit are not kept"
            )
        if before is not None:
            self._require_columns(x, len(before.mean))
        moments = Moments.of(x) if before is None else before.joined(Moments.of(x))
        self._require_ddof(moments.count)
        self._fit_moments(moments)
        self._moments = moments
        if before is None:
            self._learn_features(given, x.shape[1])
        return self

    def _fit_moments(self, moments: Moments) -> None:
        if (self._lowest(moments.variance, moments.highest > moments.lowest) <= 0).any():
            raise self._no_maximum(moments.count, len(moments.mean))
        self._history, self._converged = [], True
        self._fit_complete(moments)
        self._finish(moments.count, len(moments.mean))

    def _finish(self, n: int, columns: int) -> None:
        """Refuse a likelihood without a maximum, then rotate W and multiply C by N / (N − ddof)."""
        if self.min_noise_variance == 0 and nearly_singular(self.weight, self.noise_variance_):
            for name in ("components_", "mean_", "noise_variance_"):
                delattr(self, name)
            raise self._no_maximum(n, columns)
        correction = n / (n - self.ddof)
        self.weight = _canonical(self.weight, self.noise_variance) * np.sqrt(correction)
        self.noise_variance = self.noise_variance * correction

    def _no_maximum(self, n: int, columns: int, constant: str = "") -> InputError:
        return no_maximum(type(self).__name__, n, columns, latents=self.latent_dim, constant=constant)

    def require_parameters(self) -> None:
        """InputError where a parameter of the constructor is not what it should be."""
        name = type(self).__name__
        require_count(name, "latent_dim", self.latent_dim)
        require_at_least(name, "min_noise_variance", self.min_noise_variance, 0)
        require_count(name, "max_steps", self.max_steps)
        require_at_least(name, "tolerance", self.tolerance, 0)
        require_seed(name, "seed", self.seed)
        if self.method is not None and self.method not in self.METHODS:
            raise InputError(
                f"{name}: method should be one of {', '.join(self.METHODS)}; found {self.method!r:.80}"
            )

    def _require_ddof(self, n: int) -> None:
        whole = isinstance(self.ddof, int | np.integer) and not isinstance(self.ddof, bool)
        if not whole or not 0 <= self.ddof < n:
            limits = f"in 0..{n - 1}, below the number of examples"
            raise InputError(f"{type(self).__name__}: ddof should be {limits}; found {self.ddof!r:.80}")

    def _fit_by_em(self, x: Array) -> None:
        lowest = self._lowest_noise(x)
        variance = np.nanvar(x, axis=0)
        rng = np.random.default_rng(self.seed)
        weight = rng.standard_normal((self.latent_dim, x.shape[1])) * np.sqrt(
            variance / (2 * self.latent_dim)
        )
        # the first weights leave half of each variance to the noise

        self.mean, self.weight = np.nanmean(x, axis=0), weight
        self.noise_variance = np.maximum(
            self._noise(variance / 2 * len(x), np.full(x.shape[1], len(x))), lowest
        )
        self._converged = False
        rows, before = Rows.of(x), -np.inf
        for step in range(self.max_steps):
            now = infer(rows, self.mean, self.weight, self.noise_variance)
            log_px = float(now.log_px.mean())
            self._history.append({"step": step + 1, "log_px": log_px})
            if log_px - before <= self.tolerance:
                self._converged = True
                return
            before = log_px
            self.mean, self.weight, squares, counts = em_step(rows, now)
            self.noise_variance = np.maximum(self._noise(squares, counts), lowest)

    def fit_transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Any:
        """`fit`, then `transform`."""
        return self.fit(x).transform(x)


def _canonical(weight: Array, noise_variance: Array) -> Array:
    """Rotate W so that W Ψ⁻¹ Wᵀ is diagonal, with its largest entry first. The rotation leaves p(x) as it is.

    The largest entry of each row of W becomes positive.
    """
    deviation = np.sqrt(noise_variance)
    rotation, _, _ = np.linalg.svd(weight / deviation, full_matrices=False)
    rotated = rotation.T @ weight
    largest = np.take_along_axis(rotated, np.abs(rotated).argmax(axis=1)[:, None], axis=1)
    rotated *= np.where(largest < 0, -1.0, 1.0)
    return np.concatenate([rotated, np.zeros((len(weight) - len(rotated), weight.shape[1]))])
