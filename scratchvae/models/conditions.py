"""The condition y that a conditional model is told with each example, and its numbers for the networks.

Letters: N examples, K classes, C numbers for each example.
"""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from scratchvae.arrays import Array, InputError, require_count, require_finite
from scratchvae.data import known

HIDDEN = "ConditionalVAE(classifier=64) learns from examples without a class too"


class Condition(ABC):
    """A kind of y.

    `width` C is how many numbers stand for the y of one example, and `words` say what y should be.
    """

    width: int
    words: str

    @abstractmethod
    def read(self, where: str, y: npt.ArrayLike, n: int, *, hidden: bool = False) -> Array:
        """Check y, one for all of n examples or one for each  ->  one for each, as a Batch holds them.

        With `hidden`, the class of an example may be −1, which says that nobody knows it. InputError, which
        begins with `where`, for another number of them and for what `words` do not describe.
        """

    @abstractmethod
    def numbers(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Return the numbers (N, C) that stand for y, as `read` returns it."""


class Classes(Condition):
    """y is one of K classes, a whole number from 0 to K − 1, which becomes a one-hot vector.

    The vector is 1 at y, and 0 elsewhere. A Linear layer then adds one row of its weight for each class,
    which is an embedding of the class. `shares` (K,) are p(y), how often each class occurs, and all of them
    are above 0. If they are None, all classes are equally frequent.
    """

    shares: Array | None = None

    def __init__(self, count: int, shares: npt.ArrayLike | None = None) -> None:
        require_count("Classes", "count", count)
        self.width = count
        if shares is not None:
            found = np.asarray(shares, np.float64)
            if found.shape != (count,) or not (found > 0).all() or abs(found.sum() - 1) > 1e-6:
                expected = (
                    f"shares should be {count} numbers above 0 that sum to 1, how often each class occurs"
                )
                raise InputError(f"Classes: {expected}; found {found.tolist()!s:.80}")
            self.shares = found
        self.words = f"a class of each example, a whole number from 0 to {count - 1}"

    @property
    def log_shares(self) -> Array:
        """log p(y) of each class (K,)."""
        return np.full(self.width, -np.log(self.width)) if self.shares is None else np.log(self.shares)

    def read(self, where: str, y: npt.ArrayLike, n: int, *, hidden: bool = False) -> Array:
        """y as a whole number, or as n of them  ->  (n,) integers."""
        y = _array(where, y, self.words)
        if y.dtype.kind not in "iu":
            remedy = "np.unique(y, return_inverse=True) numbers labels of any kind"
            raise InputError(f"{where}: y should be {self.words}; found {_kind(y)}. {remedy}")
        if y.shape not in ((), (n,)):
            expected = f"({n},) of them, or one for all"
            raise InputError(f"{where}: y should be {self.words}: {expected}; found shape {y.shape}")
        least = -1 if hidden else 0
        if y.size and not (y.min() >= least and y.max() < self.width):
            found = y[(y < least) | (y >= self.width)][0] if y.ndim else y
            helps = f": {HIDDEN}" if found == -1 else ""
            raise InputError(f"{where}: y should be {self.words}; found {found}{helps}")
        return np.broadcast_to(y, (n,)).astype(np.intp)

    def numbers(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """c_nk = 1 where y_n = k, else 0  ->  (N, K)."""
        one_hot = np.zeros((len(y), self.width), dtype)
        one_hot[np.arange(len(y)), y] = 1
        return one_hot


class Reals(Condition):
    """y is C real numbers for each example, which networks get as they are.

    Networks learn best from numbers with a mean near 0 and a standard deviation near 1.
    """

    def __init__(self, width: int) -> None:
        require_count("Reals", "width", width)
        self.width = width
        self.words = f"{width} finite number{'s' if width > 1 else ''} for each example"

    def read(self, where: str, y: npt.ArrayLike, n: int, *, hidden: bool = False) -> Array:
        """y as (C,) for all examples, or (n, C); where C = 1 also as a number, or (n,)  ->  (n, C) floats."""
        y = _array(where, y, self.words)
        if y.dtype.kind not in "iuf":
            raise InputError(f"{where}: y should be {self.words}; found {_kind(y)}")
        y = y if y.dtype.kind == "f" else y.astype(np.float64)
        rows = y[..., None] if self.width == 1 and y.ndim < 2 else y
        if rows.shape not in ((self.width,), (n, self.width)):
            expected = f"({n}, {self.width}) of them, or ({self.width},) for all"
            raise InputError(f"{where}: y should be {self.words}: {expected}; found shape {y.shape}")
        require_finite(where, "y", y)
        return np.broadcast_to(rows, (n, self.width)).copy()

    def numbers(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """c = y, in another dtype  ->  (N, C)."""
        return y.astype(dtype)


def require_untold(where: str, y: npt.ArrayLike | None) -> None:
    """Raise InputError for a y in a call that decodes or draws, where the model is told no y.

    The decoder has no place for such a y.
    """
    if y is not None:
        raise InputError(
            f"{where}: y should be None, since the model is not told it; a ConditionalVAE is. Found {y!r:.80}"
        )


def _kind(y: Array) -> str:
    """In words, what an array holds."""
    kinds = {"U": "strings", "S": "strings", "b": "bools", "O": "objects", "f": "floating numbers"}
    return kinds.get(y.dtype.kind, str(y.dtype))


def _array(where: str, y: npt.ArrayLike, words: str) -> Array:
    """y as an array.

    InputError where its rows differ in length, and where a masked array hides some of it.
    """
    try:
        return known(where, "y", y)
    except InputError as error:
        raise InputError(f"{error}; y should be {words}") from None
