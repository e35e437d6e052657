"""What factor analysis and probabilistic PCA have in common: a linear-Gaussian model, in which everything is exact.

    z ~ N(0, I),   x = z W + mean + ε,   ε ~ N(0, Ψ),  Ψ = diag ψ          =>          x ~ N(mean, C),  C = WᵀW + Ψ

Letters: N examples, D entries of an event, Z latents; weight W (Z, D), mean (D,), noise_variance ψ (D,), in the units of x².
All in float64. NaN means missing, everywhere: what is said of an example is said of the entries that were observed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_at_least, require_count, require_finite, require_shapes
from scratchvae.data import Dataset
from scratchvae.models.conditions import require_untold
from scratchvae.models.linear_inference import Inference, Rows, em_step, infer

SMALLEST = 1e-12  # of a variance: noise below this share of it is nothing but rounding
LARGEST = 1e150  # entries: their squares have to be numbers too


class LinearGaussian(ABC):
    """A model x = z W + mean + ε with exact log p(x) and posterior, and scikit-learn's verbs.

    - `min_noise_variance` bounds ψ from below. With 0, data whose likelihood has no maximum are an InputError: one example, no
      more examples or independent columns than latents need, columns that are constant or copies of others, to within 1e-11 of
      their variance (unless the model gives them noise). With more than 0 they have one, which is found.
    - `method`: how `fit` maximizes the likelihood, one of the model's METHODS; None takes "em" where entries are missing, else
      the first. "em" stops after `max_steps` or when a step gains no more than `tolerance` nats per example; the weights that it
      starts from are drawn by `seed`. It never loses likelihood, but may be slow.
    - `ddof`: C is multiplied by N / (N − ddof) in the end: 0 is maximum likelihood, 1 what scikit-learn's PCA takes.

    Every verb takes floating arrays (N, D), NaN where missing, or a Dataset. After `fit`: `weight` (W Ψ⁻¹ Wᵀ diagonal and
    falling, so that the latents are independent given a complete x), `mean`, `noise_variance`; `converged`; `history` holds
    {"step", "log_px"} for each step of EM, log_px being the mean log p(x) that it began with.
    """

    METHODS: tuple[str, str]
    weight: Array
    mean: Array
    noise_variance: Array

    def __init__(
        self,
        latent_dim: int,
        *,
        method: str | None = None,
        min_noise_variance: float = 0.0,
        max_steps: int = 2000,
        tolerance: float = 1e-8,
        seed: int = 0,
        ddof: int = 0,
    ) -> None:
        name = type(self).__name__
        require_count(name, "latent_dim", latent_dim)
        require_at_least(name, "min_noise_variance", min_noise_variance, 0)
        require_count(name, "max_steps", max_steps)
        require_at_least(name, "tolerance", tolerance, 0)
        if method is not None and method not in self.METHODS:
            raise InputError(f"{name}: method should be one of {', '.join(self.METHODS)}; found {method!r}")
        self.latent_dim, self.method, self.min_noise_variance = latent_dim, method, min_noise_variance
        self.max_steps, self.tolerance, self.seed, self.ddof = max_steps, tolerance, seed, ddof
        self.history: list[dict[str, float]] = []
        self.converged = False

    @abstractmethod
    def _fit_complete(self, x: Array) -> None:
        """Set mean, weight, noise_variance by the first of METHODS, where nothing is missing."""

    @abstractmethod
    def _noise(self, squares: Array, counts: Array) -> Array:
        """ψ (D,) from E[Σ ε²] of each column, (D,), and how often the column was observed."""

    @abstractmethod
    def _lowest_noise(self, x: Array) -> Array:
        """The ψ (D,) below which none is taken: min_noise_variance, or rounding; 0 if ψ has no room above 0."""

    def fit(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> LinearGaussian:
        """Maximize the likelihood of x (N, D), and return the model."""
        x = self._rows(x)
        observed = ~np.isnan(x)
        if not observed.any(axis=0).all():
            found = f"found no entry of column {int(np.argmin(observed.any(axis=0)))}"
            raise InputError(f"{type(self).__name__}: every column should be observed in some example, {found}")
        method = self.method or self.METHODS[0 if observed.all() else 1]
        if method != "em" and not observed.all():
            raise InputError(f"{type(self).__name__}: method {method!r} needs complete data, found NaN, which 'em' takes")
        if not 0 <= self.ddof < len(x):
            limits = f"in 0..{len(x) - 1}, below the number of examples"
            raise InputError(f"{type(self).__name__}: ddof should be {limits}; found {self.ddof}")
        if (self._lowest_noise(x) <= 0).any():
            raise self._no_maximum()
        self.history, self.converged = [], True
        if method == "em":
            self._fit_by_em(x)
        else:
            self._fit_complete(x)
        if self.min_noise_variance == 0 and self._nearly_singular():
            del self.weight, self.mean, self.noise_variance
            raise self._no_maximum()
        correction = len(x) / (len(x) - self.ddof)
        self.weight = _canonical(self.weight, self.noise_variance) * np.sqrt(correction)
        self.noise_variance = self.noise_variance * correction
        return self

    def _fit_by_em(self, x: Array) -> None:
        lowest = self._lowest_noise(x)
        variance = np.nanvar(x, axis=0)
        rng = np.random.default_rng(self.seed)
        weight = rng.standard_normal((self.latent_dim, x.shape[1])) * np.sqrt(variance / (2 * self.latent_dim))
        # half of each variance is left to the noise
        self.mean, self.weight = np.nanmean(x, axis=0), weight
        self.noise_variance = np.maximum(self._noise(variance / 2 * len(x), np.full(x.shape[1], len(x))), lowest)
        self.converged = False
        rows, before = Rows.of(x), -np.inf
        for step in range(self.max_steps):
            now = infer(rows, self.mean, self.weight, self.noise_variance)
            log_px = float(now.log_px.mean())
            self.history.append({"step": step + 1, "log_px": log_px})
            if log_px - before <= self.tolerance:
                self.converged = True
                return
            before = log_px
            self.mean, self.weight, squares, counts = em_step(rows, now)
            self.noise_variance = np.maximum(self._noise(squares, counts), lowest)

    def fit_transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """`fit`, then `transform`."""
        return self.fit(x).transform(x)

    def transform(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """E[z|x]  ->  (N, Z)."""
        return self._inferred(x).mean

    def posterior(self, x: npt.ArrayLike | Dataset) -> tuple[Array, Array]:
        """p(z|x) = N(M⁻¹ W Ψ⁻¹ (x − mean), M⁻¹), M = I + W Ψ⁻¹ Wᵀ: its means (N, Z) and covariances (N, Z, Z)."""
        rows = self._rows_like_those_fitted(x)
        inferred = infer(rows, self.mean, self.weight, self.noise_variance)
        return inferred.mean, inferred.covariance[rows.pattern]

    def inverse_transform(self, z: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Array:
        """E[x|z] = z W + mean of codes (N, Z)  ->  (N, D)."""
        require_untold(f"{type(self).__name__}.inverse_transform", y)
        self._require_fitted()
        z = np.asarray(z, np.float64)
        require_shapes("inverse_transform", z=(z, f"N {self.latent_dim}"))
        require_finite("inverse_transform", "z", z)
        return z @ self.weight + self.mean

    def impute(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """x with each missing entry replaced by its expectation given the observed ones  ->  (N, D)."""
        x = self._rows(x)
        return np.where(np.isnan(x), self.inverse_transform(self.transform(x)), x)

    def score_samples(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> Array:
        """log p(x) of the observed entries of each example, exact  ->  (N,) in nats; 0 where none is."""
        return self._inferred(x).log_px

    def score(self, x: npt.ArrayLike | Dataset, y: npt.ArrayLike | None = None) -> float:
        """The mean of score_samples."""
        return float(self.score_samples(x).mean())

    def sample(self, n: int = 1, rng: np.random.Generator | int | None = None, *, y: npt.ArrayLike | None = None) -> Array:
        """n draws x ~ N(mean, C)  ->  (n, D)."""
        require_untold(f"{type(self).__name__}.sample", y)
        self._require_fitted()
        require_count("sample", "n", n, 0)
        rng = np.random.default_rng(rng)
        z, noise = rng.standard_normal((n, self.latent_dim)), rng.standard_normal((n, len(self.mean)))
        return z @ self.weight + self.mean + np.sqrt(self.noise_variance) * noise

    def get_covariance(self) -> Array:
        """C = WᵀW + Ψ  ->  (D, D)."""
        self._require_fitted()
        return self.weight.T @ self.weight + np.diag(self.noise_variance)

    def get_precision(self) -> Array:
        """C⁻¹, by the Cholesky factor of C, which may be well conditioned where some ψ are next to 0 and M is not  ->  (D, D)."""
        from scipy import linalg  # here, as it takes a while to import

        inverse = linalg.cho_solve(linalg.cho_factor(self.get_covariance()), np.eye(len(self.mean)))
        return (inverse + inverse.T) / 2

    def _inferred(self, x: npt.ArrayLike | Dataset) -> Inference:
        return infer(self._rows_like_those_fitted(x), self.mean, self.weight, self.noise_variance)

    def _rows_like_those_fitted(self, x: npt.ArrayLike | Dataset) -> Rows:
        self._require_fitted()
        x = self._rows(x)
        require_shapes(type(self).__name__, x=(x, f"N {len(self.mean)}"))
        return Rows.of(x)

    def _rows(self, x: npt.ArrayLike | Dataset) -> Array:
        if isinstance(x, Dataset):
            return x.batch(slice(None), np.float64).x_or_nan
        if isinstance(x, np.ma.MaskedArray) and x.dtype.kind == "f":
            x = x.filled(np.nan)
        given: npt.NDArray[Any] = np.asarray(x)
        if given.ndim != 2 or given.size == 0 or given.dtype.kind != "f":
            expected = "x should be floating, (N, D) with at least one example"
            raise InputError(f"{type(self).__name__}: {expected}; found {given.dtype} of shape {given.shape}")
        rows: Array = given.astype(np.float64)
        if (np.abs(rows) > LARGEST).any():
            found = f"found {np.nanmax(np.abs(rows)):g}"
            raise InputError(f"{type(self).__name__}: entries of x should be {LARGEST:g} at most, or NaN where missing; {found}")
        return rows

    def _require_fitted(self) -> None:
        if not hasattr(self, "weight"):
            raise InputError(f"{type(self).__name__}: fit the model first")

    def _nearly_singular(self) -> bool:
        """Whether C, its diagonal scaled to 1, is singular up to rounding: then the likelihood grew without limit."""
        deviation = np.sqrt((self.weight**2).sum(axis=0) + self.noise_variance)
        scaled = (self.weight / deviation).T
        correlation = scaled @ scaled.T + np.diag(self.noise_variance / deviation**2)
        return bool(np.linalg.eigvalsh(correlation)[0] < 10 * SMALLEST)

    def _no_maximum(self) -> InputError:
        reason = f"of these data with {self.latent_dim} latents has no maximum, as noise variances fall to 0 in it"
        remedy = "take fewer latents, drop constant and repeated columns, or give min_noise_variance"
        return InputError(f"{type(self).__name__}: the likelihood {reason}: {remedy}")


def _canonical(weight: Array, noise_variance: Array) -> Array:
    """The rotation of W, which changes no probability, with W Ψ⁻¹ Wᵀ diagonal and falling, each row's largest entry positive."""
    deviation = np.sqrt(noise_variance)
    rotation, _, _ = np.linalg.svd(weight / deviation, full_matrices=False)
    rotated = rotation.T @ weight
    largest = np.take_along_axis(rotated, np.abs(rotated).argmax(axis=1)[:, None], axis=1)
    rotated *= np.where(largest < 0, -1.0, 1.0)
    return np.concatenate([rotated, np.zeros((len(weight) - len(rotated), weight.shape[1]))])
