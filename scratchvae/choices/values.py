"""The types of values: a value must be of the type that a signature asks for, or a choice that builds one."""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from scratchvae.arrays import InputError
from scratchvae.choices.grammar import BEYOND, Choice, shortened

WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a name", NoneType: "None"}
Kinds = Mapping[Any, Any]  # the table that a value of some type is chosen from


def fitted(where: str, name: str, value: Any, hint: Any, kinds: Kinds | None = None) -> Any:
    """The value, if it is of the type `hint`, with the choices in it settled by their tables.

    InputError for a value of another type.
    """
    try:
        return replaced(
            value, hint, kinds or {}, lambda table, choice: table.settle(choice) if table else choice
        )
    except TypeError:
        limit = " below 2^63" if type(value) is int and abs(value) >= BEYOND else ""
        expected = _in_words(hint, kinds or {}) + limit
        raise InputError(f"{where}: {name} should be {expected}, found {shortened(value)}") from None


def replaced(value: Any, hint: Any, kinds: Kinds, on_choice: Callable[[Any, Choice], Any]) -> Any:
    """The value with each choice in it replaced by on_choice(its table or None, choice).

    A whole number is a number too, but True and False are none. One value stands for a sequence of one, and a
    choice without a table of its own stands for its text. TypeError if the value is not a `hint`.
    """
    origin, parts = get_origin(hint), get_args(hint)
    if hint in kinds and isinstance(value, Choice) and value.name in kinds[hint]:
        return on_choice(kinds[hint], value)
    if origin in (Union, UnionType):
        for part in parts:
            try:
                return replaced(value, part, kinds, on_choice)
            except TypeError:
                continue
        raise TypeError
    if origin in (tuple, Sequence):
        several = value if isinstance(value, tuple | list) else (value,)
        hints = parts if origin is tuple and parts[-1] is not ... else parts[:1] * len(several)
        if len(hints) != len(several):
            raise TypeError
        return tuple(replaced(one, part, kinds, on_choice) for one, part in zip(several, hints, strict=True))
    if origin is Literal and str(value) in parts:
        return on_choice(None, value) if isinstance(value, Choice) else value
    if hint is str and isinstance(value, Choice):
        return on_choice(None, value)
    accepted = (int, float) if hint is float else hint if isinstance(hint, type) else ()
    too_large = isinstance(value, int) and abs(value) >= BEYOND
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool) or too_large:
        raise TypeError
    return value


def _in_words(hint: Any, kinds: Kinds) -> str:
    if hint in kinds:
        return f"a {kinds[hint].kind} ({' or '.join(kinds[hint])})"
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        # one value of it stands for a tuple of one

        several = [get_args(part)[0] for part in parts if get_origin(part) is Sequence]
        named = (
            part
            for part in parts
            if (part in WORDS or part in kinds or get_args(part)) and part not in several
        )
        return " or ".join(_in_words(part, kinds) for part in named)
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin in (tuple, Sequence):
        count = f"{len(parts)} values" if origin is tuple and parts[-1] is not ... else "values"
        return f"{count} in parentheses, each {_in_words(parts[0], kinds)}"
    return WORDS.get(hint, str(hint))
