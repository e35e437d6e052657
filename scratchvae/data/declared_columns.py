"""A user declares what columns are in a small grammar: `age=count, size=ordered(S, M, L), pixel_*=count`.

    columns  =  entry {, entry}
    entry    =  name=kind  |  name=kind(level, level, …)
    kind     =  real  |  positive  |  count  |  ordered  |  binary  |  categorical  |  ignored

A name or a level stands in quotes if it holds one of , = ( ) or begins or ends in a space, as in 'heart rate
'=positive. In a name, * stands for any letters. Where two entries match a column, the later one counts.
Levels are listed from the lowest to the highest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from scratchvae.arrays import InputError, require_choice
from scratchvae.data.columns import KINDS, WITH_LEVELS

IGNORED = "ignored"  # a column that no model sees
WORD = r"""\s*("[^"]*"|'[^']*'|[^,=()"']*?)\s*"""
ENTRY = re.compile(rf"{WORD}={WORD}(\((?P<levels>(?:\"[^\"]*\"|'[^']*'|[^()\"'])*)\))?\s*(?:,|$)")
LEVEL = re.compile(rf"{WORD}(?:,|$)")
GRAMMAR = 'columns should be like "age=count, size=ordered(S, M, L)"'


@dataclass(frozen=True)
class Declared:
    """An entry declares of which kind the columns of that name or pattern are, and which levels they have."""

    name: str
    kind: str
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_choice("columns", f"the kind of {self.name!r}", self.kind, (*KINDS, IGNORED))
        if self.levels and self.kind not in WITH_LEVELS:
            raise InputError(
                f"columns: a {self.kind} column has no levels, "
                f"found {self.name}={self.kind}({', '.join(self.levels)})"
            )


def declared(columns: str | Mapping[str, str]) -> list[Declared]:
    """Parse such a text, or a mapping such as {"size": "ordered(S, M, L)"}, into its entries."""
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
    """Return the entry for one column of a mapping, whose kind is a text such as "ordered(S, M, L)"."""
    entries = declared(f"name={kind}")
    if len(entries) != 1:
        found = f"found {kind!r:.80}: give each column an item of its own, or all of them in one text"
        raise InputError(
            f"columns: {name!r} should have one kind, such as 'count' or 'ordered(S, M, L)'; {found}"
        )
    return replace(entries[0], name=name)


def of_each(entries: Sequence[Declared], names: Sequence[str]) -> dict[str, Declared]:
    """Return what is declared of each of these columns; InputError for an entry that matches none of them."""
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
    """Write a name or a level as the grammar needs it, in quotes where it needs them."""
    if word and word == word.strip() and not set(word) & set(",=()\"'"):
        return word
    return f"'{word}'" if "'" not in word else f'"{word}"'


def _bare(word: str) -> str:
    """Return a word without its quotes."""
    return word[1:-1] if word[:1] in ("'", '"') and len(word) > 1 else word
