"""A schema says what plain objects from a file should be, and `check` compares them with it.

An entry that is something else raises an error of one sentence.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchvae.arrays import InputError

# numbers for which JSON has no words, as strings
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`. A bool is none."""

    low: int = 0
    high: int = (1 << 63) - 1


@dataclass(frozen=True)
class Number:
    """A number of at least `low`.

    If it need not be `finite`, it may also be one of the strings of NOT_FINITE.
    """

    low: float = -math.inf
    finite: bool = True


@dataclass(frozen=True)
class Flag:
    """Either true or false."""


@dataclass(frozen=True)
class Text:
    """A string."""


@dataclass(frozen=True)
class Listing:
    """A list in which every entry is of one kind."""

    of: "Kind"


@dataclass(frozen=True)
class Table:
    """An object with any names, in which every value is of one kind."""

    of: "Kind"


@dataclass(frozen=True)
class Record:
    """An object with exactly the names of `entries`, and possibly some of `optional`."""

    entries: Mapping[str, "Kind"]
    optional: Mapping[str, "Kind"] = field(default_factory=dict)


@dataclass(frozen=True)
class Anything:
    """Any value that JSON can express."""


Kind = Whole | Number | Flag | Text | Listing | Table | Record | Anything


def check(value: Any, kind: Kind, where: str, name: str = "") -> Any:
    """Return the value if it is of its kind, and raise InputError otherwise.

    The strings of NOT_FINITE are returned as the numbers that they stand for, and everything else unchanged.

    >>> check({"step": 3}, Record({"step": Whole(0)}), "checkpoint")
    {'step': 3}
    >>> check({"step": -1}, Record({"step": Whole(0, 9)}), "checkpoint")
    Traceback (most recent call last):
    ...
    scratchvae.arrays.InputError: checkpoint: step should be a whole number from 0 to 9, found -1
    """
    below = f"{name}." if name else ""
    match kind:
        case Anything():
            return value
        case Whole(low, high) if (
            isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        ):
            return value
        case Number(finite=False) if isinstance(value, str) and value in NOT_FINITE:
            return NOT_FINITE[value]
        case Number(low) if (
            isinstance(value, int | float) and not isinstance(value, bool) and low <= value < math.inf
        ):
            return value
        case Flag() if isinstance(value, bool):
            return value
        case Text() if isinstance(value, str):
            return value
        case Listing(of) if isinstance(value, list):
            return [check(entry, of, where, f"{name}[{i}]") for i, entry in enumerate(value)]
        case Table(of) if isinstance(value, dict):
            return {key: check(entry, of, where, below + key) for key, entry in value.items()}
        case Record(entries, optional) if isinstance(value, dict):
            if missing := [key for key in entries if key not in value]:
                raise InputError(
                    f"{where}: {below}{missing[0]} should be {_words(entries[missing[0]])}, found nothing"
                )
            if surplus := [key for key in value if key not in entries and key not in optional]:
                known = ", ".join([*entries, *optional])
                owner = name or "the object"
                raise InputError(
                    f"{where}: {owner} should have the entries {known}; found {shown(surplus[0])}"
                )
            kinds = {**entries, **optional}
            return {key: check(entry, kinds[key], where, below + key) for key, entry in value.items()}
    raise InputError(f"{where}: {name or 'the text'} should be {_words(kind)}, found {shown(value)}")


def _words(kind: Kind) -> str:
    match kind:
        case Whole(low, high):
            return f"a whole number from {low} to {high}"
        case Number(low, finite):
            least = f" of at least {low:g}" if low > -math.inf else ""
            return (
                f"a finite number{least}"
                if finite
                else f"a number{least}, or one of {', '.join(map(repr, NOT_FINITE))}"
            )
        case Flag():
            return "true or false"
        case Text():
            return "a string"
        case Listing():
            return "a list"
    return "an object"


def shown(value: Any) -> str:
    """Return a value in few words, for a message."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"
    return shortened(
        "null" if value is None else repr(value).lower() if isinstance(value, bool) else repr(value)
    )


def shortened(text: str) -> str:
    """Return a short text unchanged, and a long one as its beginning with its length."""
    return text if len(text) <= 40 else f"{text[:30]}… of {len(text):,} characters"
