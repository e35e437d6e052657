"""Numbers, counts, seeds and flags: what each has to be, and the error that says so."""

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from scratchvae.arrays.errors import InputError

MOST = 2**63 - 1  # the largest count or number of an entry that an array can have
LONGEST_SHOWN = 80  # characters: a message repeats no more of what was found


def is_number(value: Any) -> bool:
    """Whether `value` is a real number that a float can hold.

    A bool, NaN, an infinity and an array are no such numbers.
    """
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
    """Raise InputError unless `value` is a finite number between `above` and `below`.

    The message says what was `expected`.

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


def require_bounds(where: str, low: Any, high: Any) -> None:
    """Raise InputError unless both bounds are finite numbers, the first below the second."""
    if not (is_number(low) and is_number(high) and low < high):
        found = f"found {_shown(low)} and {_shown(high)}"
        raise InputError(f"{where}: the bounds should be two finite numbers, the lower one first; {found}")


def require_count(where: str, name: str, count: Any, low: int = 1) -> None:
    """Raise InputError unless `count` is a whole number and at least `low`.

    An int and NumPy's integers are whole numbers; a bool is none.

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
    """Raise InputError unless `seed` is a whole number and at least 0, as NumPy's generators ask.

    >>> require_seed("mlp", "seed", -1)
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: mlp: seed should be a whole number, at least 0; found -1
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"{where}: {name} should be a whole number, at least 0; found {_shown(seed):.80}")


def generator_from(where: str, name: str, rng: Any) -> np.random.Generator:
    """Return the generator that `rng` is, or that has the seed `rng`.

    Where `rng` is None, the generator is a fresh one. InputError for anything else.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is not None and (not isinstance(rng, int | np.integer) or isinstance(rng, bool) or rng < 0):
        expected = "a numpy.random.Generator, or a seed, which is a whole number of at least 0"
        raise InputError(f"{where}: {name} should be {expected}; found {_shown(rng):.80}")
    return np.random.default_rng(rng)


def sizes_of(where: str, name: str, given: Any, *, least: int = 0) -> tuple[int, ...]:
    """Return `given` as a tuple of whole numbers; a single number becomes a tuple of one.

    There must be at least `least` numbers, and each must be at least 1.

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
    """Raise InputError unless `flag` is True or False, of Python's type or NumPy's.

    A text such as "no" is refused, because Python would count it as true.

    >>> require_flag("Training", "drop_last", "no")
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: Training: drop_last should be True or False, found 'no'
    """
    if not isinstance(flag, bool | np.bool_):
        raise InputError(f"{where}: {name} should be True or False, found {_shown(flag)}")


def _shown(value: Any) -> str:
    """How a message shows a value: a number as `str` writes it, and anything else as `repr` does."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _shortened(str(value)) if is_number(value) else "a whole number that no float can hold"
    try:
        return _shortened(
            " ".join((str(value) if isinstance(value, float | np.number) else repr(value)).split())
        )
    except (ValueError, RecursionError):
        # Python writes no whole number of more than 4,300 digits, and no list that is nested too deeply

        return f"a {type(value).__name__}"


def _shortened(text: str) -> str:
    """A text, cut off where it is long."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
