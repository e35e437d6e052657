"""Columns of bits, categories or counts, which the encoder sees with mean 0 and deviation 1."""

from typing import ClassVar

import numpy as np

from scratchvae.arrays import Array, Pullback, require_flag
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Buffer, Mode
from scratchvae.likelihoods.interface import Likelihood
from scratchvae.likelihoods.missing import fill_missing
from scratchvae.likelihoods.standardized import column_moments


class Encoded(Likelihood):
    """The law of `likelihood`, unchanged, for columns that the encoder sees as (v(x) − m)/s.

    v(x) = x, so that bits and the numbers of ordered categories have one scale. A missing entry is 0, which
    says nothing. With `counts`, v(x) = log(1 + x), and the decoder's first output for each entry, the
    logarithm of a rate, is relative to the mean of the data:

        log λ_d = x_params_d + log mean_d

    So training starts at the means of the columns, however large these are. m, s and mean are Buffers, which
    training measures on the observed entries of its data. They change the inputs of the networks and nothing
    of the law.
    """

    transparent: ClassVar[str] = "likelihood"

    def __init__(self, likelihood: Likelihood, entries: int, *, counts: bool = False) -> None:
        require_flag("Encoded", "counts", counts)
        self.likelihood, self.counts = likelihood, counts
        self.seen_mean = Buffer(np.zeros(entries, np.float32))
        self.seen_scale = Buffer(np.ones(entries, np.float32))
        self.log_rate = Buffer(np.zeros(entries, np.float32))
        self.examples_measured = Buffer(np.zeros(1, np.float32))  # 0 until a training has measured

    @property
    def measured(self) -> bool:
        """Whether m, s and the means are known."""
        return bool(self.examples_measured.value[0] > 0)

    def measure(self, data: Dataset | Batch) -> None:
        """Take m and s of v(x), and the mean of x, over the observed entries of each column."""
        whole = data.astype(np.float64) if isinstance(data, Batch) else data.batch(slice(None), np.float64)
        mean, deviation = column_moments(
            Batch(self._viewed(whole.x, whole.observed), observed=whole.observed)
        )
        x_mean, _ = column_moments(whole)
        dtype = self.seen_mean.value.dtype
        self.seen_mean.value = mean.astype(dtype)
        self.seen_scale.value = np.where(deviation > 0, deviation, 1).astype(dtype)
        if self.counts:
            least = 0.5 / len(whole)  # the rate of a column of zeros, whose next count may be another number
            self.log_rate.value = np.log(np.maximum(x_mean, least)).astype(dtype)
        self.examples_measured.value = np.full(1, len(whole), self.examples_measured.value.dtype)

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """(v(x) − m)/s (B, D), and which entries were observed."""
        mean, scale = (buffer.value.astype(x.dtype) for buffer in (self.seen_mean, self.seen_scale))
        return (self._viewed(x, observed) - mean) / scale, observed

    @property
    def given(self) -> str:
        """The part of x that the likelihood takes as given."""
        return self.likelihood.given

    def inside(self, entries: int) -> Array:
        """An event in the support of the likelihood."""
        return self.likelihood.inside(entries)

    def numeric(self, entries: int) -> Array:
        """Whether each entry is a number by the likelihood."""
        return self.likelihood.numeric(entries)

    def is_probability(self, x: Array) -> bool:
        """Whether the likelihood's p(x|z) is a probability."""
        return self.likelihood.is_probability(x)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """How many numbers the likelihood needs."""
        return self.likelihood.n_params(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log p(x|z) by the likelihood. The term that is added to x_params changes no gradient."""
        return self.likelihood.log_prob(
            self._from_means(x_params), x=x, observed=observed, draws=draws, mode=mode
        )

    def mean(self, x_params: Array) -> Array:
        """E[x|z] by the likelihood."""
        return self.likelihood.mean(self._from_means(x_params))

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """Draw x by the likelihood."""
        return self.likelihood.sample(self._from_means(x_params), rng)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless the likelihood has x in its support."""
        self.likelihood.require_support(x)

    def _viewed(self, x: Array, observed: Array | None) -> Array:
        known = fill_missing(x, observed)
        return np.log1p(np.maximum(known, 0)) if self.counts else known  # x may be corrupted

    def _from_means(self, x_params: Array) -> Array:
        if not self.counts:
            return x_params
        D = self.log_rate.value.size
        return np.concatenate(
            [x_params[:, :D] + self.log_rate.value.astype(x_params.dtype), x_params[:, D:]], axis=1
        )
