"""The kind of a table's column: the one that is declared, or the only one that its cells allow.

    cells                                          kind
    bools, two whole numbers, or two texts         binary
    other texts                                    categorical
    whole numbers from 0 on, 0 among them          count
    other numbers                                  real

Only a declaration makes a column positive, ordered, or categorical where its cells are numbers, since ages,
grades and codes look alike. Dates, names, identifiers and columns without any value have no law, and an
InputError refuses them.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from scratchvae.arrays import InputError
from scratchvae.data.cells import LARGEST_WHOLE, WHOLE, digits_lost, is_missing, number, row, text_of
from scratchvae.data.columns import WITH_LEVELS, Column
from scratchvae.data.decimals import decimals_of
from scratchvae.data.declared_columns import Declared, quoted

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DATE = re.compile(
    # 2020-01-31, 31/1/2020
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d{4}[-/](?:0[1-9]|1[0-2])"
    r"|\d{8}T\d{4,6}.*|\d{1,2}:\d{2}(?::\d{2}.*|\s*[ap]\.?m\.?)?"  # 20200131T1200, 12:00, 3:30 pm
    # 31 Jan 2020, Friday, 31 January 2020
    rf"|(?:[a-z]+,?\s+)?\d{{1,2}}(?:st|nd|rd|th)?[-\s./]*{MONTH}[-\s,./]*\d{{2,4}}.*"
    rf"|(?:[a-z]+,?\s+)?{MONTH}[-\s]+\d{{1,2}}(?:st|nd|rd|th)?[-\s,]+\d{{2,4}}.*"  # Jan 31, 2020
    rf"|{MONTH}[-\s,]*\d{{4}}|\d{{4}}[-\s./]*{MONTH}(?:[-\s./]*\d{{1,2}}.*)?",  # Jan 2020, 2020 Jan 31
    re.IGNORECASE,
)
CURRENCY = r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|JPY)?"
# 1,500,000 and 1'500
GROUPED = r"(?:\d{1,3}(?:[,.]\d{3})+|\d{1,3}(?:,\d{2})*,\d{3}|\d{1,3}(?:[ '’_\u00a0\u202f]\d{3})+|\d+)"
WITH_MARKS = re.compile(
    rf"\(?[-+−]?\s*{CURRENCY}\s*[-+−]?(?=[,.]?\d){GROUPED}?(?:[.,]\d*)?(?:[ed][-+−]?\d+)?"
    rf"\s*(?:[%‰]|{CURRENCY})\)?"
    r"|[-+−]?(?:inf|infinity)|[-+−]?∞",
    re.IGNORECASE,
)
CODE = re.compile(r"[+-]?0\d*")  # 007, which is no number with marks
DATES = ("holds dates or times", DATE, "write them as numbers, of days, say")
COMMAS = (
    "has numbers with commas",
    re.compile(r"[+-]?\d+(,\d+)+"),
    "write 3.14 with a point, and no other marks",
)
MARKS = (
    "has numbers that are written with marks, or are none",
    WITH_MARKS,
    "write 3.14 with a point, and no other marks",
)
FEW = 10  # texts may have so many levels, however few rows there are


def described(
    name: str,
    cells: Sequence[Any],
    entry: Declared | None,
    where: str,
    levels: Sequence[Any] | None = None,
    *,
    ordered: bool = False,
) -> Column:
    """Describe the column of these cells, as `entry` declares it, or by the table above where it is None.

    `levels` are those of a DataFrame's own type of column, which may be `ordered` from the lowest to the
    highest. A text such as NA is a level, and no missing entry, where the levels that are declared or given
    list it. InputError for a column whose kind is in doubt.
    """
    where = f"{where}: column {name!r}"
    listed = {
        level.strip()
        for level in (entry.levels if entry is not None else levels or ())
        if isinstance(level, str)
    }
    seen = [(i, cell) for i, cell in enumerate(cells) if not is_missing(cell, listed)]
    if not seen:
        raise InputError(f"{where} has no value in any row; {_leave_out(name)}")
    values = _values(name, seen, where)
    if entry is not None:
        kind = entry.kind
    elif levels is not None:
        kind = "ordered" if ordered else "categorical"
    else:
        kind = _kind(name, seen, values, where)
    if kind not in WITH_LEVELS:
        held = "whole" if values == "bool" else values if values != "text" else "real"
        decimals = decimals_of(cell for _, cell in seen) if values == "real" and kind != "count" else None
        return Column(name, kind, held, decimals=decimals)
    if entry is not None and entry.levels:
        return Column(name, kind, values, tuple(text_of(level, values) for level in entry.levels))
    if levels is not None:
        return Column(name, kind, values, tuple(text_of(level, values) for level in levels))
    found = (
        ("False", "True")
        if values == "bool"
        else _sorted({text_of(cell, values) for _, cell in seen}, values)
    )
    if kind == "ordered" and values == "text" and len(found) > 1:
        order = ", ".join(map(quoted, found[:5])) + (", …" if len(found) > 5 else "")
        raise InputError(
            f"{where}: its levels should be given in their order, "
            f'as in --columns "{quoted(name)}=ordered({order})"'
        )
    return Column(name, kind, values, found)


def _values(name: str, seen: Sequence[tuple[int, Any]], where: str) -> str:
    """Say what the cells are, as one of VALUES; InputError for dates, and for cells of several types."""
    texts = bools = wholes = numbers = 0
    for i, cell in seen:
        if isinstance(cell, str):
            found = number(cell)
            texts, numbers = texts + (found is None), numbers + (found is not None)
            wholes += WHOLE.fullmatch(cell.strip()) is not None
        elif isinstance(cell, bool | np.bool_):
            bools += 1
        elif number(cell) is not None:
            numbers, wholes = numbers + 1, wholes + isinstance(cell, int | np.integer)
        elif isinstance(cell, float | np.floating):
            raise InputError(f"{where} should hold finite numbers, found {cell} {row(i)}")
        else:
            date = (
                hasattr(cell, "year")
                or hasattr(cell, "total_seconds")
                or isinstance(cell, np.datetime64 | np.timedelta64)
            )
            expected = "numbers, such as days since a first one" if date else "numbers or texts"
            expected = "numbers that float64 can hold" if isinstance(cell, Real | Decimal) else expected
            raise InputError(
                f"{where} should hold {expected}; found a {type(cell).__name__} {row(i)}; {_leave_out(name)}"
            )
    if texts and not bools and numbers and not all(isinstance(cell, str) for _, cell in seen):
        i, odd = next((i, cell) for i, cell in seen if isinstance(cell, str))
        raise InputError(
            f"{where} should hold numbers or texts, found both, the first text {odd!r:.40} {row(i)}"
        )
    if bools not in (0, len(seen)):
        raise InputError(f"{where} should hold True and False, numbers or texts; found several of these")
    if bools:
        return "bool"
    return "text" if texts else "whole" if wholes == len(seen) else "real"


def _kind(name: str, seen: Sequence[tuple[int, Any]], values: str, where: str) -> str:
    """Return the kind of which the cells leave no doubt."""
    if values == "bool":
        return "binary"
    if values == "text":
        _require_categories(name, seen, where)
        return "binary" if len({str(cell).strip() for _, cell in seen}) == 2 else "categorical"
    for i, cell in seen:
        if digits_lost(cell):
            found = f"{cell!s:.40} {row(i)}, a whole number of more digits than float64 has"
            raise InputError(f"{where} holds {found}, as identifiers are; {_leave_out(name)}")
    numbers = np.array([number(cell) for _, cell in seen])
    if (np.abs(numbers) > LARGEST_WHOLE).any() and values == "whole":
        i, first = next((i, cell) for i, cell in seen if abs(int(cell)) > LARGEST_WHOLE)
        found = f"{first!s:.40} {row(i)}, a whole number of more digits than float64 has"
        raise InputError(f"{where} holds {found}, as identifiers are; {_leave_out(name)}")
    different = np.unique(numbers)
    if (numbers != np.rint(numbers)).any() or len(different) == 1:
        return "real"
    if len(different) == 2:
        return "binary"
    return "count" if different[0] == 0 else "real"


def _require_categories(name: str, seen: Sequence[tuple[int, Any]], where: str) -> None:
    """InputError for texts that are no categories: dates, badly written numbers, identifiers."""
    texts = [(i, str(cell).strip()) for i, cell in seen]
    odd = [(i, text) for i, text in texts if number(text) is None]
    (i, first), count, different = odd[0], len(odd), len({text for _, text in texts})
    anyway = f'--columns "{quoted(name)}=categorical" takes it as it is'
    for words, pattern, helps in (DATES, COMMAS, MARKS):
        like = [(i, text) for i, text in odd if pattern.fullmatch(text) and not CODE.fullmatch(text)]
        if words == MARKS[0] and count <= len(texts) // 2:
            helps = f"write NA there if a value is missing, or {anyway}"
            raise InputError(
                f"{where} holds numbers in all but {count} rows, the first {first!r:.40} {row(i)}: {helps}"
            )
        others = len(texts) - len(like) if words == DATES[0] else len(odd) - len(like)
        if like and others <= len(texts) // 2:
            found = f"{words}, such as {like[0][1]!r:.40} {row(like[0][0])}"
            raise InputError(f"{where} {found}: {helps}; {_leave_out(name)}, and {anyway}")
    if different > max(FEW, len(texts) // 2):
        found = f"{different} different texts in {len(texts)} rows, such as {first!r:.40}"
        raise InputError(
            f"{where} has {found}, and looks like names or identifiers; {_leave_out(name)}, and {anyway}"
        )


def _leave_out(name: str) -> str:
    return f'--columns "{quoted(name)}=ignored" leaves it out'


def _sorted(levels: set[str], values: str) -> tuple[str, ...]:
    """Sort levels: numbers by their size, other levels by their letters."""
    return tuple(sorted(levels, key={"whole": int, "real": float}.get(values, str)))
