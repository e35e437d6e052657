"""Arrays: their name as a type, the shapes that they must have, and the sum over draws."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchvae.arrays.errors import InputError

Array = npt.NDArray[Any]
Pullback = Callable[..., Any]  # one gradient per part of the value -> one gradient per positional argument
UNIT_WITHIN = 0.01  # rounding moves the norm of a unit vector by less than this


def require_shapes(where: str, **arrays: tuple[Array, str]) -> dict[str, int]:
    """Check that shapes agree with their letters, and return the size that each letter stands for.

    Each keyword is `name=(array, "B D")`. A letter stands for one size throughout the call, a number stands
    for itself, and `...` at the end stands for any further axes.

    >>> require_shapes("linear", x=(np.zeros((4, 3)), "B D"), W=(np.zeros((3, 2)), "D H"))
    {'B': 4, 'D': 3, 'H': 2}
    >>> require_shapes("linear", x=(np.zeros((4, 3)), "B D"), W=(np.zeros((5, 2)), "D H"))
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: linear: W should have shape (D, H) with D = 3 (from x), found (5, 2)
    """
    asked = [
        (name, array.shape, letters, "")
        if isinstance(array, np.ndarray)
        else (name, np.shape(array), letters, f" of type {type(array).__name__}")
        for name, (array, letters) in arrays.items()
    ]
    return dict(_sizes(where, tuple(asked)))


@lru_cache(maxsize=4096)
def _sizes(where: str, asked: tuple[tuple[str, tuple[int, ...], str, str], ...]) -> dict[str, int]:
    """Return what `require_shapes` returns.

    It is cached, because all steps of a training have the same shapes.
    """
    sizes: dict[str, int] = {}
    origin: dict[str, str] = {}
    for name, shape, letters, kind in asked:
        axes = letters.split()
        open_ended = bool(axes) and axes[-1] == "..."
        axes = axes[:-1] if open_ended else axes
        fits = len(shape) >= len(axes) if open_ended else len(shape) == len(axes)
        here: dict[str, int] = {}
        for axis, size in zip(axes, shape, strict=False):
            fits &= size == (int(axis) if axis.isdigit() else sizes.get(axis, here.setdefault(axis, size)))
        if not fits or kind:
            known = ", ".join(f"{a} = {sizes[a]} (from {origin[a]})" for a in axes if a in sizes)
            expected = ", ".join(letters.split()) + ("," if len(letters.split()) == 1 else "")
            raise InputError(
                f"{where}: {name} should have shape ({expected})"
                + (f" with {known}" if known else "")
                + f", found {shape}{kind}"
            )
        for axis, size in zip(axes, shape, strict=False):
            if not axis.isdigit() and axis not in sizes:
                sizes[axis], origin[axis] = size, name
    return sizes


def sum_of_draws(a: Array, draws: int) -> Array:
    """Sum over the draws of each example.     a (B · draws, D)  ->  (B, D).

    The draws of one example are neighbouring rows of `a`. A forward pass repeats a row for each draw, and so
    a pullback sums the gradients of these rows. The sums are products with ones, which BLAS computes fast.
    """
    return a if draws == 1 else np.ones(draws, a.dtype) @ a.reshape(len(a) // draws, draws, a.shape[1])


def require_finite(where: str, name: str, array: Array) -> None:
    """Raise InputError unless every entry is finite.

    The message says how many entries are not finite, and where the first of them is.
    """
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        count = int(finite.size - np.count_nonzero(finite))
        raise InputError(
            f"{where}: {name} should be finite, found {count} other values, the first {array[index]} at {index}"
        )


def require_unit(where: str, name: str, vectors: Array) -> None:
    """Raise InputError unless every row has norm 1, to within 0.01.

    A row of another norm is a vector that nobody has divided by its norm.
    """
    off = np.abs(np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1)) - 1)
    if off.size and not off.max() <= UNIT_WITHIN:
        row = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        found = f"found a row {row} of norm {np.sqrt((vectors[row].astype(np.float64) ** 2).sum()):g}"
        raise InputError(
            f"{where}: {name} should have rows of norm 1, {found}: ops.direction divides rows by theirs"
        )
