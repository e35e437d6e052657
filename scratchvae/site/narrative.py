"""A demo's docstring as HTML: its paragraphs with their equations set, and its tables line by line."""

import re
from collections.abc import Collection
from itertools import groupby
from textwrap import dedent

from scratchvae.site.atlas import Atlas
from scratchvae.site.docstrings import displayed
from scratchvae.site.prose import inline


def narrative(text: str, names: Collection[str], atlas: Atlas) -> str:
    """Return the paragraphs of a docstring as elements; its equations may use `names` as names."""
    blocks = [part for part in re.split(r"\n\s*\n", dedent(text).strip("\n")) if part.strip()]
    return "\n".join(element for block in blocks for element in _elements(block.splitlines(), names, atlas))


def _elements(lines: list[str], names: Collection[str], atlas: Atlas) -> list[str]:
    def link(name: str) -> str | None:
        try:
            return atlas.href(f"scratchvae.{name}")
        except KeyError:
            return None

    found = []
    for indented, group in groupby(lines, key=lambda line: line.startswith("    ")):
        part = dedent("\n".join(group))
        if not indented:
            found.append(f"<p>{inline(' '.join(part.split()), names, link)}</p>")
        elif all(len(_cells(line)) > 1 for line in part.splitlines()):
            rows = "".join(
                f"<tr>{''.join(f'<td>{inline(c, names, link)}</td>' for c in _cells(l))}</tr>"
                for l in part.splitlines()
            )
            found.append(f'<div class="scroll"><table class="lines"><tbody>{rows}</tbody></table></div>')
        else:
            found.append(displayed(part.splitlines(), names, link))
    return found


def _cells(line: str) -> list[str]:
    """Return the columns of a line, which two spaces or more separate, and the number of an equation."""
    return [cell for cell in re.split(r"\s{2,}|(?<=^\(\d\d\)) ", line.strip()) if cell]
