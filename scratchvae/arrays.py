"""Names for arrays, the sum over draws, and the one place that words a complaint about arrays and numbers."""

import math
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import lru_cache
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pullback = Callable[..., Any]  # one gradient per part of the value -> one gradient per positional argument
MOST = 2**63 - 1  # of anything that can be counted or numbered in an array
LONGEST_SHOWN = 80  # characters of what was found, as a message repeats it
UNIT_WITHIN = 0.01  # what is farther from 1 is no norm of a unit vector that was rounded
LONGEST_NAME = 100  # characters: what is longer is no misspelt name, and comparing it would take long


class InputError(ValueError):
    """What the caller handed over can't be used: the message says what was expected, what was found, and
    where.
    """


class Overflowed(InputError):
    """An array has outgrown its dtype, and what would come of it is no number: in training, a run that
    diverges.
    """


def require_shapes(where: str, **arrays: tuple[Array, str]) -> dict[str, int]:
    """Check that shapes agree with their letters, and return the size of each letter.

    Each keyword is `name=(array, "B D")`: a letter stands for one size throughout the call, a number for
    itself, and a final `...` for any further axes.

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
    """What require_shapes returns, found once for all steps of a training that have the same shapes."""
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
    """(B · draws, D), where the draws of one example stand side by side  ->  their sums (B, D).

    It is how a gradient comes back to what was repeated for each draw. The sums are products with ones, which
    are fast.
    """
    return a if draws == 1 else np.ones(draws, a.dtype) @ a.reshape(len(a) // draws, draws, a.shape[1])


def require_finite(where: str, name: str, array: Array) -> None:
    """Raise InputError unless every entry is finite; the message counts the others and says where the first
    one is.
    """
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        count = int(finite.size - np.count_nonzero(finite))
        raise InputError(
            f"{where}: {name} should be finite, found {count} other values, the first {array[index]} at {index}"
        )


def require_unit(where: str, name: str, vectors: Array) -> None:
    """Raise InputError unless every row has norm 1, up to 0.01: a vector that somebody forgot to divide by
    its norm.
    """
    off = np.abs(np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1)) - 1)
    if off.size and not off.max() <= UNIT_WITHIN:
        row = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        found = f"found a row {row} of norm {np.sqrt((vectors[row].astype(np.float64) ** 2).sum()):g}"
        raise InputError(
            f"{where}: {name} should have rows of norm 1, {found}: ops.direction divides rows by theirs"
        )


def is_number(value: Any) -> bool:
    """Whether `value` is a real number that a float can hold: a bool, NaN, an infinity and an array are none."""
    real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    try:
        return real and math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def require_number(
    where: str,
    name: str,
    value: Any,
    expected: str = "a finite number",
    *,
    above: float = -math.inf,
    below: float = math.inf,
) -> None:
    """Raise InputError, which says what was `expected`, unless `value` is a finite number between the two
    others.

    >>> require_number("Renyi", "alpha", "a")
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: Renyi: alpha should be a finite number, found 'a'
    """
    if not (is_number(value) and above < value < below):
        raise InputError(f"{where}: {name} should be {expected}, found {_shown(value)}")


def require_at_least(where: str, name: str, value: Any, low: float) -> None:
    """Raise InputError unless `value` is a finite number, at least `low`."""
    if not (is_number(value) and value >= low):
        raise InputError(f"{where}: {name} should be at least {low:g}, found {_shown(value)}")


def require_positive(where: str, name: str, value: Any) -> None:
    """Raise InputError unless `value` is a finite number above 0."""
    if not (is_number(value) and value > 0):
        raise InputError(f"{where}: {name} should be positive, found {_shown(value)}")


def require_share(where: str, name: str, value: Any) -> None:
    """Raise InputError unless `value` is a number in [0, 1)."""
    if not (is_number(value) and 0 <= value < 1):
        raise InputError(f"{where}: {name} should be at least 0 and below 1, found {_shown(value)}")


def require_count(where: str, name: str, count: Any, low: int = 1) -> None:
    """Raise InputError unless `count` is a whole number, an int or one of NumPy's integers, and at least
    `low`.

    >>> require_count("Iwae", "samples", 2.5)
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: Iwae: samples should be a whole number, at least 1; found 2.5
    """
    if not isinstance(count, int | np.integer) or isinstance(count, bool) or not is_number(count):
        raise InputError(f"{where}: {name} should be a whole number, at least {low}; found {_shown(count)}")
    if count < low:
        raise InputError(f"{where}: {name} should be at least {low}, found {_shown(count)}")
    if count > MOST:
        raise InputError(
            f"{where}: {name} should be {MOST} at most; found {_shown(count)}, which no array has room for"
        )


def require_seed(where: str, name: str, seed: Any) -> None:
    """Raise InputError unless `seed` is a whole number from 0, of which NumPy makes a stream of random
    numbers.

    >>> require_seed("mlp", "seed", -1)
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: mlp: seed should be a whole number, at least 0; found -1
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"{where}: {name} should be a whole number, at least 0; found {_shown(seed):.80}")


def generator_from(where: str, name: str, rng: Any) -> np.random.Generator:
    """The generator that `rng` is, or that it is the seed of; None draws a fresh one.

    InputError for anything else.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None and (not isinstance(rng, int | np.integer) or isinstance(rng, bool) or rng < 0):
        expected = "a numpy.random.Generator, or a seed, which is a whole number of at least 0"
        raise InputError(f"{where}: {name} should be {expected}; found {_shown(rng):.80}")
    return np.random.default_rng(rng)


def sizes_of(where: str, name: str, given: Any, *, least: int = 0) -> tuple[int, ...]:
    """One whole number, which stands for a tuple of one, or at least so many, each at least 1  ->  a tuple of them.

    >>> sizes_of("mlp", "hidden", 400), sizes_of("mlp", "hidden", [400, 300])
    ((400,), (400, 300))
    """
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        given = (given,)
    if isinstance(given, str | bytes | dict | set) or not isinstance(given, Iterable):
        expected = "should be a whole number, or whole numbers in parentheses, such as (8,)"
        raise InputError(f"{where}: {name} {expected}; found {_shown(given):.80}")
    sizes = tuple(given)
    if len(sizes) < least:
        raise InputError(f"{where}: {name} should be one whole number or more; found none")
    for size in sizes:
        require_count(where, name, size)
    return tuple(int(size) for size in sizes)


def require_flag(where: str, name: str, flag: Any) -> None:
    """Raise InputError unless `flag` is True or False, Python's or NumPy's: a text such as "no" would count
    as true.

    >>> require_flag("Training", "drop_last", "no")
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: Training: drop_last should be True or False, found 'no'
    """
    if not isinstance(flag, bool | np.bool_):
        raise InputError(f"{where}: {name} should be True or False, found {_shown(flag)}")


def require_bounds(where: str, low: Any, high: Any) -> None:
    """Raise InputError unless both bounds are finite numbers, the first below the second."""
    if not (is_number(low) and is_number(high) and low < high):
        found = f"found {_shown(low)} and {_shown(high)}"
        raise InputError(f"{where}: the bounds should be two finite numbers, the lower one first; {found}")


def _shown(value: Any) -> str:
    """A number as it is written, anything else as Python would show it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _shortened(str(value)) if is_number(value) else "a whole number that no float can hold"
    try:
        return _shortened(
            " ".join((str(value) if isinstance(value, float | np.number) else repr(value)).split())
        )
    except (ValueError, RecursionError):
        # of Python's, which writes no whole number of more than 4,300 digits
        return f"a {type(value).__name__}"


def _shortened(text: str) -> str:
    """A text, or its beginning where it is long."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def require_choice(where: str, name: str, choice: str, known: Any) -> None:
    """Raise InputError unless `choice` is one of the `known` names."""
    if not isinstance(choice, str) or choice not in known:
        found = f"found {choice!r:.80}{nearest(choice, known)}"
        raise InputError(f"{where}: {name} should be one of {', '.join(sorted(known))}; {found}")


def nearest(name: Any, known: Iterable[str]) -> str:
    """What an error adds to a name that was perhaps misspelt: a question, or nothing where no known name is
    near.

    >>> nearest("bernouli", ["bernoulli", "gaussian"])
    ' (did you mean bernoulli?)'
    """
    near = (
        get_close_matches(name, list(known), n=1)
        if isinstance(name, str) and len(name) <= LONGEST_NAME
        else []
    )
    return f" (did you mean {near[0]}?)" if near else ""
