"""The grammar of a choice: the name of a builder, and values for its parameters.

    choice  =  name  |  name(value, …, parameter=value, …)
    value   =  a number  |  'text'  |  True  |  False  |  None  |  (value, …)  |  [value, …]  |  choice

A hyphen within a name counts as an underscore. Python's own parser reads the text, and nothing in it is
executed.
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scratchvae.arrays import InputError

LONGEST, DEEPEST = 2000, 8  # characters of a text, and the depth of choices and tuples within each other
BEYOND = 2**63  # whole numbers are below it, as arrays can't count any further
SHOWN = 80  # characters of a text that a message repeats
MOST_VALUES = 10_000  # the most values of a range

QUOTED = "a text, such as a path, stands in quotes, as in 'a.csv'"
RANGE = re.compile(r"(?<![\w.'\"])(-?[0-9]{1,18})\.\.(-?[0-9]{1,18})(?![\w.'\"])")


@dataclass(frozen=True)
class Choice:
    """A name, and values for parameters: `keywords` by name, `positions` in order.

    `str` writes the text from which `parse` reads it again.
    """

    name: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    positions: tuple[Any, ...] = ()

    def __str__(self) -> str:
        named = (f"{name}={written(value)}" for name, value in self.keywords.items())
        values = ", ".join([*map(written, self.positions), *named])
        return f"{self.name}({values})" if values else self.name


def parse(text: str, where: str = "choice") -> Choice:
    """Read a choice. InputError, a sentence that begins with `where`, for any other text.

    >>> parse("elbo(beta=ramp(0, 4, 1000), free_bits=0.1)").keywords["beta"]
    Choice(name='ramp', keywords={}, positions=(0, 4, 1000))
    """
    complaint = partial(_unreadable, where, "name(parameter=value, …)", text)
    found = _read(text, where, complaint)
    if not isinstance(found, Choice):
        raise complaint("it does not begin with a name")
    return found


def parse_value(text: str, where: str = "value") -> Any:
    """Read any value of the grammar, a list as a tuple.

    InputError, a sentence that begins with `where`, for any other text.
    """
    return _read(
        text, where, partial(_unreadable, where, "a number, a name, or name(parameter=value, …)", text)
    )


def parse_values(text: str, where: str = "values") -> tuple[Any, ...]:
    """Read values with commas between them, where `0..4` are the whole numbers from 0 to 4.

    >>> parse_values("1, 2.5, vamp(components=10), 7..9")
    (1, 2.5, Choice(name='vamp', keywords={'components': 10}, positions=()), 7, 8, 9)

    InputError for any other text.
    """
    complaint = partial(_unreadable, where, "values with commas between them, or a range such as 0..4", text)
    if len(text) > LONGEST:
        raise InputError(f"{where} should be a text of at most {LONGEST} characters, found {len(text)}")
    spelled = RANGE.sub(lambda found: _counted(int(found[1]), int(found[2]), complaint), text)
    if not spelled.strip():
        raise complaint("there is no value")
    return _read(f"[{spelled}]", where, complaint, longest=MOST_VALUES * 20)


def _counted(first: int, last: int, complaint: Callable[[str], InputError]) -> str:
    if not 0 <= last - first < MOST_VALUES:
        reason = "goes down" if last < first else f"has more than {MOST_VALUES:,} values"
        raise complaint(f"{first}..{last} {reason}")
    return ", ".join(map(str, range(first, last + 1)))


def _read(text: str, where: str, complaint: Callable[[str], InputError], longest: int = LONGEST) -> Any:
    if len(text) > longest:
        raise InputError(f"{where} should be a text of at most {longest} characters, found {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of what it finds odd in a program
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        matching = all(text.count(opened) == text.count(closed) for opened, closed in ("()", "[]"))
        raise complaint(_reason(text) if matching else "its parentheses do not match") from None
    return _value(tree, complaint, DEEPEST)


def _reason(text: str) -> str:
    """Why Python's parser can't read a text whose parentheses match."""
    if ".." in text:
        return "a range is two whole numbers in digits with two points between them"
    return (
        QUOTED if re.search(r"[A-Za-z]", text) and not re.search("[('\"]", text) else "it is not of that form"
    )


def _value(node: ast.expr, complaint: Callable[[str], InputError], depth: int) -> Any:
    if depth == 0:
        raise complaint(f"it is nested more than {DEEPEST} deep")
    match node:
        case ast.Constant(value=bool() | str() | None):
            return node.value
        case ast.Constant(value=int() | float() as number):
            pass
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=(int() | float()) as size)) if (
            type(size) is not bool
        ):
            number = -size
        case ast.Tuple(elts=inner) | ast.List(elts=inner):
            return tuple(_value(one, complaint, depth - 1) for one in inner)
        case ast.Name() | ast.BinOp(op=ast.Sub()) if name := _name(node):
            return Choice(name)
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Call(func=ast.Name() as last) as call):
            call.func = ast.BinOp(left, ast.Sub(), last)  # Python reads a-b(…) as a less b(…)
            return _value(call, complaint, depth)
        case ast.Call(func=func, args=args, keywords=keywords) if name := _name(func):
            values: dict[str, Any] = {}
            for keyword in keywords:
                if keyword.arg is None or keyword.arg in values:
                    raise complaint(f"{keyword.arg} is given twice" if keyword.arg else "** is no value")
                values[keyword.arg] = _value(keyword.value, complaint, depth - 1)
            return Choice(name, values, tuple(_value(one, complaint, depth - 1) for one in args))
        case _:
            raise complaint(
                f"{QUOTED}; values are also numbers, True, False, None, tuples and choices, and nothing is computed"
            )
    if isinstance(number, int) and abs(number) >= BEYOND:
        raise complaint("whole numbers should be below 2^63")
    return number


def _name(node: ast.expr) -> str:
    """A name, in which hyphens count as underscores. For anything else it is ""."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.BinOp(left=left, op=ast.Sub(), right=ast.Name(id=last)) if first := _name(left):
            return f"{first}_{last}"
    return ""


def _unreadable(where: str, expected: str, text: str, reason: str) -> InputError:
    return InputError(f"{where} should be {expected}, found {shortened(text)}: {reason}")


def written(value: Any) -> str:
    """The text from which `parse_value` reads the value again."""
    if isinstance(value, Choice):
        return str(value)
    if isinstance(value, tuple | list):
        return f"({', '.join(map(written, value))}{',' if len(value) == 1 else ''})"
    return repr(value).replace("inf", "1e999") if isinstance(value, float) else repr(value)


def shortened(value: Any) -> str:
    """That text, cut off where it is too long for a message."""
    whole = written(value)
    return whole if len(whole) <= SHOWN else f"{whole[:SHOWN]}…"
