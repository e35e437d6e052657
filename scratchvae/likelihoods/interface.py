"""The role p(x|z): what a likelihood makes of a decoder's output."""

from abc import ABC, abstractmethod
from math import prod
from typing import TypeVar

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Mode, Owner

Rows = TypeVar("Rows", Array, Array | None)


class Likelihood(Owner, ABC):
    """p(x|z), its parameters x_params (B, n_params) computed by the decoder.

    B examples, D entries of an event.

    Events and parameters are flat between rooms: x is (B, D), whatever its pictures' shape.

    What is not abstract here is a hook, which most laws leave as it is: whether the law measures something on
    the training data first, what an encoder sees of x, what is averaged over z where E[x|z] can't be, which
    event is sure to lie in the support, and what kind of a statement about x a log-probability is.
    """

    @property
    def given(self) -> str:
        """What the law reads off x itself and takes as given, in words: log p(x|z) is then log p(x|z, that).

        Mostly nothing.
        """
        return ""

    @property
    def measured(self) -> bool:
        """Whether the law knows all that it measures on data; training calls `measure` where it does not."""
        return True

    def measure(self, data: Dataset | Batch) -> None:
        """Measure what the law needs to know of the training data."""

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """What an encoder sees of x (B, F), and which of that was observed (B, F), None where all of it was.

        These are `seen(x)`, unless the law has more or fewer features than entries. What stands where nothing
        was observed is anything: the model puts 0 there.
        """
        return self.seen(x), observed

    def expected(self, x_params: Array) -> Array:
        """What may be averaged over z (B, E): E[x|z], or probabilities where entries are no numbers."""
        return self.mean(x_params)

    def settled(self, expected: Array) -> Array:
        """x (B, D) of such an average (B, E)."""
        return expected

    def inside(self, entries: int) -> Array:
        """An event (D,) in the support, D = `entries`, which stands for any when the law is tried out: zeros
        unless said here.

        Each of its entries also stands where an entry is missing when x is compared with the support.
        """
        return np.zeros(entries)

    def numeric(self, entries: int) -> Array:
        """Which of D = `entries` entries are numbers, whose differences mean something (D,), and no names of
        categories.
        """
        return np.ones(entries, np.bool_)

    def is_probability(self, x: Array) -> bool:
        """Whether p(x|z) is a probability of these x (B, D), and no density, nor one given something that was
        read off x.
        """
        return False

    @abstractmethod
    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """How many numbers the decoder must output for one event."""

    @abstractmethod
    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """log p(x|z) (B·K,) in nats; pullback(dlog_px) -> dx_params, and gradients for the likelihood's own
        Parameters.

        x_params has B·K rows, K = `draws`: those for one x (B, D) stand side by side. Where `observed` (B, D)
        is 0 an entry is missing, and adds exactly nothing to the value and to every gradient, whatever stands
        in x.
        """

    @abstractmethod
    def mean(self, x_params: Array) -> Array:
        """E[x|z] (B, D)."""

    @abstractmethod
    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A draw x (B, D)."""

    def seen(self, x: Array) -> Array:
        """x (B, D) as an encoder should see it, which a likelihood may say: x itself, unless it says
        otherwise.
        """
        return x

    @abstractmethod
    def require_support(self, x: Array) -> None:
        """Raise InputError where x (B, D) holds values that p(x|z) gives no probability to."""


def for_each_draw(x: Rows, draws: int) -> Rows:
    """x (B, D)  ->  (B · draws, D), each row `draws` times; None, as of a mask that is not there, stays None."""
    return x if x is None or draws == 1 else np.repeat(x, draws, axis=0)


def n_entries(event_shape: tuple[int, ...]) -> int:
    """D, the number of entries of an event."""
    return prod(event_shape)


def log_counts(x: Array) -> Array:
    """log(1 + x), with which counts of any size enter an encoder; what noise has made negative is taken for
    0.
    """
    return np.log1p(np.maximum(x, 0))


class OutsideSupport(InputError):
    """An entry of x that a likelihood gives no probability to: which one, and what the `support` of the law
    is in words.
    """

    def __init__(self, law: str, support: str, row: int, entry: int, value: float) -> None:
        super().__init__(f"{law}: x should be {support}; found {value:g} in row {row}, column {entry}")
        self.law, self.support, self.row, self.entry, self.value = law, support, row, entry, value


def require_each(law: str, support: str, x: Array, fine: Array) -> None:
    """Raise OutsideSupport where `fine` (B, D) is False, for the first such entry of x (B, D)."""
    if not fine.all():
        row, entry = (int(i) for i in np.argwhere(~fine)[0])
        raise OutsideSupport(law, support, row, entry, float(x[row, entry]))


def require_counts(where: str, x: Array) -> None:
    """Raise InputError unless every entry is one of 0, 1, 2, …"""
    require_each(where, "counts 0, 1, 2, …", x, (x >= 0) & (x == np.floor(x)) & np.isfinite(x))


def require_unit_interval(where: str, x: Array) -> None:
    """Raise InputError unless every entry lies in [0, 1]."""
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        require_each(where, "numbers in [0, 1]", x, (x >= 0) & (x <= 1))
