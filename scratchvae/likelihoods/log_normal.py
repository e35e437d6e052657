"""Positive entries: p(x|z) is log-normal, the law of a number whose logarithm is Gaussian."""

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback, require_count, require_positive
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.gaussian import GaussianDiagonal
from scratchvae.likelihoods.interface import Likelihood
from scratchvae.likelihoods.standardized import Standardized


class LogNormal(Likelihood):
    """x = e^y of a Gaussian y, entry by entry.     x_params = the mean of the standardized y.

        log p(x|z) = log N(log x; mean_y, σ_y²) − Σ_d log x_d        mean_y = m + s x_params,   σ_y = s σ

    The sum is over the observed entries, and is the logarithm of the Jacobian ∂y/∂x. m and s are the mean and
    the standard deviation of each column's logarithms, which training measures, and σ_d² is learned. Both
    belong to `of_log`. Nazábal, Olmos, Ghahramani & Valera 2020, section 3, take this law for positive
    columns.
    """

    def __init__(self, entries: int, variance: float = 1.0, *, min_variance: float = 1e-4) -> None:
        require_count("LogNormal", "entries", entries)
        require_positive("LogNormal", "variance", variance)
        self.of_log = Standardized(
            GaussianDiagonal(np.full(entries, variance), min_variance=min_variance), entries
        )

    @property
    def measured(self) -> bool:
        """Whether m and s are known."""
        return self.of_log.measured

    def measure(self, data: Dataset | Batch) -> None:
        """Take the mean and the standard deviation of each column's logarithms.

        InputError for a number that has no logarithm.
        """
        whole = data.astype(np.float64) if isinstance(data, Batch) else data.batch(slice(None), np.float64)
        self.of_log.measure(Batch(_log(whole.x, whole.observed), observed=whole.observed))

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """The standardized logarithms. A number without one, as corruption may leave, counts as missing."""
        fine = x > 0 if observed is None else (x > 0) & (observed != 0)
        return self.of_log.features(_log(x, fine), observed if fine.all() else fine)

    def inside(self, entries: int) -> Array:
        """1 for each entry, since 0 is outside."""
        return np.ones(entries)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A mean for each entry."""
        return self.of_log.n_params(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log N(log x; mean_y, σ_y²) − Σ_d o_d log x_d, whose gradient is that of the Gaussian.

        InputError for an observed 0.
        """
        log_x = _log(x, observed)  # 0 where nothing was observed
        log_px, pullback = self.of_log.log_prob(x_params, x=log_x, observed=observed, draws=draws, mode=mode)
        return log_px - np.repeat(log_x.sum(axis=1), draws).astype(log_px.dtype), pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z] = exp(mean_y + σ_y²/2)."""
        noise = self.of_log.likelihood
        assert isinstance(noise, GaussianDiagonal)
        log_var = np.log(noise.variance) + 2 * np.log(self.of_log.column_scale.value)
        return _exp(self.of_log.mean(x_params) + 0.5 * np.exp(log_var).astype(x_params.dtype))

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """e^y of a draw y."""
        return _exp(self.of_log.sample(x_params, rng))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number above 0."""
        wrong = ~((x > 0) & np.isfinite(x))
        if wrong.any():
            raise InputError(f"LogNormal: x should hold finite numbers above 0, found {x[wrong][0]:g}")


def _log(x: Array, observed: Array | None) -> Array:
    """log x where x was observed, else 0."""
    filled = x if observed is None else np.where(observed != 0, x, x.dtype.type(1))
    if not (filled > 0).all():
        raise InputError(
            f"LogNormal: x should hold finite numbers above 0, found {filled[~(filled > 0)][0]:g}"
        )
    return np.log(filled)


def _exp(y: Array) -> Array:
    """e^y, at most the largest number of its dtype."""
    with np.errstate(over="ignore"):
        return np.minimum(np.exp(y), np.finfo(y.dtype).max)
