"""Files of tables: cells between separators, with the names of the columns in the first line.

The standard library's csv reader reads them even where pandas is there, so that a file means the same on
every machine. Pandas guesses types from pieces of a file, and its guesses have changed between versions.
"""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from scratchvae.arrays import InputError, require_flag
from scratchvae.data.cells import is_missing, number
from scratchvae.data.limits import require_room
from scratchvae.data.streams import opened, read_all
from scratchvae.files import write_whole

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
OF_A_CELL = 64  # what each cell counts as in memory, in bytes
BYTE_ORDER_MARK = "\ufeff"  # some programs write it, and others write a second one before it
INDEX = ""  # the name of the column in which DataFrame.to_csv writes the index


def is_table(path: Path) -> bool:
    """Whether the name of a file says that it holds a table."""
    return path.name.lower().endswith(SUFFIXES)


def read_cells(path: Path, *, index: bool = False) -> dict[str, list[str]]:
    """Read a file's cells as texts without spaces around them, a list for each column by its name.

    The first line has the names. The separator is one of , ; tab and |, whichever the first line has most of
    outside quotes. A file may begin with a byte order mark and be compressed by gzip. It is in UTF-8, and
    empty lines are skipped. In a table of one column, though, an empty line between others is a missing cell.
    A first column without a name that holds 0, 1, 2, …, in any order, is the index that DataFrame.to_csv has
    written. It is left out, unless `index` asks for it under the name INDEX. InputError for rows that are
    longer or shorter than the first, for names that are missing, that occur twice or that are numbers, and
    for broken quotes.
    """
    require_flag("read_cells", "index", index)
    with opened(path) as stream:
        content = read_all(stream, str(path), each=4)
    try:
        text = content.decode("utf-8").lstrip(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: a table should be text in UTF-8, found other bytes at byte {error.start}"
        ) from None
    if "\0" in text:
        raise InputError(
            f"{path}: a table should be text, found a zero byte at character {text.index(chr(0))}"
        )
    lines = _lines(text, path)
    if len(lines) < 2:
        raise InputError(
            f"{path}: a table should have a line of names and one line or more of cells; "
            f"found {len(lines)} lines"
        )
    names = [name.strip() for name in lines[0][1]]
    require_room(
        str(path), len(lines) * len(names) * OF_A_CELL, f"{len(lines):,} rows of {len(names):,} cells"
    )
    for line, cells in lines[1:]:
        if len(cells) != len(names):
            separator = " and a separator such as , between them" if len(names) == 1 else ""
            expected = f"{len(names)} cells, as many as the first line has names{separator}"
            raise InputError(f"{path}, line {line}: a row should have {expected}; found {len(cells)}")
    table = [
        [cell.strip() for cell in column] for column in zip(*(cells for _, cells in lines[1:]), strict=True)
    ]
    if names[0] == INDEX and len(names) > 1 and set(table[0]) == {str(i) for i in range(len(table[0]))}:
        _require_names(names[1:], path)
        names, table = (names, table) if index else (names[1:], table[1:])
    else:
        _require_names(names, path)
    return dict(zip(names, table, strict=True))


def write_cells(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as a file of cells, with tabs between them where its name ends in .tsv, else with commas.

    A number is written with as many digits as its dtype needs to be read again, and a missing cell is empty.
    """
    stream = StringIO()
    writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
    writer.writerow(columns)
    texts = [
        ["" if is_missing(cell) and not isinstance(cell, str) else str(cell) for cell in column]
        for column in columns.values()
    ]
    writer.writerows(zip(*texts, strict=True))
    write_whole(path, stream.getvalue().encode())


def completed(
    cells: Mapping[str, Sequence[str]], filled: Mapping[str, Sequence[Any]]
) -> dict[str, list[Any]]:
    """Return the cells of a file as they were written, with those of `filled` in place of missing ones."""
    return {
        name: [
            filled[name][i] if name in filled and is_missing(cell) else cell for i, cell in enumerate(column)
        ]
        for name, column in cells.items()
    }


def _lines(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of each line that has any, and the number of that line in the file."""
    first = text.lstrip("\r\n").partition("\n")[0]
    outside = "".join(first.split('"')[::2])
    separator = max(SEPARATORS, key=outside.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    usual = csv.field_size_limit(len(text) + 1)  # a cell may be as long as the file, which has room
    lines: list[tuple[int, list[str]]] = []
    empty: list[int] = []  # the empty lines since the last line that was not empty
    try:
        for cells in reader:
            one_column = bool(lines) and len(lines[0][1]) == 1
            if not (len(cells) > 1 or (cells and (cells[0].strip() or (one_column and cells == [""])))):
                empty.append(reader.line_num)
                continue
            if one_column:
                lines += [(line, [""]) for line in empty]
            empty = []
            lines.append((reader.line_num, cells))
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.line_num}: each quote in a table should be closed, and doubled inside a "
            f"quoted cell ({error})"
        ) from None
    finally:
        csv.field_size_limit(usual)
    return lines


def _require_names(names: Sequence[str], path: Path) -> None:
    if all(number(name) is not None for name in names):
        found = ", ".join(names[:4]) + ("…" if len(names) > 4 else "")
        default = "if these are names, as pandas writes them by default"
        rename = f"{default}, begin each with a letter (table.add_prefix('c'))"
        above = "if they are data, put a line of names above them"
        raise InputError(
            f"{path}: the first line should name the columns, found numbers: {found}; {rename}; {above}"
        )
    for i, name in enumerate(names):
        if not name:
            raise InputError(
                f"{path}: each column should have a name in the first line, found none for column {i + 1}"
            )
        if name in names[:i]:
            both = f"columns {names.index(name) + 1} and {i + 1}"
            raise InputError(f"{path}: each column should have a name of its own, found {name!r} for {both}")
