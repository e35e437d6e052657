"""What a user says that columns are: `age=count, 'heart rate'=positive, size=ordered(S, M, L),
pixel_*=count`.

    columns  =  entry {, entry}
    entry    =  name=kind  |  name=kind(level, level, …)
    kind     =  real  |  positive  |  count  |  ordered  |  binary  |  categorical  |  ignored

Names and levels that hold one of , = ( ) or begin or end in a space stand in quotes. In a name, * stands for
any letters; of two entries that match a column the later one counts, and the levels are listed from the
lowest to the highest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from scratchvae.arrays import InputError, require_choice
from scratchvae.data.table_schema import KINDS, WITH_LEVELS

IGNORED = "ignored"  # a column that no model sees
WORD = r"""\s*("[^"]*"|'[^']*'|[^,=()"']*?)\s*"""
ENTRY = re.compile(rf"{WORD}={WORD}(\((?P<levels>(?:\"[^\"]*\"|'[^']*'|[^()\"'])*)\))?\s*(?:,|$)")
LEVEL = re.compile(rf"{WORD}(?:,|$)")
GRAMMAR = 'columns should be like "age=count, size=ordered(S, M, L)"'


@dataclass(frozen=True)
class Declared:
    """One entry: the columns of that name or pattern are of that kind, with these levels if any are given."""

    name: str
    kind: str
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_choice("columns", f"the kind of {self.name!r}", self.kind, (*KINDS, IGNORED))
        if self.levels and self.kind not in WITH_LEVELS:
            raise InputError(
                f"columns: a {self.kind} column has no levels, found {self.name}={self.kind}({', '.join(self.levels)})"
            )


def declared(columns: str | Mapping[str, str]) -> list[Declared]:
    """The entries of such a text, or of a mapping from names to kinds such as {"size": "ordered(S, M, L)"}."""
    if isinstance(columns, Mapping):
        return [_declared_kind(str(name), kind) for name, kind in columns.items()]
    if not isinstance(columns, str):
        raise InputError(f"{GRAMMAR}, or a mapping from names to kinds; found a {type(columns).__name__}")
    entries, at = [], 0
    while at < len(columns) and columns[at:].strip():
        match = ENTRY.match(columns, at)
        if match is None or not _bare(match[1]):
            raise InputError(f"{GRAMMAR}; found {columns[at:].strip()[:60]!r}")
        inside, levels = match["levels"], []
        place = 0
        while inside is not None and place < len(inside):
            level = LEVEL.match(inside, place)
            if level is None or not level[1]:  # a level in quotes may be empty
                raise InputError(f"{GRAMMAR}; found the levels ({inside[:60]})")
            levels.append(_bare(level[1]))
            place = level.end()
        entries.append(Declared(_bare(match[1]), _bare(match[2]), tuple(levels)))
        at = match.end()
    return entries


def _declared_kind(name: str, kind: str) -> Declared:
    """The entry of one column of a mapping, whose kind is like "ordered(S, M, L)"."""
    entries = declared(f"name={kind}")
    if len(entries) != 1:
        found = f"found {kind!r:.80}: give each column an item of its own, or all of them in one text"
        raise InputError(
            f"columns: {name!r} should have one kind, such as 'count' or 'ordered(S, M, L)'; {found}"
        )
    return replace(entries[0], name=name)


def of_each(entries: Sequence[Declared], names: Sequence[str]) -> dict[str, Declared]:
    """What is declared of the columns of these names. InputError for an entry that matches none of them."""
    found: dict[str, Declared] = {}
    for entry in entries:
        matching = [name for name in names if name == entry.name] or [
            n for n in names if fnmatchcase(n, entry.name)
        ]
        if not matching:
            known = ", ".join(names[:8]) + ("…" if len(names) > 8 else "")
            raise InputError(f"columns: {entry.name!r} should be a column of the table, which has {known}")
        found |= dict.fromkeys(matching, entry)
    return found


def quoted(word: str) -> str:
    """A name or a level as the grammar has it, in quotes where it needs them."""
    if word and word == word.strip() and not set(word) & set(",=()\"'"):
        return word
    return f"'{word}'" if "'" not in word else f'"{word}"'


def _bare(word: str) -> str:
    """A word without its quotes."""
    return word[1:-1] if word[:1] in ("'", '"') and len(word) > 1 else word
