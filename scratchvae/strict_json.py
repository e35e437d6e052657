"""JSON is read as strictly as data: bounded in size and in depth, with finite numbers.

This library writes JSON beside data, but anybody may have changed it. `parse` turns a text into plain
objects, and `schema.check` compares those with what they should be. Both raise InputError with one sentence
that names the file and the fault in it.

JSON has no words for infinities and NaN. `dump` writes them as the strings "Infinity", "-Infinity" and "NaN",
as Protocol Buffers do, and `schema.Number(finite=False)` takes them back.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scratchvae.arrays import InputError
from scratchvae.files import read_whole
from scratchvae.schema import shortened

MOST_BYTES = 64 << 20  # the largest text, enough for the metrics of some 100,000 epochs
DEEPEST = 32  # so many lists and objects may stand within each other
MOST_DIGITS = 19  # 2⁶³ has so many digits


def read(path: Path) -> Any:
    """Return the JSON in a file, as `parse` reads it.

    InputError is also raised if the file cannot be read or is too long.
    """
    return parse(read_whole(path, most_bytes=MOST_BYTES), str(path))


def parse(text: str | bytes, where: str) -> Any:
    """Return the plain objects that a JSON text describes.

    Anything doubtful raises InputError, which names `where` and the entry: a text of more than MOST_BYTES or
    not in UTF-8, lists and objects nested deeper than DEEPEST, a name that comes twice in an object, whole
    numbers beyond ±2⁶³, numbers that are not finite, and strings that hold half of a surrogate pair.
    """
    if len(text) > MOST_BYTES:
        raise InputError(f"{where} should be JSON of at most {MOST_BYTES:,} bytes, found {len(text):,}")
    try:
        text = text.decode() if isinstance(text, bytes) else text
        found = json.loads(
            text, object_pairs_hook=_object, parse_int=_whole, parse_float=_finite, parse_constant=_finite
        )
    except RecursionError:
        raise InputError(f"{where} should be JSON nested at most {DEEPEST} deep, found more") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} should be text in UTF-8, found other bytes at byte {error.start}"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(f"{where} should be JSON, found an error in it: {error}") from None
    _require_shallow(found, where)
    for name, entry in _entries(found, ""):
        if isinstance(entry, _Doubt):
            raise InputError(f"{where}{': ' if name else ''}{shortened(name)} should be {entry.words}")
    return found


def dump(value: Any, *, indent: int | None = None) -> str:
    """Return the text that `parse` reads.

    Numbers that are not finite become the strings of schema.NOT_FINITE.
    """
    return json.dumps(_writable(value), indent=indent, allow_nan=False)


def dump_finite(where: str, content: Any, *, indent: int | None = None) -> str:
    """Return `content` as JSON that every reader takes.

    NaN and infinities raise InputError with the entry's name, because the JSON of RFC 8259 has no words for
    them (section 6). Python's reader takes words of its own for them, at which other readers stop.
    """
    for name, entry in _entries(content, ""):
        if isinstance(entry, float) and not math.isfinite(entry):
            raise InputError(
                f"{where} should hold finite numbers, as JSON has no others; found {entry} at {name}"
            )
    return json.dumps(content, indent=indent, allow_nan=False) + "\n"


class _Doubt(NamedTuple):
    """A mark that stands in the place of a doubtful entry. Its `words` follow "should be"."""

    words: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        found[twice] = _Doubt("named once in its object, found it twice")
    return found


def _whole(digits: str) -> int | _Doubt:
    if len(digits.lstrip("-")) > MOST_DIGITS or not -(1 << 63) <= int(digits) < 1 << 63:
        return _Doubt(f"a whole number from -2⁶³ to 2⁶³ - 1, found {shortened(digits)}")
    return int(digits)


def _finite(digits: str) -> float | _Doubt:
    number = float(digits)
    return number if math.isfinite(number) else _Doubt(f"a finite number, found {shortened(digits)}")


def _require_shallow(value: Any, where: str) -> None:
    """Raise InputError where lists and objects are nested too deep."""
    level, depth = [value], 0
    while level := [part for entry in level if isinstance(entry, dict | list) for part in _inside(entry)]:
        depth += 1
        if depth > DEEPEST:
            raise InputError(f"{where} should be JSON nested at most {DEEPEST} deep, found more")


def _inside(entry: Mapping[str, Any] | list[Any]) -> Iterable[Any]:
    return entry.values() if isinstance(entry, Mapping) else entry


def _entries(content: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every entry that is no list and no object, with its name, such as "train.loss" or "hidden[1]"."""
    if isinstance(content, Mapping):
        for key, entry in content.items():
            below = f"{name}.{key}" if name else f"{key}"
            yield from _entries(_half_a_pair(key) or entry, below.encode(errors="replace").decode())
    elif isinstance(content, list | tuple) and not isinstance(content, _Doubt):
        for i, entry in enumerate(content):
            yield from _entries(entry, f"{name}[{i}]")
    else:
        yield name, (isinstance(content, str) and _half_a_pair(content)) or content


def _half_a_pair(text: str) -> _Doubt | None:
    """Return the doubt that a text cannot be written as UTF-8, or None."""
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return None
    return _Doubt("text of whole characters, found half of a surrogate pair")


def _writable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _writable(part) for name, part in value.items()}
    return [_writable(part) for part in value] if isinstance(value, list | tuple) else value
