"""The role p(x|z): the law of data whose parameters a decoder computes."""

from abc import ABC, abstractmethod
from math import prod
from typing import TypeVar

import numpy as np

from scratchvae.arrays import Array, InputError, Pullback
from scratchvae.data import Batch, Dataset
from scratchvae.layers import EVALUATION, Mode, Owner

Rows = TypeVar("Rows", Array, Array | None)


class Likelihood(Owner, ABC):
    """p(x|z), whose parameters x_params (B, n_params) the decoder computes.

    B examples, D entries of an event. Events and parameters are flat between rooms: x is (B, D), whatever the
    shape of its pictures is.

    The methods that are not abstract are hooks, which most laws leave as they are. They say whether the law
    measures something on the training data first, what an encoder sees of x, what is averaged over z where
    E[x|z] can't be, which event is sure to lie in the support, and what kind of a statement about x a
    log-probability is.
    """

    @property
    def given(self) -> str:
        """In words, the part of x that the law takes as given. log p(x|z) is then log p(x|z, that part).

        For most laws it is empty.
        """
        return ""

    @property
    def measured(self) -> bool:
        """Whether the law knows all that it measures on data. Training calls `measure` where it does not."""
        return True

    def measure(self, data: Dataset | Batch) -> None:
        """Measure what the law needs to know of the training data."""

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """The array that an encoder sees of x (B, F), and which of its entries were observed (B, F).

        The second is None where all of them were. The features are `seen(x)`, unless the law has more or
        fewer features than entries. They may be any number where nothing was observed, since the model puts 0
        there.
        """
        return self.seen(x), observed

    def expected(self, x_params: Array) -> Array:
        """Numbers that may be averaged over z (B, E): E[x|z], or the probabilities of categories."""
        return self.mean(x_params)

    def settled(self, expected: Array) -> Array:
        """x (B, D) of such an average (B, E)."""
        return expected

    def inside(self, entries: int) -> Array:
        """An event (D,) in the support, D = `entries`, with which the law can be tried out.

        By default it is zeros. When x is compared with the support, each of its entries also takes the place
        of missing ones.
        """
        return np.zeros(entries)

    def numeric(self, entries: int) -> Array:
        """Whether each of D = `entries` entries is a number, whose differences mean something (D,).

        The entries of other laws are names of categories.
        """
        return np.ones(entries, np.bool_)

    def is_probability(self, x: Array) -> bool:
        """Whether p(x|z) is a probability of these x (B, D).

        It is none where it is a density, or where the law takes a part of x as given.
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
        """log p(x|z) (B·K,) in nats.

        x_params has B·K rows, K = `draws`, and the draws for one x (B, D) are neighbouring rows. An entry is
        missing where `observed` (B, D) is 0, and adds exactly nothing to the value and to every gradient,
        whatever x holds there. pullback(dlog_px) returns dx_params, and fills the likelihood's own
        Parameters.
        """

    @abstractmethod
    def mean(self, x_params: Array) -> Array:
        """E[x|z] (B, D)."""

    @abstractmethod
    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """Draw x ~ p(x|z)  ->  (B, D)."""

    def seen(self, x: Array) -> Array:
        """x (B, D) as an encoder should see it. By default this is x itself."""
        return x

    @abstractmethod
    def require_support(self, x: Array) -> None:
        """Raise InputError where x (B, D) holds values that p(x|z) gives no probability to."""


def for_each_draw(x: Rows, draws: int) -> Rows:
    """x (B, D)  ->  (B · draws, D), with each row `draws` times. None, for no mask, stays None."""
    return x if x is None or draws == 1 else np.repeat(x, draws, axis=0)


def n_entries(event_shape: tuple[int, ...]) -> int:
    """D, the number of entries of an event."""
    return prod(event_shape)


def log_counts(x: Array) -> Array:
    """log(1 + x), by which counts of any size enter an encoder.

    A number that noise has made negative counts as 0.
    """
    return np.log1p(np.maximum(x, 0))


class OutsideSupport(InputError):
    """An entry of x that a likelihood gives no probability to.

    It says which entry that is, and in words what the `support` of the law is.
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
