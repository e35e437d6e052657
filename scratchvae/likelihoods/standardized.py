"""Columns in their own units: a likelihood of the columns brought to mean 0 and deviation 1."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, Pullback, require_finite, require_shapes
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Buffer, Mode
from scratchvae.likelihoods.interface import Likelihood, n_entries

AT_ONCE = 500  # examples
COARSE = 0.01  # of a column's deviation: the roundoff of its entries may be no larger


class Standardized(Likelihood):
    """p(x|z) of x = mean + s x̃, entry by entry, where `likelihood` is the law of the standardized x̃.

        log p(x|z) = log p̃((x − mean)/s | z) − Σ_d log s_d

    The sum is over the observed entries, and is the logarithm of the Jacobian ∂x̃/∂x. With it every
    log-probability is one of x, in nats and in the units of x, and it compares with that of any other model
    of the same data. E[x|z] and draws are in the units of x. The encoder sees x̃, with 0 for a missing entry.
    Numbers that `likelihood` was given, such as a first variance or a lower bound, are in the units of x̃. A
    corruption of the input, such as Reconstruction(noise_std=…), is in the units of x.

    mean and s (D,) are Buffers: checkpoints keep them, and no gradient moves them. Where they are not known,
    training measures them on its data: each column's mean and standard deviation (that of numpy.std) over its
    observed entries. Until then scoring, encoding, decoding and drawing are InputErrors, since the units are
    unknown. A column that is constant, or never observed, has s = 1, and the latter has mean 0. Messages call
    the columns by their `names`, if they have any.
    """

    transparent: ClassVar[str] = "likelihood"

    def __init__(
        self,
        likelihood: Likelihood,
        n_entries: int,
        *,
        mean: npt.ArrayLike | None = None,
        scale: npt.ArrayLike | None = None,
        names: Sequence[str] = (),
    ) -> None:
        if isinstance(likelihood, Standardized) or not _takes_any_number(likelihood, n_entries):
            expected = "the likelihood should be one of real values, such as Gaussian or Laplace"
            raise InputError(f"Standardized: {expected}; found a {type(likelihood).__name__}")
        self.likelihood, self.names = likelihood, tuple(names)
        self.column_mean = Buffer(np.zeros(n_entries, np.float32))
        self.column_scale = Buffer(np.ones(n_entries, np.float32))
        self.examples_measured = Buffer(np.zeros(1, np.float32))  # 0 until a training has measured
        if mean is not None or scale is not None:
            mean = np.zeros(n_entries) if mean is None else np.asarray(mean, np.float64)
            scale = np.ones(n_entries) if scale is None else np.asarray(scale, np.float64)
            require_shapes("Standardized", mean=(mean, f"{n_entries}"), scale=(scale, f"{n_entries}"))
            require_finite("Standardized", "mean", mean)
            if not (np.isfinite(scale) & (scale > 0)).all():
                raise InputError(
                    f"Standardized: every scale should be positive and finite, found {scale.min():g}"
                )
            self._take(mean, scale, examples=1)

    @property
    def measured(self) -> bool:
        """Whether mean and s are known, because they were given, measured, or read from a checkpoint."""
        return bool(self.examples_measured.value[0] > 0)

    def measure(self, data: Dataset | Batch) -> None:
        """Take each column's mean and standard deviation over its observed entries.

        InputError where the dtype of the Buffers, which is that of the model, cannot hold the deviation of a
        column, or cannot tell the column's values apart. The latter is so where the mean is so large that the
        roundoff of an entry is above 0.01 of the deviation.
        """
        mean, deviation = column_moments(data)
        kept = np.finfo(self.column_mean.value.dtype)
        roundoff = float(kept.eps) * np.abs(mean)
        unfit = (deviation > 0) & (
            (roundoff > COARSE * deviation) | (deviation < kept.tiny) | (deviation > kept.max)
        )
        if unfit.any():
            d = int(np.argmax(unfit))
            name = repr(self.names[d]) if self.names else d
            found = (
                f"column {name} of the data has mean {mean[d]:g} and standard deviation {deviation[d]:.3g}"
            )
            steps = f"its values should be told apart by {kept.dtype}, whose steps are {max(roundoff[d], kept.tiny):.2g} there"
            remedy = "Subtract a constant near that mean, or take another unit, before"
            raise InputError(f"Standardized: {found}; {steps}. {remedy}")
        self._take(mean, np.where(deviation > 0, deviation, 1.0), examples=len(data))

    def standardize(self, x: Array) -> Array:
        """x̃ = (x − mean)/s.     (B, D)."""
        require_shapes("Standardized", x=(x, f"B {self.column_mean.value.size}"))
        self._require_measured(len(x))
        return (x - self.column_mean.value.astype(x.dtype)) / self.column_scale.value.astype(x.dtype)

    def seen(self, x: Array) -> Array:
        """x̃, which the encoder sees."""
        return self.standardize(x)

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """How many numbers the likelihood of x̃ needs.

        InputError for events with more or fewer entries than there are columns.
        """
        D, found = n_entries(event_shape), self.column_mean.value.size
        if found != D:
            raise InputError(f"Standardized: there should be a column for each entry, D = {D}; found {found}")
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
        """log p(x|z) = log p̃(x̃|z) − Σ_d o_d log s_d, where o_d is 1 for observed entries and 0 for others.

        Its gradient is that of log p̃.
        """
        log_px, pullback = self.likelihood.log_prob(
            x_params, x=self.standardize(x), observed=observed, draws=draws, mode=mode
        )
        log_scale = np.log(self.column_scale.value.astype(np.float64))
        of_each = np.full(len(x), log_scale.sum()) if observed is None else (observed != 0) @ log_scale
        return log_px - np.repeat(of_each, draws).astype(log_px.dtype), pullback

    def mean(self, x_params: Array) -> Array:
        """E[x|z] = mean + s E[x̃|z]."""
        return self._in_units_of_x(self.likelihood.mean(x_params))

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """x = mean + s x̃ of a draw x̃."""
        return self._in_units_of_x(self.likelihood.sample(x_params, rng))

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is a finite number."""
        require_finite("Standardized", "x", x)

    def _require_measured(self, examples: int) -> None:
        """Raise InputError where a model is asked for numbers of examples while their units are unknown."""
        if examples and not self.measured:
            expected = "the means and deviations of the columns should be known"
            raise InputError(
                f"Standardized: {expected}; found none measured: fit the model first, or give mean and scale"
            )

    def _in_units_of_x(self, standardized: Array) -> Array:
        self._require_measured(len(standardized))
        dtype = standardized.dtype
        return self.column_mean.value.astype(dtype) + self.column_scale.value.astype(dtype) * standardized

    def _take(self, mean: Array, scale: Array, *, examples: int) -> None:
        dtype = self.column_mean.value.dtype
        self.column_mean.value, self.column_scale.value = mean.astype(dtype), scale.astype(dtype)
        self.examples_measured.value = np.full(1, examples, self.examples_measured.value.dtype)


def column_moments(data: Dataset | Batch) -> tuple[Array, Array]:
    """Each column's mean and standard deviation (D,) over its observed entries, in float64 and in two passes.

    The deviation is that of numpy.std, which divides by the number of entries. It is exactly 0 where all are
    equal, and both are 0 where none is observed.
    """
    count, total = np.zeros(1), np.zeros(1)
    for x, known in _pieces(data):
        count, total = count + known.sum(axis=0), total + np.where(known, x, 0).sum(axis=0)
    mean, squares = total / np.maximum(count, 1), np.zeros(1)
    for x, known in _pieces(data):
        with np.errstate(over="ignore"):  # `measure` refuses an infinite deviation
            squares = squares + (np.where(known, x - mean, 0) ** 2).sum(axis=0)
    lowest, highest = column_range(data)
    return mean, np.where(lowest < highest, np.sqrt(squares / np.maximum(count, 1)), 0.0)


def column_range(data: Dataset | Batch) -> tuple[Array, Array]:
    """The lowest and the highest observed entry of each column (D,), or ∞ and −∞ where none is observed."""
    lowest, highest = np.full(1, np.inf), np.full(1, -np.inf)
    for x, known in _pieces(data):
        lowest = np.minimum(lowest, np.where(known, x, np.inf).min(axis=0))
        highest = np.maximum(highest, np.where(known, x, -np.inf).max(axis=0))
    return lowest, highest


def _pieces(data: Dataset | Batch) -> Iterator[tuple[Array, Array]]:
    """The examples in float64, some at a time, and which of their entries were observed."""
    batches = [data.astype(np.float64)] if isinstance(data, Batch) else data.batches(AT_ONCE, np.float64)
    for batch in batches:
        yield batch.x, np.ones(batch.x.shape, bool) if batch.observed is None else batch.observed != 0


def _takes_any_number(likelihood: Likelihood, n_entries: int) -> bool:
    """Whether the likelihood gives a density to numbers that are negative, large and not whole."""
    try:
        likelihood.require_support(np.full((1, n_entries), -1000.5))
    except InputError:
        return False
    return True
