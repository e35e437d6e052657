"""Tables as text: aligned columns for people, Markdown, CSV and JSON."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scratchvae import strict_json

Row = Mapping[str, Any]  # a number, a truth value, a text or None for each column
# for people: what a column is called, and how its values are written
Words = Mapping[str, tuple[str, Callable[[Any], str]]]


def counted(number: int, noun: str) -> str:
    """Write a number of things, with the plural of a noun that takes an s, as in 1 epoch or 2 epochs."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def text(rows: Sequence[Row], words: Words) -> str:
    """Write aligned columns under their names, with numbers on the right."""
    heads, cells = _cells(rows, words)
    lines = [
        [cell.rjust(width) if right else cell.ljust(width) for cell in column]
        for column, width, right in (
            (column, max(map(len, column)), right)
            for column, right in zip(zip(heads, *cells, strict=True), _numeric(rows), strict=True)
        )
    ]
    return "".join(f"{'  '.join(line).rstrip()}\n" for line in zip(*lines, strict=True))


def markdown(rows: Sequence[Row], words: Words) -> str:
    """Write a table in GitHub's Markdown."""
    heads, cells = _cells(rows, words)
    rule = ["---:" if right else "---" for right in _numeric(rows)]
    escaped = [[_escaped(cell) for cell in line] for line in [heads, *cells]]
    return "".join(f"| {' | '.join(line)} |\n" for line in [escaped[0], rule, *escaped[1:]])


def comma_separated(rows: Sequence[Row], _: Words) -> str:
    """Write CSV as of RFC 4180 except for its line ends, with every digit of the numbers.

    A cell is empty where a run has no value.
    """
    written = io.StringIO()
    table = csv.DictWriter(written, _names(rows), restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return written.getvalue()


def json(rows: Sequence[Row], _: Words) -> str:
    """Write a list of objects, with null where a run has no value."""
    names = _names(rows)
    return strict_json.dump([{name: row.get(name) for name in names} for row in rows], indent=2) + "\n"


FORMATS: dict[str, Callable[[Sequence[Row], Words], str]] = {
    "text": text,
    "markdown": markdown,
    "csv": comma_separated,
    "json": json,
}
SUFFIXES = {".txt": "text", ".md": "markdown", ".csv": "csv", ".json": "json"}


def nats(value: float) -> str:
    """Write a log-probability with two decimals."""
    return f"{value:.2f}"


def duration(seconds: float) -> str:
    """Write so many seconds in the two largest units that fit, of hours, minutes and seconds.

    >>> duration(3725.0), duration(65.0), duration(2.345)
    ('1 h 02 min', '1 min 05 s', '2.3 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def printable(word: str) -> str:
    """Return a word from a file as one line, without characters that would control a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in word)


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cells(rows: Sequence[Row], words: Words) -> tuple[list[str], list[list[str]]]:
    names = _names(rows)
    heads = [words[name][0] if name in words else printable(name) for name in names]
    return heads, [
        [_cell(row.get(name), words[name][1] if name in words else None) for name in names] for row in rows
    ]


def _cell(value: Any, words: Callable[[Any], str] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if words is not None:
        return words(value)
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _numeric(rows: Sequence[Row]) -> list[bool]:
    """Say which columns hold numbers only."""
    return [all(_is_number(row.get(name)) for row in rows) for name in _names(rows)]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _escaped(cell: str) -> str:
    """Escape what Markdown would take for the end of a column, for HTML or for emphasis."""
    for letter in "\\|<>*`":
        cell = cell.replace(letter, f"\\{letter}")
    return cell
